"""Where the comparison happens: a folder, a home of kraftwerk's, and local nodes that all tools reach by one key."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import yaml

BENCH = Path(__file__).parents[2] / ".bench"
BIN = Path(sys.executable).parent
FULL, FILES, BARE = "bench-full", "bench-files", "bench-bare"
UNTOLD = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")  # a developer's habits, which users don't have


def many(count: int) -> list[str]:
    """Return the names of so many small nodes."""
    return [f"bench-{number:02}" for number in range(1, count + 1)]


@dataclass
class Lab:
    """A place to measure in.

    Attributes:
        folder: where every tool's configuration is.
        nodes: the small nodes; beside them there are `bench-full`, with a project, and `bench-files`;
            and `bench-bare`, which is made for the rows that begin with nothing.
    """

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="kwb-")))
    nodes: list[str] = field(default_factory=list)

    @property
    def several(self) -> list[str]:
        """Return the nodes of the rows with several: eight, or as many as there are."""
        return self.nodes[:8]

    @property
    def home(self) -> Path:
        """Return KRAFTWERK_HOME."""
        return self.folder / "home"

    @property
    def roster(self) -> Path:
        """Return kraftwerk's list of nodes."""
        return self.home / "nodes"

    @property
    def key(self) -> Path:
        """Return the key that nodes let in."""
        return self.home / "keys" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Return the file with the nodes' host keys."""
        return self.home / "known_hosts"

    @property
    def project(self) -> Path:
        """Return the folder of the project that the full node has."""
        return self.folder / "shop"

    @property
    def sources(self) -> Path:
        """Return the folder of the files that tools put on nodes."""
        return self.folder / "sources"

    def environment(self) -> dict[str, str]:
        """Return the environment of every tool: this one's, without what would slow one of them down."""
        kept = {name: value for name, value in os.environ.items() if name not in UNTOLD}
        path = f"{BIN}:{BENCH / 'bin'}:{os.environ['PATH']}"
        ansible = {"ANSIBLE_CONFIG": str(self.folder / "ansible" / "ansible.cfg")}
        return kept | ansible | {"KRAFTWERK_HOME": str(self.home), "PATH": path, "LC_ALL": "C.UTF-8"}

    def run(
        self, words: Sequence[str], *, cwd: Path | None = None, input: str = "", check: bool = True, timeout: int = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end.

        Raises:
            RuntimeError: it failed (with check); with all that it said.
        """
        done = subprocess.run(
            words,
            cwd=cwd or self.folder,
            env=self.environment(),
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{shlex.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}")
        return done

    def kraftwerk(self, *words: str, cwd: Path | None = None) -> str:
        """Run kraftwerk and return what it prints."""
        return self.run(["kraftwerk", *words], cwd=cwd).stdout

    def python(self, code: str, *words: str) -> None:
        """Run Python code that uses kraftwerk's modules on the home of this lab."""
        self.run([sys.executable, "-c", code, *words])

    def hosts(self) -> dict[str, str]:
        """Return the address of every node."""
        return {name: entry["host"] for name, entry in yaml.safe_load(self.roster.read_text()).items()}

    def node_script(self, node: str, script: str) -> str:
        """Run a shell script on a node by plain ssh and return what it prints."""
        return self.run(["ssh", "-F", str(self.folder / "ssh_config"), node, "sh", "-s"], input=script).stdout

    def everywhere(self, nodes: Sequence[str], act: Callable[[str], object]) -> None:
        """Do something for several nodes, a few at a time."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(act, nodes))

    def make_nodes(self, count: int) -> None:
        """Make the nodes that are missing, and deploy a Django project with PostgreSQL and files to the full one."""
        self.nodes = many(count)
        there = self.hosts() if self.roster.exists() else {}
        if FULL not in there:
            self.make(FULL)  # alone: it may have to make the base first
        with ThreadPoolExecutor(1) as pool:
            deployed = pool.submit(self._deploy)
            self.everywhere([name for name in (FILES, *self.nodes) if name not in there], self.make)
            deployed.result()
        self.write_ssh_config()

    def make(self, name: str) -> None:
        """Make a node."""
        self.kraftwerk("create-node", name, "--provider", "local", "--no-hosts", "--yes")

    def destroy(self, name: str) -> None:
        """Remove a node."""
        self.run(["kraftwerk", "destroy-node", name, "--yes"], check=False)

    def _deploy(self) -> None:
        if not self.project.exists():
            self.kraftwerk("init", "shop", "--template", "django", "--with", "postgres,files", "--defaults")
        self.kraftwerk("deploy", FULL, "--yes", cwd=self.project)

    def write_ssh_config(self) -> None:
        """Have plain ssh know the nodes that there are."""
        lines = [line for name, host in self.hosts().items() for line in (f"Host {name}", f"  HostName {host}")]
        lines += ["Host *", "  User root", f"  IdentityFile {self.key}", "  IdentitiesOnly yes", "  BatchMode yes"]
        lines += [f"  UserKnownHostsFile {self.known_hosts}"]
        (self.folder / "ssh_config").write_text("\n".join(lines) + "\n")

    def remove(self) -> None:
        """Remove the nodes and the folder."""
        if self.roster.exists():
            self.everywhere(list(self.hosts()), self.destroy)
        self.run(["rm", "-rf", str(self.folder)], cwd=Path("/"))
