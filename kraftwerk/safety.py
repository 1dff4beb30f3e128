"""Safety dumps: what is kept of data before it is replaced, and the command that brings it back."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime

from kraftwerk import __version__, dump, nodeprogram, screen
from kraftwerk.instance import environment_words
from kraftwerk.replacement import Plan
from kraftwerk.screen import OnStep
from kraftwerk.target import Target

NAMED = "before-copy-"  # what the names of those on a node begin with
KEPT = 3  # of an instance on its node; older ones go
# Their names are times, so that the newest come first.
PRUNE = 'cd "$1" && ls -1r | grep "^$2" | tail -n "+$(($3 + 1))" | while IFS= read -r name; do rm -f -- "$name"; done'


def keep(target: Target, plan: Plan) -> str:
    """Dump what a plan replaces into an archive here, tell where it is, and return the command that brings it back.

    Raises:
        KraftwerkError: as `dump.create`.
    """
    with screen.step("safety dump") as shown:
        path = dump.safety(target, watch=dump.Watch(on_progress=shown.progress))
    screen.say(f"safety dump: {path}")
    return back(plan, str(path))


def keep_there(
    target: Target, plan: Plan, *, step: OnStep = screen.step, say: Callable[[str], None] = screen.say
) -> str:
    """Dump just what a plan replaces, and leave it in the instance's own folder on its node; the newest few stay.

    Args:
        step: shows a step of it by its name, for as long as it takes.
        say: prints a line.

    Raises:
        KraftwerkError: there is no room for it, or a service failed.
    """
    name, folder = target.instance.name, target.instance.root / "dump"
    path = str(folder / f"{NAMED}{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}.kw")
    with step("safety dump") as shown:
        nodeprogram.call(
            target.connection,
            "kw_archive.create",
            name,
            path,
            node=target.node.name,
            kraftwerk=__version__,
            only=_part(plan) or None,
            on_progress=shown.progress,
        )
        target.connection.script(PRUNE, str(folder), NAMED, str(KEPT))
    where = f"{target.node.name}:{path}"
    say(f"safety dump: {where}")
    return back(plan, where)


def back(plan: Plan, saved: str) -> str:
    """Return the command that brings a safety dump back: of the services that were replaced, whatever else it holds.

    Args:
        saved: where it is: a path here, or NODE:PATH.
    """
    environment = plan.instance.environment
    words = ["kraftwerk", "load", saved, "--to", plan.node, *environment_words(environment)]
    words += [word for service in _part(plan) for word in ("--only", service)]
    return shlex.join(words)


def _part(plan: Plan) -> list[str]:
    """Return the services that are replaced where others stay as they are, such as gigabytes of uploads."""
    return list(plan.services) if set(plan.instance.services) > set(plan.services) else []
