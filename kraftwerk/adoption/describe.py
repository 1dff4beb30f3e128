"""The text of kraftwerk.yaml for what was found: only what differs from defaults, each with its reason beside it."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from kraftwerk import yamltext
from kraftwerk.detect.finding import Detection, Finding

HEAD = """# What {name} is, for kraftwerk. Written by `kraftwerk adopt`, with where each value was found.
# Every key that may stand here: kraftwerk init SAMPLE --template {sample}, or docs/kraftwerk-yaml.md.
"""
ORDER = (
    *("name", "wsgi", "asgi", "src", "requirements", "extras", "groups", "install", "python", "workers", "services"),
    *("processes", "cron", "release", "static", "health", "environ"),
)
OPTIONS = "services"  # a list of names, unless one of them has options


def text(found: Detection, name: str) -> str:
    """Return what kraftwerk.yaml will say."""
    sample = found.framework if found.framework in ("django", "flask", "pyramid") else "wsgi"
    groups = [group for key in _keys(found) for group in _group(found, key)]
    return HEAD.format(name=name, sample=sample) + "\n" + "\n".join(groups) + "\n"


def values(found: Detection) -> dict[str, Any]:
    """Return what kraftwerk.yaml will say, as plain values."""
    plain: dict[str, Any] = {}
    for each in found.findings.values():
        if len(each.keys) == 1:
            plain[each.keys[0]] = each.value
        else:
            plain.setdefault(each.keys[0], {})[each.keys[1]] = each.value
    return plain


def _keys(found: Detection) -> list[str]:
    named = dict.fromkeys(keys[0] for keys in found.findings)
    return sorted(named, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))


def _group(found: Detection, key: str) -> list[str]:
    """Return the lines of a key, its comments above it."""
    below = found.below(key)
    if not below:
        return [*_comment([found.findings[key,]]), f"{key}: {flow(found.findings[key,].value)}"]
    if key == OPTIONS and not any(each.value for each in below.values()):
        return [*_comment(below.values(), named=True), f"{key}: {flow(list(below))}"]
    lines = [f"{key}:"]
    for name, each in below.items():
        lines += [f"  # {each.why}", f"  {name}: {flow(each.value)}"]
    return lines


def _comment(findings: Iterable[Finding], *, named: bool = False) -> list[str]:
    return [f"# {each.keys[-1]}: {each.why}" if named else f"# {each.why}" for each in findings]


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, str):
        return yamltext.scalar(value).head if "\n" not in value else yaml.safe_dump(value, default_style='"').strip()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_inner(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inner, value)) + "]"
    return str(yaml.safe_dump(value)).removesuffix("...\n").strip()


def _inner(value: Any) -> str:
    return yamltext.scalar(value, flow=True).head if isinstance(value, str) else flow(value)
