"""`kraftwerk wheels`: a folder of wheels that nodes without an index are installed from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kraftwerk import options, project, screen
from kraftwerk.wheels import aim, house, prunes, report, resolution, wanted
from kraftwerk.wheels import build as builds
from kraftwerk.wheels.house import House

Function = Callable[..., Any]
for_option = click.option(
    "--for", "node", metavar="NODE", shell_complete=options.complete_nodes, help="For this node's Python and platform."
)
file_option = click.option("-r", "files", metavar="FILE", multiple=True, help="Requirements in a file.")


def in_folder(function: Function) -> Function:
    """Give a command the options that say which folder is meant."""
    place = click.option("--wheels", "folder", metavar="DIR", help="Its place. Default: the project's, or wheels.")
    return place(options.environment_option(function))


@click.group()
def command() -> None:
    """Keep a folder of wheels, and fill it.

    `kraftwerk deploy --wheels` installs from it alone: nodes need no way to an index. Its release_log records each
    wheel's name, version, tags, hash, time, who added it, and what it was built from.
    """


@command.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@click.option("--renew", is_flag=True, help="Replace wheels of the same name, version and tags.")
@in_folder
@options.json_option
def add(files: tuple[Path, ...], renew: bool, folder: str, environment: str, as_json: bool) -> None:
    """Check wheels, copy them into the folder, and record them."""
    held, _ = _house(folder, environment)
    report.tell(held, held.add(files, renew=renew), as_json)


@command.command()
@click.argument("required", nargs=-1, metavar="[REQ]...")
@file_option
@for_option
@click.option("--no-deps", is_flag=True, help="Not what they require themselves.")
@in_folder
@options.json_option
def build(no_deps: bool, folder: str, environment: str, as_json: bool, **asked: Any) -> None:
    """Make the wheels for REQ: whatever pip installs, forks in repositories and folders, too.

    Without REQ: for what the project requires and the folder lacks; with it, the newest that there is. Ready ones come
    from the index; others are built here where that fits, else on NODE.
    """
    held, here = _house(folder, environment)
    target, node = aim.choose(here, environment, asked["node"])
    lines, root = wanted.chosen(here, environment, asked["required"], asked["files"])
    named = bool(asked["required"] or asked["files"])
    how = {"newest": bool(asked["required"]), "deps": not no_deps, "folders": named}
    with screen.working(f"Wheels for {target.words}") as step:
        made = builds.build(held, lines, target, node=node, root=root, **how, on_progress=step.progress)
    report.tell(held, made, as_json)


@command.command("list")
@in_folder
@options.json_option
def show(folder: str, environment: str, as_json: bool) -> None:
    """List the wheels, as release_log has them."""
    held, _ = _house(folder, environment, existing=True)
    if as_json:
        screen.emit_json([report.as_dict(wheel) for wheel in held.recorded])
    elif held.recorded:
        screen.table(report.HEADINGS, [report.row(wheel) for wheel in held.recorded])
    else:
        screen.hint(f"{held.folder} has no wheel yet.", "kraftwerk wheels build")


@command.command()
@in_folder
@options.json_option
def verify(folder: str, environment: str, as_json: bool) -> int:
    """Compare every wheel with what was recorded, and look into it."""
    held, _ = _house(folder, environment, existing=True)
    found = held.problems()
    if as_json:
        screen.emit_json([{"file": name, "problem": problem} for name, problem in found])
    else:
        screen.say("\n".join(report.checked(held, found)))
    return int(bool(found))


@command.command()
@click.argument("required", nargs=-1, metavar="[REQ]...")
@file_option
@for_option
@in_folder
@options.json_option
def missing(folder: str, environment: str, as_json: bool, **asked: Any) -> int:
    """Name what the project (or REQ) requires that there is no wheel for, and the command that builds it."""
    held, here = _house(folder, environment)
    target, _ = aim.choose(here, environment, asked["node"])
    lines, root = wanted.chosen(here, environment, asked["required"], asked["files"])
    gaps = held.missing(lines, target, root)
    if as_json:
        screen.emit_json([report.gap_as_dict(gap) for gap in gaps])
    elif gaps:
        screen.say("\n".join(str(gap) for gap in gaps))
        screen.hint(f"{len(gaps)} missing for {target.words}.", resolution.command(gaps, target))
    else:
        screen.say(f"Nothing is missing for {target.words}.")
    return int(bool(gaps))


@command.command()
@click.option("--keep", type=click.IntRange(1), default=2, show_default=True, help="Versions of each package.")
@for_option
@in_folder
@click.option("--test", is_flag=True, help="Say what would go, and delete nothing.")
@options.yes_option
@options.json_option
def prune(keep: int, folder: str, test: bool, environment: str, yes: bool, as_json: bool, node: str | None) -> int:
    """Delete old versions, but what the project requires.

    --json prints what goes, and deletes nothing without --yes.
    """
    held, here = _house(folder, environment, existing=True)
    going = prunes.surplus(held, keep, prunes.needed(held, here, environment, node))
    if as_json:
        screen.emit_json([report.as_dict(wheel) for wheel in going])
    elif going:
        screen.table(report.HEADINGS, [report.row(wheel) for wheel in going])
    question = f"Delete {len(going)} of {len(held.recorded)} wheels?"
    if go := bool(going) and not test and (yes if as_json else screen.confirm(question, yes=yes)):
        held.remove(going)
    if not as_json:
        screen.say(f"{len(going) if go else 0} deleted: {held.folder} has {len(held.recorded)} wheels")
    return int(bool(going) and not go and not test and not as_json)


def _house(folder: str | None, environment: str, *, existing: bool = False) -> tuple[House, project.Project | None]:
    here = project.find_or_none()
    place = house.folder(here, environment, folder)
    return house.existing(place) if existing else house.open(place), here
