"""`kraftwerk providers`: the clouds that nodes are made in, and the credentials for them."""

import os
import sys

import click

from kraftwerk import account, admin, cloudapi, credentials, dialect, profiles, screen
from kraftwerk.credentials import Question
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import complete_clouds, json_option, provider_argument, yes_option


@click.group()
def command() -> None:
    """Add, list or remove the clouds that nodes are made in."""


@command.command()
@click.argument("cloud", shell_complete=complete_clouds)
@click.option("--as", "alias", metavar="NAME", help="What to call it here; for a second account with the same cloud.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="An argument of libcloud's driver.")
@click.option("--env", "variables", multiple=True, metavar="KEY=VARIABLE", help="One that stands in a variable.")
@click.option("--stdin", is_flag=True, help="Read more of them as KEY=VALUE lines from standard input.")
@click.option("--no-check", is_flag=True, help="Don't ask the cloud whether it accepts the credentials.")
def add(
    cloud: str, alias: str | None, options: tuple[str, ...], variables: tuple[str, ...], stdin: bool, no_check: bool
) -> None:
    """Add a cloud by its name in Apache libcloud, or change one that was added.

    What its driver needs is asked for, secrets without showing them; the variables that the cloud's own tools read,
    such as AWS_ACCESS_KEY_ID, are taken when they are set. Everything goes to a file that only you can read.
    Secrets in --option show in this computer's process list: --env and --stdin don't.

    \b
    kraftwerk providers add ec2 --option region=eu-central-1
    kraftwerk providers add digitalocean --env key=DO_TOKEN
    pass show clouds/linode | kraftwerk providers add linode --as work --stdin
    """
    admin.ensure()
    known = account.all_accounts()
    alias, cloud = alias or cloud, (known[cloud].libcloud if cloud in known else "") or cloud
    credentials.check_cloud(cloud)
    account.check_alias(alias, cloud, credentials.clouds())
    given = _pairs([*options, *(sys.stdin.read().splitlines() if stdin else [])]) | _from_variables(variables)
    before = known[alias].arguments if alias in known else {}
    prompt = _prompt if sys.stdin.isatty() and not stdin else None
    arguments, sources = credentials.answers(cloud, given, before, os.environ, prompt)
    for argument, variable in sources.items():
        screen.say(f"{argument} is taken from {variable}")
    added = account.revised(alias, cloud, arguments)
    if not no_check:
        with screen.step("Checking the credentials") as step:
            connected = cloudapi.connect(alias, added.settings)
            dialect.check(connected)
            step.note = f"{len(connected.machines())} machines there"
    account.save(added)
    screen.say(f"Wrote {added.file} (0600)")
    screen.hint(f"{alias} is ready.", f"kraftwerk create-node web1 --provider {alias}")


@command.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the clouds that were added, without their credentials."""
    found = account.all_accounts().values()
    rows = [(each.alias, each.libcloud or each.driver, each.region, each.file.name) for each in found]
    if as_json:
        keys = ("provider", "cloud", "region", "file")
        screen.emit_json([dict(zip(keys, row, strict=True)) | {"sizes": list(profiles.sizes(row[0]))} for row in rows])
    elif rows:
        table = [(*row[:2], row[2] or "-", ", ".join(profiles.sizes(row[0])) or "-") for row in rows]
        screen.table(("provider", "cloud", "region", "sizes"), table)
    else:
        screen.hint("No cloud was added yet.", "kraftwerk providers add ec2")


@command.command()
@provider_argument
@yes_option
def remove(provider: str, yes: bool) -> None:
    """Forget a cloud's credentials; nothing changes at the cloud."""
    account.get(provider)
    if not screen.confirm(f"Forget the credentials of {provider}?", yes=yes):
        raise KraftwerkError(f"{provider} is left as it was", next_command="--yes answers for scripts")
    account.remove(provider)


def _prompt(question: Question, so_far: str) -> str:
    kept = "; empty keeps it" if so_far else ""
    label = f"{question.label} (not shown{kept})" if question.secret else question.label
    default = so_far if so_far or not question.required else None
    shown = bool(so_far) and not question.secret
    answer: str = click.prompt(label, hide_input=question.secret, default=default, show_default=shown)
    return answer.strip()


def _pairs(lines: list[str]) -> dict[str, str]:
    pairs = [line.strip().partition("=") for line in lines if line.strip() and not line.startswith("#")]
    for number, (key, equals, _) in enumerate(pairs, 1):
        if not equals or not key:
            raise KraftwerkError(f"line or option {number} is not of the form KEY=VALUE", code=2)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _from_variables(given: tuple[str, ...]) -> dict[str, str]:
    found = _pairs(list(given))
    for argument, variable in found.items():
        if not os.environ.get(variable):
            raise KraftwerkError(f"{argument}: the variable {variable} is empty or not exported", code=2)
    return {argument: os.environ[variable] for argument, variable in found.items()}
