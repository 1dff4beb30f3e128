"""`kraftwerk config`: a project's configuration in an environment."""

import functools

import click

from kraftwerk import admin, configdiff, configedit, configfile, configleaf, configset, keypath, project, screen
from kraftwerk import recipients as people
from kraftwerk import rekey as keyring
from kraftwerk.keypath import KeyPath
from kraftwerk.options import complete_environments, complete_keys, environment_option, json_option, yes_option

key_argument = click.argument(
    "keys", metavar="KEY", callback=lambda _context, _parameter, text: keypath.parse(text), shell_complete=complete_keys
)
base_option = click.option("--base", is_flag=True, help="The file of all environments, pillar/base.sls.")
test_option = click.option("--test", is_flag=True, help="Say what would change, and change nothing.")


@click.group()
def command() -> None:
    """Show, compare and change a project's configuration.

    It stands in kraftwerk.yaml, pillar/base.sls and pillar/ENVIRONMENT.sls; a later file wins. These commands go by
    what the files say, value by value. What holds where they say nothing, and your own settings, is told by
    kraftwerk env.

    \b
    kraftwerk config set workers 4
    kraftwerk config set environ.STRIPE_KEY --secret
    kraftwerk config set SECRET_KEY --generate
    """
    admin.ensure()


@command.command()
@environment_option
@json_option
def show(environment: str, as_json: bool) -> None:
    """Print what the files say, each value with file and line."""
    found = configleaf.leaves(project.find(), environment).values()
    if as_json:
        screen.emit_json([leaf.as_dict() for leaf in found])
    else:
        screen.table(("key", "value", "from"), [(keypath.text(leaf.keys), leaf.text(), leaf.place) for leaf in found])


@command.command()
@key_argument
@environment_option
@click.option("--reveal", is_flag=True, help="Decrypt it.")
@json_option
def get(keys: KeyPath, environment: str, reveal: bool, as_json: bool) -> None:
    """Print the value of KEY, such as workers or environ.DEBUG.

    Exits with 1 where no file gives one. A secret is printed as (encrypted).
    """
    value = configleaf.find(project.find(), environment, keys)
    value = configleaf.revealed(value) if reveal else configleaf.masked(value)
    if as_json or isinstance(value, dict):
        screen.emit_json(value)
    else:
        click.echo("\n".join(map(configleaf.printed, value if isinstance(value, list) else [value])))


@command.command()
@environment_option
@click.option("--with", "other", metavar="NAME", shell_complete=complete_environments, help="Another environment.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where something differs, as git diff does.")
@json_option
def diff(environment: str, other: str | None, exit_code: bool, as_json: bool) -> int:
    """Compare with what is deployed, or with another environment."""
    here = project.find()
    found = configdiff.between(here, environment, other) if other else configdiff.on_nodes(here, environment)
    if as_json:
        screen.emit_json({name: [each.as_dict() for each in differences] for name, differences in found.items()})
    else:
        screen.say("\n".join(configdiff.lines(found, environment)))
    return int(exit_code and any(found.values()))


@command.command("set")
@key_argument
@click.argument("value", required=False)
@environment_option
@base_option
@click.option("--secret", "hidden", is_flag=True, help="Ask for the value, or read it from stdin; store it encrypted.")
@click.option("--generate", is_flag=True, help="Make a random secret, once, and store it encrypted.")
@click.option("--force", is_flag=True, help="Let --generate replace a value, or VALUE an encrypted one.")
@test_option
@yes_option
def put(keys: KeyPath, value: str | None, environment: str, base: bool, test: bool, yes: bool, **kind: bool) -> int:
    """Set KEY to VALUE, in a pillar file.

    VALUE is read as YAML. The file is pillar/ENVIRONMENT.sls; only the lines of KEY change there, after all files were
    checked. It takes effect with the next deploy. Dots stand between keys; quote one that holds a dot itself. A name
    in capitals is a variable: SECRET_KEY is environ.SECRET_KEY.
    """
    file = configfile.read(project.root(), base, environment)
    change = configset.plan(file, environment, keys, value, ask=screen.ask_hidden, **kind)
    if change.question and not test and not screen.confirm(change.question, yes=yes):
        screen.say("Nothing was changed.")
        return 1
    screen.say("\n".join(configset.carry_out(change, test=test)))
    return 0


@command.command()
@key_argument
@environment_option
@base_option
@test_option
def unset(keys: KeyPath, environment: str, base: bool, test: bool) -> None:
    """Remove KEY from a pillar file; what held before holds again."""
    change = configset.unset(configfile.read(project.root(), base, environment), keys)
    screen.say("\n".join(configset.carry_out(change, test=test)))


@command.command()
@environment_option
@base_option
@click.option("--secrets", "reveal", is_flag=True, help="With secrets in plain text, marked !secret.")
def edit(environment: str, base: bool, reveal: bool) -> None:
    """Edit a pillar file; it is checked before it is replaced.

    Opens pillar/ENVIRONMENT.sls in $VISUAL or $EDITOR. With --secrets, what is marked !secret is encrypted when the
    editor closes: old ones and new ones. The copy that is edited lies in memory, where this computer has a folder
    there, and is removed; keep your editor from leaving copies of its own elsewhere.
    """
    file = configfile.read(project.root(), base, environment)
    again = functools.partial(screen.confirm, "Edit again?", default=True, alone=False)
    found = configedit.session(file, reveal=reveal, again=again)
    screen.say("\n".join(found) or "Nothing was changed.")


@command.command()
@json_option
def recipients(as_json: bool) -> None:
    """Print who can read the secrets, or your own key."""
    if as_json:
        screen.emit_json(people.as_dict(project.root()))
    else:
        screen.say("\n".join(people.lines(project.root())))


@command.command()
@test_option
def rekey(test: bool) -> None:
    """Encrypt all secrets anew, for pillar/recipients.txt."""
    screen.say("\n".join(keyring.carry_out(project.root(), test=test)))
