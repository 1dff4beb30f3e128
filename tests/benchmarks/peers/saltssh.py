"""Plain salt-ssh: the stock program, with a configuration of its own as its manual has it."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from tests.benchmarks.lab import BIN
from tests.benchmarks.peers.peer import Peer, Peers
from tests.benchmarks.work import Resource, Work

THIN = "/var/tmp/.bench-salt"  # where salt-ssh leaves itself on a node
NOT_OURS = ("ssh_options", "root_dir", "pki_dir", "cachedir", "sock_dir", "log_file", "ssh_log_file", "roster_file")
SUMS = re.compile(r"^Succeeded: +(\d+)( \(.*changed=\d+.*\))?$", re.MULTILINE)


class SaltSsh(Peer):
    """The program salt-ssh of the Salt that kraftwerk itself has."""

    name = "salt-ssh"

    def prepare(self, works: Sequence[Work]) -> None:
        for work in works:
            self.write(f"salt/bench/{work.name}.sls", yaml.safe_dump(states(work), sort_keys=False))
            work.write(self.folder / "salt" / "bench" / "files")
        roster = {name: {"host": host, "user": "root", "thin_dir": THIN} for name, host in self.lab.hosts().items()}
        self.write("roster", yaml.safe_dump(roster))
        roots = {"file_roots": {"base": [str(self.folder / "salt")]}}
        self.write("conf/master", yaml.safe_dump(self._settings() | roots))
        self._write_full()

    def _write_full(self) -> None:
        """Write a second configuration: kraftwerk's own states, pillar and modules, for the full node."""
        self.lab.python("from kraftwerk import saltconf; saltconf.write()")
        ours = yaml.safe_load((self.lab.home / ".state" / "salt" / "master").read_text())
        shared = {name: value for name, value in ours.items() if name not in NOT_OURS}
        self.write("full/master", yaml.safe_dump(shared | self._settings()))

    def _settings(self) -> dict[str, Any]:
        places = {name: str(self.folder / name) for name in ("pki_dir", "cachedir", "sock_dir", "log_file")}
        ssh = {"ssh_priv": str(self.lab.key), "known_hosts_file": str(self.lab.known_hosts)}
        kept = {"roster_file": str(self.folder / "roster"), "thin_saltext_blocklist": ["pytest-salt-factories"]}
        return {"root_dir": str(self.folder), "user": "root", **places, **kept, **ssh, "log_level_logfile": "quiet"}

    def program(self, nodes: Sequence[str], *words: str, conf: str = "conf") -> list[str]:
        """Return the words that run salt-ssh on nodes."""
        return [str(BIN / "salt-ssh"), "-c", str(self.folder / conf), "-L", ",".join(nodes), *words]

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        return self.program(nodes, "cmd.run", f"command {shlex.join(words)}")  # else it takes `true` for a boolean

    def raw(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        """Return the command that runs a program without anything of Salt on the node."""
        return self.program(nodes, "-r", shlex.join(words))

    def converge(self, nodes: Sequence[str], work: Work) -> list[str]:
        return self.program(nodes, "state.apply", f"bench.{work.name}")

    def version(self) -> str:
        return self.lab.run([str(BIN / "salt-ssh"), "--version"]).stdout.split()[1]

    def no_op(self, output: str, nodes: Sequence[str]) -> bool:
        return unchanged(output, len(nodes))


def stock(peers: Peers) -> SaltSsh:
    """Return the one of all tools that is asked for more than the others."""
    salt = peers[SaltSsh.name]
    assert isinstance(salt, SaltSsh)
    return salt


def unchanged(output: str, count: int) -> bool:
    """Tell whether so many nodes had nothing to change, nor failed."""
    return [bool(changes) for _, changes in SUMS.findall(output)] == [False] * count


def states(work: Work) -> dict[str, Any]:
    """Return a work as the content of an .sls file."""
    return {
        resource.title: {STATES[resource.kind][0]: STATES[resource.kind][1](resource, work)}
        for resource in work.resources
    }


def _source(resource: Resource, work: Work, **more: object) -> list[dict[str, object]]:
    options = {"source": f"salt://bench/files/{work.source(resource)}", "user": "root", "group": "root", "mode": "644"}
    return [{name: value} for name, value in ({"name": resource.name} | options | more).items()]


def _named(resource: Resource, **more: object) -> list[dict[str, object]]:
    return [{"name": resource.name}, *({name: value} for name, value in more.items())]


State = tuple[str, Callable[[Resource, Work], list[dict[str, object]]]]
STATES: Mapping[str, State] = {
    "package": ("pkg.installed", lambda resource, _: _named(resource)),
    "group": ("group.present", lambda resource, _: _named(resource)),
    "user": ("user.present", lambda resource, _: _named(resource, gid="bench", shell="/bin/bash", createhome=False)),
    "folder": ("file.directory", lambda resource, _: _named(resource, user="root", group="root", mode="755")),
    "file": ("file.managed", _source),
    "template": (
        "file.managed",
        lambda resource, work: _source(resource, work, template="jinja", context=dict(work.values)),
    ),
    "link": ("file.symlink", lambda resource, _: _named(resource, target=resource.content)),
    "line": ("file.append", lambda resource, _: _named(resource, text=resource.content)),
    "service": ("service.running", lambda resource, _: _named(resource, enable=True)),
    "once": ("cmd.run", lambda resource, _: [{"name": resource.content}, {"creates": resource.name}]),
}
