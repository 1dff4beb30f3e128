"""kraftwerk init: write a new project."""

from pathlib import Path

import click

from kraftwerk import screen
from kraftwerk.newproject import creation
from kraftwerk.newproject.choice import Choice


@click.command("init")
@click.argument("name")
@click.option("--template", default="wsgi", show_default=True, metavar="NAME", help="wsgi, django, or one of your own.")
@click.option("--with", "services", default="", metavar="LIST", help="Services, such as postgres,files.")
def command(name: str, template: str, services: str) -> None:
    """Write a new project NAME with its virtualenv.

    The project is a folder NAME that runs at once. Its kraftwerk.yaml and pillar/ say, with comments, how it is
    deployed. Templates of your own belong into templates/ in kraftwerk's configuration folder; a file of the same path
    there replaces the shipped one.
    """
    chosen = tuple(dict.fromkeys(word.strip() for word in services.split(",") if word.strip()))
    with screen.working(f"Making {name} and its virtualenv"):
        made = creation.create(Choice(name, template, chosen), Path.cwd())
    files = f"{made.files} file{'' if made.files == 1 else 's'}"
    screen.hint(f"{name} virtualenv is ready ({made.headline}, {files})", f"cd {name} && source bin/activate")
