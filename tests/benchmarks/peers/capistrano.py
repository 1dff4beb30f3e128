"""Capistrano: tasks over SSHKit. It deploys and runs commands; it has no resources that could be found to be so."""

import shlex
from collections.abc import Sequence

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

    def prepare(self, works: Sequence[Work]) -> None:
        places = {"key": self.lab.key, "known_hosts": self.lab.known_hosts, "config": self.lab.folder / "ssh_config"}
        self.write("Capfile", CAPFILE)
        self.write("config/deploy.rb", "")
        self.write("config/deploy/bench.rb", STAGE.format(**{name: str(path) for name, path in places.items()}))

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        told = [f"NODES={' '.join(nodes)}", f"WORDS={shlex.join(words)}"]
        return ["env", "--chdir", str(self.folder), "cap", "bench", "one_off", *told]

    def version(self) -> str:
        return self.lab.run(["cap", "--version"]).stdout.split()[2]
