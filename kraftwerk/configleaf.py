"""What a project's files say for an environment, value by value, and where each one stands."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

from kraftwerk import keypath, secret
from kraftwerk.deployment import FILE, Deployment
from kraftwerk.errors import KraftwerkError
from kraftwerk.keypath import KeyPath
from kraftwerk.project import Project

ENCRYPTED = "(encrypted)"


@dataclass(frozen=True)
class Leaf:
    """A value that files give.

    Attributes:
        keys: its path from the top.
        value: as plain JSON types; an encrypted one is encrypted.
        place: file and line, as `pillar/production.sls:3`.
    """

    keys: KeyPath
    value: Any
    place: str

    def text(self) -> str:
        """Return the value in one line, without secrets."""
        return words(self.value)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types, without secrets."""
        return {
            "key": keypath.text(self.keys),
            "value": masked(self.value),
            "encrypted": any(True for _ in secret.within(self.value)),
            "from": self.place,
        }


def leaves(project: Project, environment: str) -> dict[KeyPath, Leaf]:
    """Return the values that the files of a project give for an environment, merged, by their paths.

    Raises:
        KraftwerkError: no such environment (code 2).
    """
    given = project.deployment(environment)
    said = {key for layer in project.layers_of(environment) for key in layer.values}
    tree = {each.name: plain(getattr(given, each.name)) for each in fields(Deployment) if each.name in said}
    tree |= project.foreign(environment)
    values = dict(flat(tree))
    if "services" in said:  # one without options is a value, too
        values["services",] = list(given.services)
    return {keys: Leaf(keys, value, _place(project, environment, keys)) for keys, value in values.items()}


def find(project: Project, environment: str, keys: KeyPath) -> Any:
    """Return the value of a path, of an inner mapping too.

    Raises:
        KraftwerkError: the files don't give it, or no such environment (code 2).
    """
    found = {
        path[len(keys) :]: leaf for path, leaf in leaves(project, environment).items() if path[: len(keys)] == keys
    }
    if not found:
        raise KraftwerkError(
            f"no file of {project.name} says {keypath.text(keys)} for {environment}",
            next_command="kraftwerk config show, and kraftwerk env for what holds by default",
        )
    if () in found:
        return found[()].value
    tree: dict[str, Any] = {}
    for path, leaf in found.items():
        inner = tree
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = leaf.value
    return tree


def flat(tree: Any, keys: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values of nested mappings by their paths; a list counts as one value, an empty mapping as none."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from flat(value, (*keys, str(key)))
    else:
        yield keys, tree


def plain(value: Any) -> Any:
    """Return a value as plain JSON types: lists for tuples, mappings for dataclasses."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def masked(value: Any) -> Any:
    """Return plain data with a word in the place of each encrypted value."""
    if isinstance(value, Mapping):
        return {key: masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return ENCRYPTED if secret.is_encrypted(value) else value


def words(value: Any) -> str:
    """Return plain data in one line, without secrets."""
    found = masked(value)
    if isinstance(found, list):
        return ", ".join(words(each) for each in found) or "none"
    if isinstance(found, Mapping):
        return "{" + ", ".join(f"{key}: {words(inner)}" for key, inner in found.items()) + "}"
    if isinstance(found, str) and (not found.isprintable() or found != found.strip() or not found):
        return repr(found)
    return printed(found)


def _place(project: Project, environment: str, keys: KeyPath) -> str:
    """Return where the last file that gives a value says it."""
    ours = keys[0] in Deployment.__dataclass_fields__
    layers = [
        layer
        for layer in reversed(project.layers_of(environment))
        if (keys[0] in layer.values if ours else FILE not in layer.source)
    ]
    steps = ((keys[:length], layer) for length in range(len(keys), 0, -1) for layer in layers)
    return next((layer.places[path] for path, layer in steps if path in layer.places), "")


def known(project: Project, environment: str) -> list[KeyPath]:
    """Return the keys that may be set: those that files give, and all that there are at the top."""
    return sorted({*leaves(project, environment), *((each.name,) for each in fields(Deployment))})


def revealed(value: Any) -> Any:
    """Return plain data with its secrets decrypted.

    Raises:
        KraftwerkError: one isn't for this admin.
    """
    if isinstance(value, Mapping):
        return {key: revealed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [revealed(each) for each in value]
    return secret.decrypt(value) if secret.is_encrypted(value) else value


def printed(value: Any) -> str:
    """Return a single value for a script to read: texts as they are, true and false as YAML has them."""
    return value if isinstance(value, str) else json.dumps(value)
