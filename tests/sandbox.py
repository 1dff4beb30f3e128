"""A user's computer for tests of the whole program: a home folder of its own, and none of this process's settings."""

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from kraftwerk.paths import cache_home

# How this machine reaches its network, which has nothing to do with what is tested; and the way that all tests take.
KEPT = re.compile(r"KRAFTWERK_TRANSPORT|LANG|LC_\w+|\w+_proxy|\w+_PROXY|(PIP|UV|SSL|CURL|REQUESTS)_\w+")
SCRIPTS = sysconfig.get_path("scripts")


def search_path(*first: Path | str) -> str:
    """Return this process's PATH without the virtualenv that runs the tests, after other folders."""
    usual = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != SCRIPTS]
    return os.pathsep.join([*map(str, first), *usual])


@dataclass
class Sandbox:
    """A home folder, and commands run as its owner would.

    Attributes:
        path: where programs are found.
        settings: more environment variables.
        prefix: words before each command, such as those that make it another user's.
        shared_cache: use the cache that is there already, with the Debian of local nodes.
    """

    home: Path
    path: str
    settings: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    shared_cache: bool = True
    runtime: Path = field(init=False)

    def __post_init__(self) -> None:
        """Lay pip's configuration of this user into the home; make a place for sockets, whose paths must be short."""
        self.runtime = Path(tempfile.mkdtemp(prefix="kw-", dir="/tmp"))
        self.home.mkdir(exist_ok=True)
        for name in (".config/pip", ".pip"):
            if (Path.home() / name).is_dir():
                shutil.copytree(Path.home() / name, self.home / name, dirs_exist_ok=True)

    def environ(self) -> dict[str, str]:
        """Return the whole environment; nothing of Python or kraftwerk in it."""
        kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        cache = {"XDG_CACHE_HOME": str(cache_home().parent)} if self.shared_cache else {}
        own = {"HOME": str(self.home), "PATH": self.path, "KRAFTWERK_HOSTS": "never"}
        own["XDG_RUNTIME_DIR"] = str(self.runtime)
        return {**kept, **cache, **own, **self.settings}

    def run(self, *words: str | Path, cwd: Path | str = "/", text: str = "", code: int = 0, timeout: int = 120) -> str:
        """Run a command and return all that it printed; it must end with an exit code, in time."""
        running = subprocess.Popen(
            [*self.prefix, *map(str, words)],
            cwd=cwd,
            env=self.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = running.communicate(text, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGTERM)
            printed, _ = running.communicate(timeout=30)
            raise AssertionError(f"{words} took longer than {timeout} s:\n{printed}") from None
        assert running.returncode == code, f"{words} ended with {running.returncode}:\n{printed}"
        return printed

    def nodes(self) -> dict[str, str]:
        """Return the addresses of its nodes by their names."""
        return {node["name"]: node["address"] for node in json.loads(self.run("kraftwerk", "nodes", "--json"))}

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *failure: object) -> None:
        """Remove its nodes, where kraftwerk got as far as to make any, its reactor, and the ends of connections."""
        if (self.home / ".local" / "state" / "kraftwerk" / "reactor").exists():
            self.run("kraftwerk", "reactor", "stop")
        if (self.home / ".config" / "kraftwerk" / "nodes").exists():
            for name in self.nodes():
                self.run("kraftwerk", "destroy-node", name, "--yes")
        shutil.rmtree(self.runtime)
