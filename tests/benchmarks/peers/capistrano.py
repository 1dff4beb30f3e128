"""Capistrano: tasks over SSHKit. It deploys and runs commands; it has no resources that could be found to be so."""

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers.peer import Peer
from tests.benchmarks.work import Work

CAPFILE = """
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git

task :one_off do
  on(roles(:all), in: :parallel) { execute ENV["WORDS"] }
end
"""
# What its manual has for an application; the repository is on the node itself, so that no network slows it down.
DEPLOY = """
set :application, "shop"
set :repo_url, "{repository}"
set :branch, "main"
set :deploy_to, "{target}"
"""
REPOSITORY, TARGET = "/srv/bench-shop.git", "/srv/bench-shop"
IDENTITY = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
STAGE = """
ENV["NODES"].split.each do |node|
  server node, user: "root", roles: %w[all], ssh_options: {{
    keys: ["{key}"], keys_only: true, user_known_hosts_file: ["{known_hosts}"], config: ["{config}"]
  }}
end
"""


class Capistrano(Peer):
    """Debian's capistrano."""

    name = "capistrano"
    current = f"{TARGET}/current"

    def prepare(self, works: Sequence[Work]) -> None:
        places = {"key": self.lab.key, "known_hosts": self.lab.known_hosts, "config": self.lab.folder / "ssh_config"}
        self.write("Capfile", CAPFILE)
        self.write("config/deploy.rb", DEPLOY.format(repository=REPOSITORY, target=TARGET))
        self.write("config/deploy/bench.rb", STAGE.format(**{name: str(path) for name, path in places.items()}))

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        told = [f"NODES={' '.join(nodes)}", f"WORDS={shlex.join(words)}"]
        return ["env", "--chdir", str(self.folder), "cap", "bench", "one_off", *told]

    def checkout(self, project: Path, node: str) -> Path:
        """Return a copy of a project in git, whose repository is on the node."""
        folder, ssh = self.folder / "checkout", f"ssh -F {shlex.quote(str(self.lab.folder / 'ssh_config'))}"
        shutil.rmtree(folder, ignore_errors=True)
        wanted = shutil.ignore_patterns("bin", "lib", "lib64", "include", "__pycache__", "pyvenv.cfg")
        shutil.copytree(project, folder, ignore=wanted)
        packages = "command -v git >/dev/null || { apt-get update -qq; apt-get install -y -qq git; } >/dev/null"
        fresh = f"rm -rf {REPOSITORY} {TARGET}; git init -q --bare -b main {REPOSITORY}"
        self.lab.node_script(node, f"{packages}; {fresh}\n")
        self._git("init", "-q", "-b", "main")
        self._git("config", "core.sshCommand", ssh)
        self._git("remote", "add", "origin", f"{node}:{REPOSITORY}")
        self.push()
        return folder

    def push(self) -> None:
        """Commit what was changed in the copy, and push it to the node."""
        self._git("add", "-A")
        self._git(*IDENTITY, "commit", "-q", "--allow-empty", "-m", "a change")
        self._git("push", "-q", "origin", "main")

    def _git(self, *words: str) -> None:
        self.lab.run(["git", *words], cwd=self.folder / "checkout")

    def deploy(self, nodes: Sequence[str]) -> list[str]:
        """Return the command that checks out on nodes what was pushed, and points `current` to it."""
        return ["env", "--chdir", str(self.folder), "cap", "bench", "deploy", f"NODES={' '.join(nodes)}"]

    def version(self) -> str:
        return self.lab.run(["cap", "--version"]).stdout.split()[2]
