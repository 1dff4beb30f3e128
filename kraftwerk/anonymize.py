"""What makes a copy of people's data harmless: the project's own scripts, run on it before anybody can reach it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import nodeprogram, textfile
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.replacement import Plan
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target

SHOWN = 50  # characters of a command
RUN = "run"  # the key below `anonymize:` whose value is a command; others are services


@dataclass(frozen=True)
class Hooks:
    """What is run on prepared data, in this order.

    Attributes:
        scripts: the text of a script by the service in whose language it is, such as SQL.
        command: a command of the project; empty where there is none.
        hidden: services with data that is not replaced, which the command must not reach.
    """

    scripts: Mapping[str, str]
    command: str = ""
    hidden: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in a few words: `its script for postgres, python manage.py anonymize`."""
        command = self.command if len(self.command) <= SHOWN else f"{self.command[:SHOWN]}…"
        return ", ".join([*(f"its script for {service}" for service in self.scripts), *([command] if command else [])])

    def run(self, target: Target, token: str, environ: Mapping[str, str], on_progress: OnProgress) -> None:
        """Run all of it on the data that was prepared under a token.

        Args:
            environ: the variables that lead to that data.

        Raises:
            KraftwerkError: one of them failed, with its last words.
        """
        name, connection = target.instance.name, target.connection
        for service, text in self.scripts.items():
            on_progress(service)
            try:
                nodeprogram.call(connection, f"kw_{service}.script", name, token, text)
            except KraftwerkError as error:
                raise _failed(f"{service}: {error.cause}") from error
        if self.command:
            on_progress(self.command)
            try:
                nodeprogram.call(connection, "kw_load.run", name, self.command, dict(environ), list(self.hidden))
            except KraftwerkError as error:
                unseen = f"\n(it does not see {', '.join(self.hidden)}, which is not copied)" if self.hidden else ""
                raise _failed(f"{error.cause}{unseen}") from error


def _failed(cause: str) -> KraftwerkError:
    return KraftwerkError(
        f"the data could not be anonymized: {cause}", next_command="mend what stands below anonymize: and try again"
    )


def hooks(root: Path, wanted: Instance, plan: Plan) -> Hooks | None:
    """Return what a project declares below `anonymize:` for the data of a plan; None where that is nothing.

    Args:
        root: the project's folder.
        wanted: the instance that the data goes into, as the project's files have it.

    Raises:
        KraftwerkError: a script isn't there, or can't be read (code 2).
    """
    scripts = {one: _read(root / wanted.anonymize[one]) for one in plan.services if one in wanted.anonymize}
    kept = tuple(service for service in plan.instance.services if service not in plan.services)
    found = Hooks(scripts, wanted.anonymize.get(RUN, ""), kept)
    return found if found.scripts or found.command else None


def asked(root: Path, wanted: Instance, plan: Plan, harmless: bool) -> tuple[Hooks | None, str]:
    """Return what anonymizes an archive that is loaded, where that is asked for, and a line on it.

    Args:
        root, wanted, plan: as in `hooks`.
        harmless: it is asked for.

    Raises:
        KraftwerkError: nothing is declared that could (code 2), or as `hooks`.
    """
    found = hooks(root, wanted, plan)
    if harmless and found is None:
        raise KraftwerkError(f"{FILE} has no `anonymize:` for this data", next_command="without --anonymize", code=2)
    if harmless:
        return found, f"It is anonymized before anybody can reach it, by {found}."
    forgotten = found is not None and wanted.environment != "production"
    return None, f"It is NOT anonymized; --anonymize does that, by {found}." if forgotten else ""


def _read(path: Path) -> str:
    text = textfile.content(path)
    if not text:
        cause = f"{path}, a script below anonymize:, is empty or isn't there"
        raise KraftwerkError(cause, next_command="write it, or take it out below anonymize:", code=2)
    return text
