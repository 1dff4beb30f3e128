"""Adopting a project: what is found, with what somebody answers by hand, turned into changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from kraftwerk.adoption import changes, record
from kraftwerk.adoption.changes import Change
from kraftwerk.deployment import FILE
from kraftwerk.detect import overlay
from kraftwerk.detect import project as detection
from kraftwerk.detect.finding import Detection, Finding
from kraftwerk.errors import KraftwerkError

Prepared = tuple[Detection, list[Change], str]
ONE_OF = {"wsgi": "asgi", "asgi": "wsgi"}


def prepare(root: Path, name: str = "", answers: Sequence[str] = (), *, test: bool = False) -> Prepared:
    """Return what a project is, what would be written, and its name. What a killed run left is taken back first.

    Args:
        root: the project's folder.
        name: its name; empty for what its folder's comes to.
        answers: `KEY=VALUE`, which win over what is found.
        test: nothing may be touched, not even what a killed run left.

    Raises:
        KraftwerkError: it is adopted already, an answer is wrong, or nothing can be made of it (code 2).
    """
    before = record.read(root)
    if before and not before.done:
        if test:
            raise KraftwerkError("a kraftwerk adopt was killed here", next_command="kraftwerk adopt --undo", code=2)
        record.heal(root)
    if (root / FILE).exists():
        next_command = "kraftwerk adopt --undo" if before else "kraftwerk deploy NODE"
        raise KraftwerkError(f"{FILE} is here already", next_command=next_command, code=2)
    said = dict(answer.partition("=")[::2] for answer in answers)
    found = detection.detect(root, said.get("wsgi") or said.get("asgi") or "")
    for answer in answers:
        _answer(found, answer)
    name, reason = changes.name_of(root, name)
    if name != root.name:
        found.note("name", name, reason)
    known = found.value("wsgi") or found.value("asgi")
    return found, changes.plan(found, root, name) if known else [], name


def check(found: Detection) -> None:
    """Make sure that there is an application to serve.

    Raises:
        KraftwerkError: there is none (code 2).
    """
    if not (found.value("wsgi") or found.value("asgi")):
        next_command = "kraftwerk adopt --set wsgi=MODULE:CALLABLE, or --set asgi=MODULE:CALLABLE"
        raise KraftwerkError("no application was found", next_command=next_command, code=2)


def _answer(found: Detection, answer: str) -> None:
    """Let an answer win over what was found; an empty one takes away what was."""
    key, equals, text = answer.partition("=")
    keys = tuple(key.split(".", 1))
    if not equals or not all(keys):
        raise KraftwerkError(f"--set {answer}: KEY=VALUE is wanted, such as wsgi=shop:app", code=2)
    try:
        value: Any = yaml.safe_load(text) if text[:1] in "[{" else text
    except yaml.YAMLError as error:
        raise KraftwerkError(f"--set {key}: not valid YAML", code=2) from error
    if key in ONE_OF and overlay.APPLICATION in str(found.value(key)):
        return  # what is added calls it
    if len(keys) == 1:
        for other in [each for each in found.findings if each[0] in (key, ONE_OF.get(key))]:
            del found.findings[other]
    if text == "":
        found.findings.pop(keys, None)
    elif key == "services":
        for each in value if isinstance(value, list | dict) else [value]:
            options = value[each] if isinstance(value, dict) else {}
            found.findings["services", each] = Finding(("services", each), options or {}, "--set")
    else:
        if len(keys) == 1 and (text.isdigit() or text in ("true", "false")):
            value = yaml.safe_load(text)
        found.findings[keys] = Finding(keys, value, "--set")
