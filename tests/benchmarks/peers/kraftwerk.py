"""kraftwerk: the command line as its users type it."""

import re
import time
from collections.abc import Sequence

import yaml

from tests.benchmarks.lab import BARE, FILES, FULL, Lab
from tests.benchmarks.peers.peer import Peer
from tests.benchmarks.peers.saltssh import states
from tests.benchmarks.work import Work

SETTLED = 0.5  # seconds until nodes, which share our cores, have ended their part of a connection, too
SUMS = re.compile(r"\b(\d+) changed, \d+ unchanged, (\d+) failed\b")


class Kraftwerk(Peer):
    """This checkout's kraftwerk. Its admin's own top.sls says what nodes get; the full one gets the shipped states."""

    name = "kraftwerk"

    def prepare(self, works: Sequence[Work]) -> None:
        from kraftwerk.paths import share

        for work in works:
            self._write(f"bench/{work.name}.sls", yaml.safe_dump(states(work), sort_keys=False))
            work.write(self.lab.home / "salt" / "bench" / "files")
        shipped = yaml.safe_load(share("salt", "top.sls").read_text())["base"]["*"]
        top = {FULL: shipped, BARE: shipped, FILES: ["bench.hundred"], "bench-[0-9]*": ["bench.fifteen"]}
        self._write("top.sls", yaml.safe_dump({"base": top}))

    def _write(self, name: str, text: str) -> None:
        path = self.lab.home / "salt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        if list(nodes) == [FULL]:
            return ["kraftwerk", "run", "--", *words]
        where = [word for node in nodes for word in ("--node", node)]
        return ["kraftwerk", "run", "--as", "root", *where, "--", *words]

    def converge(self, nodes: Sequence[str], work: Work | None) -> list[str]:
        return ["kraftwerk", "highstate", *nodes]

    def version(self) -> str:
        return self.lab.kraftwerk("--version").split()[-1]

    def no_op(self, output: str, nodes: Sequence[str]) -> bool:
        return unchanged(output, len(nodes))


def unchanged(output: str, count: int) -> bool:
    """Tell whether so many nodes had nothing to change, nor failed."""
    return SUMS.findall(output) == [("0", "0")] * count


def disconnect(lab: Lab, nodes: Sequence[str]) -> None:
    """End kraftwerk's connections, as if nobody had used it for a while."""
    code = "import sys; from kraftwerk.node import get_node; from kraftwerk.transport import Connection\n"
    code += "for name in sys.argv[1:]: Connection(get_node(name)).close()"
    lab.python(code, *nodes)
    time.sleep(SETTLED)
