"""What a whole template asks, and what it would run on this computer: read before anything of it is used."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kraftwerk.errors import KraftwerkError, unreadable

HOOKS = ("pre_prompt", "pre_gen_project", "post_gen_project")


@dataclass(frozen=True)
class Contents:
    """What a template's own file says.

    Attributes:
        questions: what is asked, with the default or the whole entry.
        complete: False where other files are included, whose questions aren't known.
        code: what would run on this computer, a line for each.
    """

    questions: Mapping[str, Any]
    complete: bool = True
    code: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """YAML with copier's `!include`, which is noted and not followed."""


_Loader.add_constructor("!include", lambda loader, node: {})


def read(folder: Path, structure: str) -> Contents:
    """Read a template's own file.

    Args:
        folder: the template's.
        structure: that file's name, copier.yml or cookiecutter.json; "" for a template without one.

    Raises:
        KraftwerkError: it is broken (code 2); its line is named.
    """
    if not structure:
        return Contents({})
    path = folder / structure
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KraftwerkError(unreadable(structure, error), code=2) from error
    return _cookiecutter(folder, structure, text) if structure.endswith(".json") else _copier(structure, text)


def _copier(name: str, text: str) -> Contents:
    try:
        parts = [part for part in yaml.load_all(text, _Loader) if part]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        raise KraftwerkError(f"{place}: {getattr(error, 'problem', None) or error}", code=2) from error
    if not all(isinstance(part, dict) for part in parts):
        raise KraftwerkError(f"{name}: questions are wanted, `name: …`", code=2)
    whole = {str(key): value for part in parts for key, value in part.items()}
    asked = {key: value for key, value in whole.items() if not key.startswith("_")}
    code = list(_tasks(whole.get("_tasks") or ()))
    # Of several documents copier takes the last one's tasks, but the extensions of all.
    code += [f"the Jinja extension {each}" for part in parts for each in part.get("_jinja_extensions") or ()]
    complete = "!include" not in text
    code += ["what the files say that it includes"] if code and not complete else []
    return Contents(asked, complete, tuple(code))


def _tasks(tasks: Iterable[Any]) -> Iterator[str]:
    for task in tasks:
        command = task.get("command", "") if isinstance(task, dict) else task
        yield " ".join(map(str, command)) if isinstance(command, list) else str(command)


def _cookiecutter(folder: Path, name: str, text: str) -> Contents:
    try:
        whole = json.loads(text)
    except ValueError as error:
        place = f"{name}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else name
        raise KraftwerkError(f"{place}: {getattr(error, 'msg', error)}", code=2) from error
    if not isinstance(whole, dict):
        raise KraftwerkError(f"{name}: questions are wanted, a JSON object", code=2)
    hooks = sorted(path.name for path in folder.glob("hooks/*") if path.stem in HOOKS and path.is_file())
    extensions = [str(each) for each in whole.get("_extensions") or ()]
    code = ["expressions in its files, which cookiecutter doesn't confine"]
    code += [f"hooks/{hook}" for hook in hooks] + [f"the Jinja extension {each}" for each in extensions]
    nested = {"template", "templates"} & whole.keys()
    asked = {key: value for key, value in whole.items() if not key.startswith("_")}
    return Contents(asked, complete=not nested, code=tuple(code))
