"""A one-off command on several nodes at once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kraftwerk import leash, oneoff, process, target
from kraftwerk.fleet import bound, foreman
from kraftwerk.fleet.board import Board
from kraftwerk.fleet.foreman import Done
from kraftwerk.node import Node
from kraftwerk.project import Project
from kraftwerk.screen import OnProgress
from kraftwerk.transport import UNREACHABLE, Connection, unreachable

Find = Callable[[], tuple[Connection, Sequence[str]]]  # where a command goes, and the words that run it there


@dataclass(frozen=True)
class Ended:
    """How a command ended on a node; what it printed is kept for JSON alone."""

    code: int
    seconds: float
    stdout: str = ""
    stderr: str = ""


def find(node: Node, words: Sequence[str], project: Project | None, environment: str, user: str) -> Find:
    """Return what finds the way to a node, and the words of a command there.

    Args:
        words: the program and its arguments.
        project, environment: whose live release it runs in, unless root runs it.
        user: as `oneoff.words` takes it.
    """

    def look() -> tuple[Connection, Sequence[str]]:
        if user == oneoff.ROOT or project is None:
            return Connection(node), words
        there = target.deployed(project, environment, node.name)
        return there.connection, oneoff.words(there.instance, words, user)

    return look


def run(finds: Mapping[str, Find], *, at_once: int | None = None, as_json: bool = False) -> list[Done[Ended]]:
    """Run a command on nodes, without a terminal and stdin, and print what it prints there, node by node.

    Args:
        finds: by the node's name; each is called in the node's own process, so that one may ask its node first.
        at_once: how many at the same time; by default as many as the machine carries.
        as_json: keep what it prints instead.
    """
    board = Board(list(finds), doing="Running", told=_told, as_json=as_json)
    tasks = {name: partial(_run, find, as_json) for name, find in finds.items()}
    return foreman.work(tasks, board, bound.at_once(at_once, heavy=False))


def _run(find: Find, kept: bool, on_progress: OnProgress) -> Ended:
    """Run it on one node; a connection that fails is an error, an exit code isn't."""
    connection, words = find()
    start = time.monotonic()
    stream = process.PIPE if kept else None
    program = connection.popen(leash.words(words), stdin=process.DEVNULL, stdout=stream, stderr=stream)
    try:
        out, errors = ((printed or b"").decode(errors="replace") for printed in program.communicate())
    except BaseException:
        program.terminate()
        raise
    if program.returncode == UNREACHABLE and not connection.is_open():
        raise unreachable(connection.node, errors or "the connection broke")
    return Ended(program.returncode, time.monotonic() - start, out, errors)


def _told(ended: Ended) -> list[str]:
    return [f"✗ exit code {ended.code}"] if ended.code else []


def failed(done: Iterable[Done[Ended]]) -> list[str]:
    """Return the names of the nodes where it failed, or that weren't reached."""
    return [each.name for each in done if each.value is None or each.value.code]
