"""kraftwerk init: write a new project."""

import sys
from pathlib import Path

import click

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import layers
from kraftwerk.newproject.choice import Choice, check, known_services, words


@click.command("init")
@click.argument("name", required=False)
@click.option(
    "--template",
    metavar="NAME",
    shell_complete=lambda context, parameter, word: [name for name in layers.names() if name.startswith(word)],
    help="wsgi (default), django, …, a folder, a git address.",
)
@click.option("--with", "wanted", metavar="LIST", help="Services and queues, such as postgres,files,celery.")
@click.option("--python", default="", metavar="VERSION", help="Python of the virtualenv, here and on nodes, as 3.12.")
@click.option("--data", multiple=True, metavar="KEY=VALUE", help="Answer a question of the template; repeatable.")
@click.option("--ref", default="", metavar="REF", help="Branch, tag or commit of a template in git.")
@click.option("--trust", is_flag=True, help="Let the template run its own commands on this computer.")
@click.option("--defaults", is_flag=True, help="Ask nothing.")
def command(
    name: str | None,
    template: str | None,
    wanted: str | None,
    python: str,
    data: tuple[str, ...],
    ref: str,
    trust: bool,
    defaults: bool,
) -> None:
    """Write a new project NAME with its virtualenv.

    The project is a folder NAME that runs at once. Its kraftwerk.yaml and pillar/ say, with comments, how it is
    deployed. On a terminal, what isn't said is asked for.

    A template of your own belongs into templates/ in kraftwerk's configuration folder: its files lie over the shipped
    ones of the same name; with a copier.yml or cookiecutter.json it is used as it is, and so are folders and git
    repositories with one.
    """
    from kraftwerk.newproject import creation  # --help needn't wait for it

    ask = sys.stdin.isatty() and not defaults
    name = name or _ask_name(ask)
    creation.check_place(Path.cwd() / name)
    template = template or _ask_template(ask)
    if wanted is None:
        wanted = _ask_services(ask and template in layers.names())
    answers = dict(_pair(word) for word in data)
    choice = Choice(name, template, words(wanted), python, answers)
    made = creation.create(choice, Path.cwd(), ref=ref, ask=ask, may_run_code=trust)
    if made.message:
        screen.say(made.message)
    for caution in made.cautions:
        screen.warn(caution)
    files = f"{made.files} file{'' if made.files == 1 else 's'}"
    state = "virtualenv is ready" if made.is_ready else "is written"
    screen.hint(f"{name} {state} ({made.headline}, {files})", f"cd {name} && source {made.activate}")


def _ask_name(ask: bool) -> str:
    if not ask:
        raise KraftwerkError("a new project needs a name", next_command="kraftwerk init mysite", code=2)
    return str(click.prompt("Name", default="mysite", value_proc=lambda text: _checked(Choice(text.strip())).name))


def _ask_template(ask: bool) -> str:
    names = ", ".join(layers.names())
    return str(click.prompt(f"Template ({names}, a folder or a git address)", default="wsgi")) if ask else "wsgi"


def _ask_services(ask: bool) -> str:
    if not ask:
        return ""
    known = ", ".join([*known_services(), "celery", "rq"])

    def checked(text: str) -> str:
        _checked(Choice("a", wanted=words(text)))
        return text

    return str(
        click.prompt(f"Services, or Enter for none ({known})", default="", show_default=False, value_proc=checked)
    )


def _checked(choice: Choice) -> Choice:
    """Return a choice; what is wrong with it is said, and asked for again."""
    try:
        check(choice)
    except KraftwerkError as error:
        raise click.UsageError(error.cause) from error
    return choice


def _pair(word: str) -> tuple[str, str]:
    key, sign, value = word.partition("=")
    if not sign or not key:
        raise KraftwerkError(f"--data {word}: KEY=VALUE is wanted", code=2)
    return key, value
