"""Workers: what runit keeps of a project beside web, how many of each, and how each one is asked to stop."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import Value, Wrong, given, number, one_of, setting, text

MOST = 64  # of one kind on a node
SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH")
WEB = "web"
SLOT = re.compile(r"(.*-)?web(-[ab])?")  # what runit calls the web processes

shell_command = text(r"[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*", "a command on one line")


@dataclass(frozen=True)
class Stop:
    """How a worker is asked to stop, and for how many seconds it may go on before it is made to; 0 for ever."""

    signal: str = setting(one_of(*SIGNALS), default="TERM")
    seconds: int = setting(number(1, 86400), default=0)


def _stop(value: Value) -> dict[str, Any]:
    return given(Stop, value)


@dataclass(frozen=True)
class Worker:
    """The keys of one of `processes:`; a command alone means a worker of which all else is as it is by default."""

    run: str = setting(shell_command, default="")
    count: int = setting(number(0, MOST), default=1)
    stop: Mapping[str, Any] = setting(_stop, default=None)


def parse(value: Value) -> dict[str, Any]:
    """Parse a worker: a command, or keys; its name must not be taken by web. Only what is given is returned."""
    name = value.key.rpartition(".")[2]
    if SLOT.fullmatch(name):
        raise Wrong(f"{name} is what kraftwerk calls the web process; give it another name")
    if isinstance(value.node, yaml.ScalarNode):
        return {"run": shell_command(value)}
    return given(Worker, value)


def settled(workers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return workers as they are kept: of one that is nothing but a command, that."""
    return {name: keys["run"] if keys.keys() == {"run"} else dict(keys) for name, keys in workers.items()}


def check(workers: Mapping[str, Any], instance: str) -> None:
    """See that each worker has a command.

    Raises:
        KraftwerkError: one has none (code 2).
    """
    for name, keys in workers.items():
        if not command(keys):
            raise KraftwerkError(
                f"processes.{name} of {instance} says nothing to run",
                next_command=f"kraftwerk config set processes.{name}.run COMMAND",
                code=2,
            )


def command(worker: Any) -> str:
    """Return what a worker runs."""
    return str(worker.get("run", "")) if isinstance(worker, Mapping) else str(worker)


def count(worker: Any) -> int:
    """Return how many of a worker there shall be where nobody scaled it."""
    return int(worker.get("count", 1)) if isinstance(worker, Mapping) else 1


def units(name: str, many: int) -> list[str]:
    """Return what the processes of a worker are called, after the instance's name: mail, mail.2, mail.3."""
    return [name if each == 1 else f"{name}.{each}" for each in range(1, many + 1)]
