"""Templates of cookiecutter's kind, rendered by cookiecutter itself, and its errors told in one line."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import copies
from kraftwerk.newproject.answers import Answers


def render(template: Path, folder: Path, answers: Answers, *, ask: bool = False) -> None:
    """Render a template into a folder that is missing. Its hooks and its Jinja run code: that was asked for before.

    The user's ~/.cookiecutterrc gives defaults, as ever. cookiecutter names the project's folder by its answers; ours
    gets the name that was asked for.

    Raises:
        KraftwerkError: the template is broken, or an answer is wrong (code 2).
    """
    from cookiecutter.config import get_user_config
    from cookiecutter.main import cookiecutter

    logging.getLogger("cookiecutter").setLevel(logging.CRITICAL)  # it logs a traceback beside what it raises
    with TemporaryDirectory(prefix="kraftwerk-cookies-", dir=folder.parent) as place:
        try:
            settings = {**get_user_config(), "replay_dir": f"{place}/replay", "cookiecutters_dir": f"{place}/none"}
            made = cookiecutter(
                str(template),
                no_input=not ask,
                extra_context={**answers.suggested, **answers.given},
                output_dir=f"{place}/made",
                default_config=settings,
            )
        except Exception as error:
            raise _told(error, template) from error
        Path(made).rename(folder)


def _told(error: Exception, template: Path) -> KraftwerkError:
    """Return what is wrong with a template or its answers as one line."""
    cause = getattr(error, "error", None) or error  # of a variable that nobody knows, the message alone
    if type(error).__name__ == "FailedHookException":
        return KraftwerkError("a hook of the template refused or failed; what it said stands above", code=1)
    words = " ".join(str(getattr(cause, "message", None) or cause).split()) or type(error).__name__
    if lacking := copies.extension(words):
        return lacking
    project = next(template.glob("*{{*cookiecutter*"), template)  # files are named as seen from there
    where = copies.place(error, project.resolve(), {})
    return KraftwerkError(f"{where}: {words}", code=2)
