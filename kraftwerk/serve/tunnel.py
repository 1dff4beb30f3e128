"""The services of a project's instance on a node, reached from this computer by ssh."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import which
from urllib.parse import quote

from kraftwerk import argv, highstate, process, release
from kraftwerk.errors import KraftwerkError
from kraftwerk.ports import free_port
from kraftwerk.remote import program
from kraftwerk.screen import step
from kraftwerk.target import Target
from kraftwerk.transport import unreachable

# Of a node's environment, what leads to a service; files stay here, and the rest is the project's own.
LEADING = re.compile(r"(DATABASE|POSTGRES|MYSQL|REDIS|MEMCACHED|COUCHDB|CELERY|PG)\w*")
# The servers in such variables: sockets, as they stand there or quoted for a URL, and ports of the node itself.
SOCKET = re.compile(r"(?:%2F[\w.+-]+)+|/(?:var|run|web)/[\w./+-]+")
PORT = re.compile(r"(?<=[@/])(?:127\.0\.0\.1|localhost):\d+")
POSTGRES = ".s.PGSQL.5432"  # libpq is told the folder, and looks for this
ROOM = "/run/kraftwerk-serve"


def prepare(there: Target) -> None:
    """Have the services on the node, with the instance's databases; nothing of the project runs there for that.

    Raises:
        KraftwerkError: the node can't be converged.
    """
    there_now = release.read(there.connection, there.instance).hosted.get(there.instance.name)
    if there_now and replace(there_now, workers=there.instance.workers) == there.instance:
        return
    with step(f"Preparing {', '.join(there.instance.services)} on {there.node.name}") as this:
        outcome = highstate.converge(there.node, there.instance, on_progress=this.progress)
        if outcome.failed:
            raise KraftwerkError(highstate.failures(outcome), next_command=f"kraftwerk highstate {there.node.name}")


@contextmanager
def opened(there: Target, folder: Path) -> Iterator[dict[str, str]]:
    """Yield the variables that lead to an instance's services, from here; the ways are open as long as the block runs.

    Args:
        folder: a private one of ours, with a short path, for sockets.

    Raises:
        KraftwerkError: the instance isn't on the node, or the way can't be opened.
    """
    found = leading(there.connection.run(["cat", f"{there.instance.root}/env"]).stdout.decode())
    servers = list(dict.fromkeys(server for value in found.values() for server in named(value)))
    inside = f"{ROOM}/{there.instance.name}-{folder.name}"
    ways = {server: way(server, folder, number) for number, server in enumerate(servers)}
    with _doors(there, inside, servers), _forwarded(there, inside, list(ways.values())):
        yield {name: turned(value, ways) for name, value in found.items()}


def leading(text: str) -> dict[str, str]:
    """Return the variables of an env file that lead to services; SQLite is a file, and stays where it is."""
    pairs = (line.partition("=") for line in text.splitlines() if LEADING.match(line))
    found = {name: "".join(shlex.split(value)) for name, _, value in pairs}
    return {name: value for name, value in found.items() if not value.startswith("sqlite:")}


def named(value: str) -> list[str]:
    """Return the servers in a variable: paths of sockets, and ports."""
    sockets = [found.replace("%2F", "/") for found in SOCKET.findall(value)]
    return [f"{path}/{POSTGRES}" if path.endswith("/postgresql") else path for path in sockets] + PORT.findall(value)


def way(server: str, folder: Path, number: int) -> str:
    """Return what stands here for a server of the node: a socket or a port."""
    if not server.startswith("/"):
        return f"127.0.0.1:{free_port()}"
    return str(folder / (POSTGRES if server.endswith(POSTGRES) else f"{number}.sock"))


def turned(value: str, ways: Mapping[str, str]) -> str:
    """Return a variable with the servers of the node as they are reached from here."""
    for server, here in ways.items():
        there = server.removesuffix(f"/{POSTGRES}")
        found = here.removesuffix(f"/{POSTGRES}")
        value = value.replace(quote(there, safe=""), quote(found, safe="")).replace(there, found)
    return value


@contextmanager
def _doors(there: Target, inside: str, servers: Sequence[str]) -> Iterator[None]:
    """Have sockets on the node that lead to servers as the instance's user, as whom they know the site."""
    there.connection.run(["install", "-d", "-m", "0711", ROOM])
    there.connection.run(["install", "-d", "-m", "0700", "-o", there.instance.user, inside])
    words = argv.as_user(there.instance.user, ["python3", "-ISc", program("doors"), inside, *servers])
    # Ctrl-C may be for a command that goes on, such as a shell, so it mustn't end the ways: nor below.
    words = argv.ssh(there.node, there.connection.options, words)
    running = process.popen(words, stdin=process.PIPE, stdout=process.PIPE, detach=True)
    try:
        assert running.stdout is not None  # noqa: S101 - a pipe was asked for
        if running.stdout.readline() != b"open\n":
            raise KraftwerkError(f"the services of {there.instance.name} on {there.node.name} can't be reached")
        yield
    finally:
        running.terminate()
        running.wait()
        there.connection.run(["rm", "-rf", inside], check=False)


@contextmanager
def _forwarded(there: Target, inside: str, ways: Sequence[str]) -> Iterator[None]:
    """Have an ssh of its own that carries what comes to our ends of the ways."""
    ends = [f"{here}:{inside}/{number}.sock" for number, here in enumerate(ways)]
    words = argv.ssh_forward(there.node, there.connection.options, ends)
    words = argv.ending_with_us(words) if which("setpriv") else words
    running = process.popen(words, stderr=process.PIPE, stdout=process.PIPE, stdin=process.PIPE, detach=True)
    try:
        assert running.stdout is not None and running.stderr is not None  # noqa: S101 - pipes were asked for
        if running.stdout.readline() != b"open\n":
            raise unreachable(there.node, running.stderr.read().decode(errors="replace"))
        yield
    finally:
        running.terminate()
        running.wait()
