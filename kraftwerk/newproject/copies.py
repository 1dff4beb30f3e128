"""Templates rendered by copier, and its errors told in one line with the template's file and line."""

import re
import shutil
import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject.answers import Answers

ENDING = ".jinja"
IN_A_NAME = "Error rendering template path "  # what copier says before a file's name and what is wrong in it
UNSAFE = re.compile(r"potentially unsafe features?: ([\w, ]+)")
EXTENSION = re.compile(r"[Ll]oad (?:some Jinja )?extensions?: No module named '(\w+)")  # copier's words, cookiecutter's
CLONE = re.compile(r"^.*/copier\._vcs\.clone\.[^/]+/")  # where copier puts a template that is in git
REQUIRED = re.compile(r'Question "(\w+)" is required')
REFUSED = re.compile(r"(?:Validation error for question|Invalid choice for) '(\w+)': (.*)")


def render(
    template: Path,
    folder: Path,
    answers: Answers,
    *,
    shown: Mapping[str, Path],
    address: str = "",
    ask: bool = False,
    trust: bool = False,
) -> str:
    """Render a template into a folder, over what is there; return what it wants to be told after.

    Args:
        template: its folder.
        folder: where to; made when missing.
        answers: to its questions, and what its files and names may use beside those.
        shown: the file that each one of the template came from, for messages.
        address: what its answers file, for `copier update`, shall name in place of the folder.
        ask: whether questions are asked on the terminal; otherwise they get their defaults.
        trust: whether the template may run code on this computer.

    Raises:
        KraftwerkError: the template is broken, or an answer is missing or wrong (code 2).
    """
    from copier import run_copy  # half a second that other commands needn't wait for

    try:
        with warnings.catch_warnings(action="ignore"):
            done = run_copy(
                str(template),
                folder,
                answers.given,
                user_defaults=answers.suggested,
                vcs_ref="HEAD",
                defaults=not ask,
                overwrite=True,
                quiet=True,
                unsafe=trust,
            )
            remembered, message = folder / done.answers_relpath, done.template.message_after_copy
            message = done._render_string(message) if message else ""
    except KeyboardInterrupt:  # copier's own is an Exception as well
        raise KeyboardInterrupt from None
    except Exception as error:
        raise _told(error, template, shown) from error
    if address and remembered.is_file():
        remembered.write_text(remembered.read_text().replace(str(template), address))
    return message.strip()


def as_it_is(folder: Path, target: Path) -> None:
    """Copy a folder that is no template but an ordinary project, with its links, without its history."""
    ignored = shutil.ignore_patterns(".git", "__pycache__", "*.py[co]", ".venv")
    shutil.copytree(folder, target, symlinks=True, ignore=ignored)


def _told(error: Exception, template: Path, shown: Mapping[str, Path]) -> KraftwerkError:
    """Return what is wrong as one line: an answer, or the template's file, line and reason."""
    words = " ".join(str(error).split()) or type(error).__name__
    if found := REQUIRED.search(words):
        return KraftwerkError(f"the template needs an answer for {found[1]}", next_command=_data(found[1]), code=2)
    if found := REFUSED.search(words):
        return KraftwerkError(f"{found[1]}: {found[2]}", next_command=_data(found[1]), code=2)
    if found := UNSAFE.search(words):
        cause = f"it runs code on this computer: {found[1]}"
        return KraftwerkError(cause, next_command="read it, then add --trust", code=2)
    if lacking := extension(words):
        return lacking
    if words.startswith(IN_A_NAME):
        return KraftwerkError(f"in the name of a file: {words.removeprefix(IN_A_NAME)}", code=2)
    return KraftwerkError(f"{place(error, template.resolve(), shown)}: {words}", code=2)


def _data(question: str) -> str:
    return f"add --data {question}=…"


def extension(words: str) -> KraftwerkError | None:
    """Return the error of a template whose Jinja extension isn't installed, by copier's or cookiecutter's words."""
    if not (found := EXTENSION.search(words)):
        return None
    cause = f"its Jinja extension needs the Python module {found[1]} where kraftwerk is installed"
    return KraftwerkError(cause, next_command=f"{sys.executable} -m pip install {found[1].replace('_', '-')}")


def place(error: Exception, template: Path, shown: Mapping[str, Path]) -> str:
    """Return the file and line of a template that an error comes from; no more than its kind where nothing says."""
    from jinja2 import TemplateSyntaxError

    found = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, TemplateSyntaxError) and error.filename:
        found.append((error.filename, error.lineno))
    for file, line in reversed(found):
        path = (template / CLONE.sub("", file)).resolve()
        if path.is_relative_to(template) and path.is_file():
            inside = path.relative_to(template).as_posix()
            return f"{shown.get(inside, Path(inside))}:{line}"
    return "the template"
