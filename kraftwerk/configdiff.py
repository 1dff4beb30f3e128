"""How the configuration here differs from what is deployed, or from another environment's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk import configleaf, keypath, registry, secret, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.keypath import KeyPath
from kraftwerk.project import Project
from kraftwerk.transport import Connection

ABSENT = object()
# What it is, and what somebody did on the node: not how it is set up.
OWN = ("name", "project", "environment", "present", "remove", "moved", "arriving", "scale")
RENAMED = {"domains": "domain"}  # what files call an instance's key


@dataclass(frozen=True)
class Difference:
    """A key that two configurations give different values; ABSENT is none at all."""

    keys: KeyPath
    old: Any
    new: Any

    def line(self) -> str:
        """Return it in one line, without secrets."""
        old, new = (("not set" if each is ABSENT else configleaf.words(each)) for each in (self.old, self.new))
        note = " (another value)" if old == new else ""
        return f"{keypath.text(self.keys)}: {old} → {new}{note}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types, without secrets; null stands for no value."""
        old, new = (None if each is ABSENT else configleaf.masked(each) for each in (self.old, self.new))
        return {"key": keypath.text(self.keys), "old": old, "new": new}


def deployed(there: Instance | None, here: Instance) -> list[Difference]:
    """Return how an instance here differs from the deployed one; None is none at all."""
    return compare(_values(there) if there else {}, _values(here))


def on_nodes(project: Project, environment: str) -> dict[str, list[Difference]]:
    """Return how the configuration here differs from what each node of an environment has.

    Raises:
        KraftwerkError: it is deployed nowhere and no node is named for it, or one can't be reached.
    """
    places = target.places(project, environment)
    if not places:
        raise KraftwerkError(
            f"{project.name} isn't deployed anywhere in {environment}", next_command="kraftwerk deploy NODE"
        )
    hosted = {node.name: registry.sync(Connection(node)).get(here.name) for node, here in places}
    return {node.name: deployed(hosted[node.name], here) for node, here in places}


def between(project: Project, environment: str, other: str) -> dict[str, list[Difference]]:
    """Return how the files' values for an environment differ from those for another one.

    Raises:
        KraftwerkError: no such environment (code 2).
    """
    sides = (configleaf.leaves(project, each) for each in (other, environment))
    old, new = ({keys: leaf.value for keys, leaf in side.items()} for side in sides)
    return {other: compare(old, new)}


def lines(found: Mapping[str, list[Difference]], environment: str) -> list[str]:
    """Return the lines that tell the differences, below the name of each node or environment compared with."""
    printed: list[str] = []
    for name, differences in found.items():
        if not differences:
            printed.append(f"{name} has what {environment} says here")
        else:
            printed += [f"{name} → {environment} here", *(f"  {each.line()}" for each in differences)]
    return printed


def compare(old: Mapping[KeyPath, Any], new: Mapping[KeyPath, Any]) -> list[Difference]:
    """Return the keys whose values differ; encrypted ones are compared by what they hold, where we can read it."""
    pairs = ((keys, old.get(keys, ABSENT), new.get(keys, ABSENT)) for keys in sorted({*old, *new}))
    return [Difference(*each) for each in pairs if each[1] != each[2] and _revealed(each[1]) != _revealed(each[2])]


def _revealed(value: Any) -> Any:
    if isinstance(value, list):
        return [_revealed(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _revealed(each) for key, each in value.items()}
    if not secret.is_encrypted(value):
        return value
    try:
        return ("secret", secret.decrypt(value))
    except KraftwerkError:
        return value


def _values(instance: Instance) -> dict[KeyPath, Any]:
    """Return an instance's settings by the paths that files call them."""
    tree = {RENAMED.get(key, key): value for key, value in instance.as_dict().items() if key not in OWN}
    foreign = tree.pop("pillar", {})
    options = configleaf.flat(configleaf.plain(tree.pop("options", {})), ("services",))
    return {**dict(configleaf.flat(configleaf.plain({**foreign, **tree}))), **dict(options)}
