"""kraftwerk eject: shipped files for editing."""

import click

from kraftwerk import eject, project, screen
from kraftwerk.options import json_option
from kraftwerk.schema import shown


@click.command()
@click.argument("path", required=False)
@click.option("--admin", "for_admin", is_flag=True, help="Copy for all projects: into the configuration folder.")
@json_option
def command(path: str | None, for_admin: bool, as_json: bool) -> None:
    """Copy a shipped file or folder into the project, for editing.

    The copy wins over the shipped file of the same path. PATH is such as salt/nginx/defaults.yaml or pillar/base;
    without one, all files are listed. A file that is there already is never overwritten.
    """
    if path is None:
        names = list(eject.shipped())
        return screen.emit_json(names) if as_json else screen.say("\n".join(names))
    files = eject.choose(path)
    made, kept = eject.copy(files, None if for_admin else project.find().root)
    if as_json:
        return screen.emit_json({"copied": made, "kept": kept})
    for target in kept:
        screen.warn(f"{shown(target)} is there already and stays as it is")
    for target in made:
        screen.say(f"{shown(target)} is yours to edit")
    return None
