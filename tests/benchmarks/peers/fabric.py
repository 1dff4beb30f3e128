"""Fabric: `fab` for one node; for several its own group of threads, since `fab` takes one after the other."""

import shlex
from collections.abc import Sequence

from tests.benchmarks.lab import BENCH
from tests.benchmarks.peers.peer import Peer
from tests.benchmarks.work import Work

FABFILE = """
from fabric import Config, ThreadingGroup, task

@task
def all(context, nodes, words):
    ThreadingGroup(*nodes.split(), config=Config(runtime_ssh_path={config!r})).run(words, in_stream=False)
"""


class Fabric(Peer):
    """Fabric 3."""

    name = "fabric"

    def prepare(self, works: Sequence[Work]) -> None:
        self.write("fabfile.py", FABFILE.format(config=str(self.lab.folder / "ssh_config")))

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        fab = [str(BENCH / "bin" / "fab")]
        if len(nodes) == 1:
            config = str(self.lab.folder / "ssh_config")
            return [*fab, "--ssh-config", config, "--hosts", nodes[0], "--", shlex.join(words)]
        return [
            *fab,
            "--search-root",
            str(self.folder),
            "all",
            f"--nodes={' '.join(nodes)}",
            f"--words={shlex.join(words)}",
        ]

    def version(self) -> str:
        return self.lab.run([str(BENCH / "bin" / "fab"), "--version"]).stdout.split()[1]
