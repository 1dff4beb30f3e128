"""Templates rendered by copier, and its errors told in one line with the template's file and line."""

import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from kraftwerk.errors import KraftwerkError

ENDING = ".jinja"
IN_A_NAME = "Error rendering template path "  # what copier says before a file's name and what is wrong in it


def render(template: Path, folder: Path, variables: Mapping[str, Any], *, shown: Mapping[str, Path]) -> None:
    """Render a template without questions into a folder, over what is there.

    Args:
        template: its folder.
        folder: where to; made when missing.
        variables: what its files and names may use.
        shown: the file that each one of the template came from, for messages.

    Raises:
        KraftwerkError: the template is broken (code 2); its file and line are named.
    """
    from copier import run_copy  # half a second that other commands needn't wait for

    try:
        with warnings.catch_warnings(action="ignore"):
            run_copy(str(template), folder, dict(variables), defaults=True, overwrite=True, quiet=True)
    except Exception as error:
        raise broken(error, template, shown) from error


def broken(error: Exception, template: Path, shown: Mapping[str, Path]) -> KraftwerkError:
    """Return what is wrong with a template as one line: file, line, reason."""
    words = " ".join(str(error).split()) or type(error).__name__
    if words.startswith(IN_A_NAME):
        return KraftwerkError(f"in the name of a file: {words.removeprefix(IN_A_NAME)}", code=2)
    return KraftwerkError(f"{_place(error, template.resolve(), shown)}: {words}", code=2)


def _place(error: Exception, template: Path, shown: Mapping[str, Path]) -> str:
    """Return the file and line of a template that an error comes from; the template's folder where it doesn't say."""
    found = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
        found.append((error.filename, error.lineno))
    for file, line in reversed(found):
        path = Path(file)
        if path.is_relative_to(template) and path != template:
            inside = path.relative_to(template).as_posix()
            return f"{shown.get(inside, Path(inside))}:{line}"
    return "the template"
