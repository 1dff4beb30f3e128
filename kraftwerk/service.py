"""Services of a project: which there are, and the options that each takes, as its defaults.yaml says."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from kraftwerk import secret
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import HOSTNAME, all_nodes
from kraftwerk.paths import config_home, share
from kraftwerk.schema import Parser, Value, Wrong, is_null, list_of, pairs, suggestion, text

NAME = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
NODE, HOST, URL = "node", "host", "url"  # the options that say where a service lives
TAKES = "takes"  # the key of a service's defaults.yaml that lists its options
WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
ONE_LINE = r"[^\x00-\x1f\x7f]+"
# What options mean that several services have, unless a service says more of its own.
COMMON: Mapping[str, Mapping[str, Any]] = {
    "node": {"match": HOSTNAME.pattern, "meaning": "a node's name"},
    "host": {"match": r"[\w.:-]+", "meaning": "an address or a hostname"},
    "url": {"match": r"\w[\w+.-]*://\S+", "meaning": "the URL of a server"},
    "password": {"secret": True},
}


class Listed(dict[str, Any]):
    """What is said as a whole, such as services by a list: these and no others. A mapping adds to earlier files."""


def parse(value: Value) -> dict[str, dict[str, Any]]:
    """Parse `services`: a name, a list of names and of mappings, or a mapping of names to their options."""
    found = {}
    for name, child, options in _entries(value):
        try:
            trees = _trees(name, child)
        except Wrong as error:
            child.wrong(str(error))
            continue
        found[name] = _options(trees, name, options) if options is not None else {}
    return found if _is_mapping(value) else Listed(found)


def takes(name: str, root: Path) -> dict[str, Mapping[str, Any]]:
    """Return the options of a service: for each its pattern `match`, `meaning`, and whether it is `secret` or a `list`.

    Args:
        root: the project's folder, whose own services come first.
    """
    return _takes(_layers(root), name)


def is_migrated(name: str, root: Path) -> bool:
    """Tell whether a service has tables that release commands may change.

    Args:
        root: as in `takes`.
    """
    return bool(_defaults(_layers(root), name).get("migrated"))


def settled(services: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the merged options of services without those that a later file displaced."""
    return {name: {key: each for key, each in given.items() if each is not None} for name, given in services.items()}


def placed(services: Mapping[str, Mapping[str, Any]], node_name: str) -> dict[str, dict[str, Any]]:
    """Return the options of services as they are for an instance on a node; services without any are left out.

    One that lives on that very node has no place to tell; one on another node has its address, unless `host` says it.
    """
    found = {}
    for name, given in services.items():
        options = dict(given)
        if options.get(NODE) == node_name:
            options = {key: value for key, value in options.items() if key not in (NODE, HOST)}
        elif NODE in options and (there := all_nodes().get(options[NODE])):
            options = {HOST: there.host, **options}
        if options:
            found[name] = options
    return found


def places(options: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the nodes that services live on which live on another one, by service."""
    return {name: str(given[NODE]) for name, given in options.items() if given.get(NODE)}


def where(instance: Instance, name: str) -> str:
    """Return where a service of an instance lives, in words: `on db1`, `at db.example.com`; empty for its own node."""
    given = instance.options.get(name, {})
    if NODE in given:
        return f"on {given[NODE]}"
    if URL not in given:
        return ""
    host = "" if secret.is_encrypted(given[URL]) else urlsplit(given[URL]).hostname
    return f"at {host}" if host else "elsewhere"


def displaced(before: Instance, after: Instance) -> list[str]:
    """Return the services that an instance has another place for than it had: their data doesn't come along by itself.

    One server elsewhere in the place of another isn't told: their addresses may be encrypted.
    """
    return [name for name in before.services if name in after.services and _place(before, name) != _place(after, name)]


def check(options: Mapping[str, Mapping[str, Any]], project: str) -> None:
    """See that options of services go together.

    Args:
        project: whose they are, for the error.

    Raises:
        KraftwerkError: a service has two places (code 2).
    """
    for name, given in options.items():
        if given.get(NODE) and given.get(URL):
            cause = f"{project}: services.{name}: node and url say two places"
            raise KraftwerkError(cause, next_command="a node of yours, or the URL of a server elsewhere", code=2)


def _place(instance: Instance, name: str) -> tuple[str, bool]:
    given = instance.options.get(name, {})
    return str(given.get(NODE, "")), URL in given


def _entries(value: Value) -> list[tuple[str, Value, Value | None]]:
    """Return the names of services with where each stands, and its options where there are any."""
    if _is_mapping(value):
        return [(name, child, None if is_null(child.node) else child) for name, child in pairs(value)]
    found: list[tuple[str, Value, Value | None]] = []

    def one(child: Value) -> str:
        if _is_mapping(child):
            found.extend((name, inner, None if is_null(inner.node) else inner) for name, inner in pairs(child))
        else:
            found.append((text()(child), child, None))
        return str(len(found))

    list_of(one, or_one=True)(value)
    return found


def _is_mapping(value: Value) -> bool:
    return isinstance(value.node, yaml.MappingNode)


def _layers(root: Path) -> list[Path]:
    return [tree / "services" for tree in (root / "salt", config_home() / "salt", share("salt"))]


def _trees(name: str, value: Value) -> list[Path]:
    """Return the folders that services are searched in, the first wins; an unknown name is wrong."""
    if not re.fullmatch(NAME, name):
        raise Wrong(f"{name!r} is not a name: lower-case letters, digits and dashes")
    root = value.file.parent if value.file.suffix != ".sls" else value.file.parent.parent
    trees = _layers(root)
    if not any((tree / name).is_dir() for tree in trees):
        known = sorted({path.name for tree in trees for path in tree.glob("*/")})
        raise Wrong(f"unknown service {name}{suggestion(name, known) or '; there are ' + ', '.join(known)}")
    return trees


def _defaults(trees: list[Path], name: str) -> dict[str, Any]:
    file = next((path for tree in trees if (path := tree / name / "defaults.yaml").is_file()), None)
    return (yaml.safe_load(file.read_text()) if file else None) or {}


def _takes(trees: list[Path], name: str) -> dict[str, Mapping[str, Any]]:
    given = _defaults(trees, name).get(TAKES) or {}
    return {option: {**COMMON.get(option, {}), **(said or {})} for option, said in given.items()}


def _options(trees: list[Path], name: str, value: Value) -> dict[str, Any]:
    known, found = _takes(trees, name), {}
    for option, child in pairs(value):
        if option not in known:
            there = f"; {name} takes {', '.join(known)}" if known else f"; {name} takes none"
            child.wrong(f"unknown option{suggestion(option, known) or there}")
        elif not is_null(child.node):
            try:
                found[option] = _parser(known[option])(child)
            except Wrong as error:
                child.wrong(str(error))
    # A place that a file says is the only one: what earlier files said of the other kind doesn't hold any more.
    other = {NODE: (URL,), URL: (NODE, HOST)}
    displaced = {each: None for place in other if found.keys() & {NODE, URL} == {place} for each in other[place]}
    return {**displaced, **found}


def _parser(said: Mapping[str, Any]) -> Parser[Any]:
    """Return the parser of an option: encrypted values pass as they are."""

    def one(value: Value) -> str:
        written = text(r"[\s\S]*", "a text")(value)
        if secret.is_encrypted(written):
            return written
        if said.get("secret") or WITH_PASSWORD.search(written):
            which = value.file.stem if value.file.suffix == ".sls" else "production"
            where = "--base" if which == "base" else f"--env {which}"
            command = f"kraftwerk config set {value.key} --secret {where}"
            raise Wrong(f"a password in plain text, read by whoever reads this file; encrypted by: {command}")
        return text(str(said.get("match", ONE_LINE)), str(said.get("meaning", "one line of text")))(value)

    return list_of(one, or_one=True) if said.get("list") else one
