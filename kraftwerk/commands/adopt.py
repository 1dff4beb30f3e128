"""kraftwerk adopt: have an existing project deployed by kraftwerk."""

from pathlib import Path

import click

from kraftwerk import screen
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import json_option, yes_option


@click.command("adopt")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".")
@click.option("--name", default="", metavar="NAME", help="What the project is called. Default: as its folder.")
@click.option("--set", "answers", multiple=True, metavar="KEY=VALUE", help="What isn't found, or wrongly; repeatable.")
@click.option("--test", "test_only", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--undo", is_flag=True, help="Take back what an earlier adopt wrote.")
@yes_option
@json_option
def command(
    folder: Path, name: str, answers: tuple[str, ...], test_only: bool, undo: bool, yes: bool, as_json: bool
) -> int:
    """Have the existing project in FOLDER deployed by kraftwerk.

    Its files are read, none is run: framework, application, requirements, settings, services, workers. What would be
    added is shown with where each value was found, then asked about. The project's own files stay as they are, but for
    lines that .gitignore lacks. --set wins over what is found: --set wsgi=shop:app --set 'services=[postgres, files]'
    """
    from kraftwerk.adoption import adopting, record, shown

    root = folder.resolve()
    if undo:
        return _undo(root, yes, test_only)
    with screen.working(f"Reading {root.name}"):
        found, changes, name = adopting.prepare(root, name, answers, test=test_only)
    if as_json:
        screen.emit_json(shown.as_dict(found, changes, name))
    else:
        screen.say("\n".join(shown.lines(found, changes, name)))
    if test_only or (as_json and not yes):
        return 0
    adopting.check(found)
    if not screen.confirm("Write this?", yes=yes):
        screen.say("Nothing was changed.")
        return 1
    record.write(root, changes)
    if not as_json:
        screen.hint(f"{name} is adopted: {len(changes)} files", "kraftwerk deploy NODE")
    return 0


def _undo(root: Path, yes: bool, test_only: bool) -> int:
    from kraftwerk.adoption import record

    found = record.read(root)
    if found is None:
        next_command = f"rm {FILE}" if (root / FILE).exists() else ""
        raise KraftwerkError(f"kraftwerk adopt wrote nothing into {root}", next_command=next_command, code=2)
    names = ", ".join(str(each["path"]) for each in found.files)
    screen.say(f"Will be as before: {names}")
    if test_only:
        return 0
    if not screen.confirm("Take it back?", yes=yes):
        screen.say("Nothing was changed.")
        return 1
    record.take_back(root)
    screen.say(f"{root.name} is as it was.")
    return 0
