"""pyinfra: an inventory and a file of operations."""

from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks.lab import BENCH
from tests.benchmarks.peers.peer import Peer
from tests.benchmarks.work import Resource, Work

HEAD = """
from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.operations import apt, files, server, systemd
"""


class Pyinfra(Peer):
    """pyinfra 3."""

    name = "pyinfra"

    def prepare(self, works: Sequence[Work]) -> None:
        for work in works:
            lines = [line for resource in work.resources for line in self._operation(work, resource)]
            self.write(f"{work.name}.py", HEAD + "\n".join(lines) + "\n")
        data = {"ssh_user": "root", "ssh_key": str(self.lab.key), "ssh_known_hosts_file": str(self.lab.known_hosts)}
        for nodes in ([name] for name in self.lab.hosts()):
            self._inventory(nodes, data)
        for count in range(2, len(self.lab.nodes) + 1):
            self._inventory(self.lab.nodes[:count], data)

    def _inventory(self, nodes: Sequence[str], data: Mapping[str, str]) -> None:
        hosts = self.lab.hosts()
        self.write(f"on_{nodes[0]}_{len(nodes)}.py", f"nodes = ({[hosts[node] for node in nodes]!r}, {data!r})\n")

    def _operation(self, work: Work, resource: Resource) -> list[str]:
        return OPERATIONS[resource.kind](resource, f"{self.lab.sources}/{work.source(resource)}", work)

    def _on(self, nodes: Sequence[str]) -> list[str]:
        return [str(BENCH / "bin" / "pyinfra"), "-y", str(self.folder / f"on_{nodes[0]}_{len(nodes)}.py")]

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        return [*self._on(nodes), "exec", "--", *words]

    def converge(self, nodes: Sequence[str], work: Work) -> list[str]:
        return [*self._on(nodes), str(self.folder / f"{work.name}.py")]

    def version(self) -> str:
        return self.lab.run([str(BENCH / "bin" / "pyinfra"), "--version"]).stdout.split()[-1]

    def no_op(self, output: str, nodes: Sequence[str]) -> bool:
        return unchanged(output)


def unchanged(output: str) -> bool:
    """Tell by the table at the end (hosts, success, error, no change) whether no node had anything to change."""
    totals = next((line for line in reversed(output.splitlines()) if "Grand total" in line), "")
    return totals.split()[-3:-1] == ["-", "-"]


Operation = Callable[[Resource, str, Work], list[str]]
OPERATIONS: Mapping[str, Operation] = {
    "package": lambda resource, *_: [f"apt.packages(packages=[{resource.name!r}])"],
    "group": lambda resource, *_: [f"server.group(group={resource.name!r})"],
    "user": lambda resource, *_: [
        f"server.user(user={resource.name!r}, group='bench', shell='/bin/bash', create_home=False)"
    ],
    "folder": lambda resource, *_: [f"files.directory(path={resource.name!r}, user='root', group='root', mode='755')"],
    "file": lambda resource, source, _: [
        f"files.put(src={source!r}, dest={resource.name!r}, user='root', group='root', mode='644')"
    ],
    "template": lambda resource, source, work: [
        f"files.template(src={source!r}, dest={resource.name!r}, user='root', group='root', mode='644', "
        f"**{dict(work.values)!r})"
    ],
    "link": lambda resource, *_: [f"files.link(path={resource.name!r}, target={resource.content!r})"],
    "line": lambda resource, *_: [f"files.line(path={resource.name!r}, line={resource.content!r})"],
    "service": lambda resource, *_: [f"systemd.service(service={resource.name!r}, running=True, enabled=True)"],
    "once": lambda resource, *_: [
        f"if not host.get_fact(File, path={resource.name!r}):",
        f"    server.shell(commands=[{resource.content!r}])",
    ],
}
