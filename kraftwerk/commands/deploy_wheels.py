"""kraftwerk deploy-wheels: keep virtualenvs in sync with a folder of wheels."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from kraftwerk import admin, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import json_option, yes_option
from kraftwerk.virtualenvs import host, known, upkeep
from kraftwerk.virtualenvs.upkeep import Choice, Job
from kraftwerk.virtualenvs.virtualenv import Virtualenv

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("deploy-wheels")
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@click.option(
    "--wheels", type=FOLDER, metavar="DIR", help="The folder of wheels, instead of config.yaml's or ./wheels."
)
@click.option(
    "-r",
    "--requirements",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="What they must have, instead of config.yaml's.",
)
@click.option("--remove", is_flag=True, help="Take away packages that nothing requires; else they stay.")
@click.option("--plan", "--test", "plan_only", is_flag=True, help="Say what would change, and change nothing.")
@yes_option
@json_option
def command(
    selectors: tuple[str, ...],
    wheels: Path | None,
    requirements: tuple[Path, ...],
    remove: bool,
    plan_only: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Deploy wheels to virtualenvs, also to ones that kraftwerk didn't make.

    SELECTOR is HOST, USER@HOST, USER@HOST:/PATH, HOST:/PATH, :/PATH or USER@; without one, all are meant that
    `virtualenvs:` in config.yaml names. Each is read and compared, what would change is shown, and you say whether to
    deploy or to skip it. Then wheels are installed, without any index, the database is migrated and the services are
    reloaded. Whatever fails, that virtualenv is put back as it was, and the next one follows.

    \b
    kraftwerk deploy-wheels web1.example.com --plan
    kraftwerk deploy-wheels shop@web1:/srv/shop/venv -r requirements.txt
    """
    if as_json and not plan_only:
        raise KraftwerkError("--json prints the plan alone", next_command="--plan --json", code=2)
    admin.ensure()
    choice = Choice(requirements, wheels, remove)
    outcomes: Counter[str] = Counter()
    plans: list[dict[str, Any]] = []
    for each in known.select(selectors):
        try:
            job = None if each.site else _look(each, choice, yes, touch=not plan_only)
            plans.append(job.as_dict() if job else {"virtualenv": each.name, "site": each.site})
            outcomes[_deploy(each, job, plan_only, yes, quiet=as_json)] += 1
        except KraftwerkError as error:
            outcomes["failed"] += 1
            plans.append({"virtualenv": each.name, "error": str(error)})
            screen.warn(str(error))
    if as_json:
        screen.emit_json(plans)
    elif outcomes.total() > 1:
        screen.say(
            f"{outcomes.total()} virtualenvs: {', '.join(f'{count} {word}' for word, count in outcomes.items())}"
        )
    return 1 if outcomes["failed"] else 0


def _look(virtualenv: Virtualenv, choice: Choice, yes: bool, *, touch: bool) -> Job:
    connection = host.connect(virtualenv, lambda question: screen.confirm(question, yes=yes))
    with screen.working(f"Reading {virtualenv.name}"):
        return upkeep.look(virtualenv, connection, choice, touch=touch)


def _deploy(virtualenv: Virtualenv, job: Job | None, plan_only: bool, yes: bool, *, quiet: bool) -> str:
    """Show a plan, ask, and carry it out; return in a word what became of it."""
    if job is None:
        if not quiet:
            screen.hint(
                f"{virtualenv.name}   the site {virtualenv.site}", f"kraftwerk deploy {virtualenv.host} --wheels"
            )
        return "of a site"
    if not quiet:
        screen.say("\n".join(job.lines()))
    if not job.difference:
        return "as it is"
    if plan_only:
        return "to change"
    if not screen.confirm(f"Deploy to {virtualenv.name}?", yes=yes):
        screen.say(f"{virtualenv.name} is skipped.")
        return "skipped"
    with screen.step(f"Deploying to {virtualenv.name}") as step:
        upkeep.carry_out(job, step.progress)
        step.note = job.difference.summary()
    return "deployed"
