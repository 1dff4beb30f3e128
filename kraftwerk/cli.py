"""The command line: verbs are found by file name in kraftwerk/commands and imported only when called."""

import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from kraftwerk import __version__, saltway
from kraftwerk.errors import INTERRUPTED, KraftwerkError
from kraftwerk.screen import harmless, settings

COMMANDS = Path(__file__).resolve().parent / "commands"
HELP = re.compile(r'^def command\(.*?^    """(.+?)(?:"""|\n)', re.MULTILINE | re.DOTALL)

_Callback = Callable[[click.Context, click.Parameter, Any], None]


def _debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    settings.debug = settings.debug or value


def _verbose(context: click.Context, parameter: click.Parameter, value: int) -> None:
    settings.verbosity += value


def _quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    settings.verbosity -= int(value)


def _transport(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        saltway.choose(value)


def _option(*names: str, callback: _Callback, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=callback, **attributes)


def common_options(*, hidden: bool = False) -> list[click.Option]:
    """Return the options that stand before or after the verb alike; hidden in the help of each verb."""
    ways = click.Choice(saltway.WAYS)
    transport_help = f"How Salt's calls reach nodes: salt is its stock salt-ssh. [{saltway.VARIABLE}]"
    debug_help = "Show tracebacks. [KRAFTWERK_DEBUG]"
    return [
        _option("--debug", is_flag=True, callback=_debug, help=debug_help, hidden=hidden, envvar="KRAFTWERK_DEBUG"),
        _option("--verbose", "-v", count=True, callback=_verbose, help="Say more; -vv says all.", hidden=hidden),
        _option("--quiet", "-q", is_flag=True, callback=_quiet, help="Print errors only.", hidden=hidden),
        _option(
            "--transport", type=ways, envvar=saltway.VARIABLE, callback=_transport, help=transport_help, hidden=hidden
        ),
    ]


def _add_common_options(command: click.Command) -> None:
    """Let a verb, and the verbs below it, take the common options that it has no option like."""
    taken = {name for parameter in command.params for name in parameter.opts}
    command.params += [option for option in common_options(hidden=True) if not taken & set(option.opts)]
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        _add_common_options(child)


class Verbs(click.Group):
    """A group whose commands are the files of a folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every verb, by file name."""
        return sorted(path.stem.replace("_", "-") for path in COMMANDS.glob("*.py") if path.stem != "__init__")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's file and return its command, with the common options."""
        stem = cmd_name.replace("-", "_")
        if not re.fullmatch(r"[a-z]\w*", stem) or not (COMMANDS / f"{stem}.py").is_file():
            return None
        command: click.Command = importlib.import_module(f"kraftwerk.commands.{stem}").command
        command.name = cmd_name
        _add_common_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb of a command line; one that doesn't exist is answered with the nearest."""
        command = self.get_command(ctx, args[0])
        if command is None and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise KraftwerkError(
                f"no command is called {args[0]}{_nearest(args[0], self.list_commands(ctx))}",
                next_command="kraftwerk --help",
                code=2,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with the first line of their help, read from the files without importing them."""
        rows = [(name, short_help(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def short_help(verb: str) -> str:
    """Return the first line of a verb's help from the text of its file; an import would cost Salt's half second."""
    found = HELP.search((COMMANDS / f"{verb.replace('-', '_')}.py").read_text())
    return found.group(1).strip() if found else ""


def _nearest(word: str, words: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]}?" if near else ""


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=common_options(),
)
@click.version_option(__version__, message="kraftwerk %(version)s")
def cli() -> None:
    """From a Python web project to a live site on your own server.

    \b
    kraftwerk create-node blue --provider local
    kraftwerk init mysite --template django --with postgres,files
    cd mysite && kraftwerk deploy blue
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad usage or configuration, 130 interrupted."""
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; every exception ends here."""
    try:
        result = cli.main(arguments or ["--help"], prog_name="kraftwerk", standalone_mode=False, color=_color())
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except KraftwerkError as error:
        return _fail(error.cause, error.next_command, error.code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "kraftwerk"
        return _fail(error.format_message(), f"{path} --help", error.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message(), "", error.exit_code)
    except OSError as error:
        return _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part), "")
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error}", "the same command with --debug shows where")
    return result if isinstance(result, int) else 0


def _color() -> bool | None:
    """Return whether to colour: never with NO_COLOR, else where a terminal reads."""
    return False if os.environ.get("NO_COLOR") else None


def _fail(cause: str, next_command: str, code: int = 1) -> int:
    """Print the exception that is being handled as cause and next command; its traceback only with --debug."""
    if settings.debug:
        import traceback

        traceback.print_exc()
    said = harmless(cause).replace("\n", "\n       ")
    click.echo(click.style("Error: ", fg="red") + said, err=True, color=_color())
    if next_command:
        click.echo(f"→ {harmless(next_command)}", err=True)
    return code


def _broken_pipe() -> int:
    """Leave quietly when the reader of a pipe has gone, as in `kraftwerk nodes | head -1`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
