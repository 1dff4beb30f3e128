"""A key set or removed in a project's pillar file: tried out first, told as a plan, then written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from kraftwerk import configleaf, configtext, keypath, recipients, secret, target, yamltext
from kraftwerk.configfile import BASE, ConfigFile
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import environment_words
from kraftwerk.keypath import KeyPath
from kraftwerk.project import Project
from kraftwerk.schema import shown

SECRETIVE = re.compile(r"(?i)(^|_)(password|passwd|secret|token|api_?key|private_?key|secret_?key|dsn)$")


@dataclass(frozen=True)
class Change:
    """A change of a file that isn't written yet.

    Attributes:
        file: it is in.
        keys: what is set or removed.
        text: what the file will say.
        after: the project as it will be.
        before, value: what it said there and will say, in one line; None for nothing.
        question: what must be answered with yes before.
    """

    file: ConfigFile
    keys: KeyPath
    text: str
    after: Project
    before: str | None
    value: str | None
    question: str = ""

    @property
    def is_none(self) -> bool:
        """Tell whether the file says this already."""
        return self.text == self.file.text

    def line(self) -> str:
        """Return what is changed, in one line."""
        where = f"{shown(self.file.path)}: {keypath.text(self.keys)}"
        if self.is_none:
            return f"{where} is {self.value} already"
        return f"{where} {self.before or 'not set'} → {self.value or 'not set'}"

    def environments(self) -> list[str]:
        """Return the environments that the file is read in."""
        return self.after.known_environments() if self.file.name == BASE else [self.file.name]

    def notes(self) -> list[str]:
        """Return what is worth knowing: where another file wins, a foreign key, a secret in plain text."""
        found = [line for environment in self.environments() if (line := self._overridden(environment))]
        if self.value and SECRETIVE.search(self.keys[-1]) and configleaf.ENCRYPTED not in self.value:
            found.append(
                f"{keypath.text(self.keys)} looks like a secret and stands there in plain text; --secret hides it"
            )
        return found

    def _overridden(self, environment: str) -> str:
        leaf = configleaf.leaves(self.after, environment).get(self.keys)
        here = shown(self.file.path)
        if self.value is None or leaf is None or not leaf.place or leaf.place.rpartition(":")[0] == here:
            return ""
        return f"{leaf.place} says {leaf.text()}, and wins in {environment}"

    def effect(self) -> list[str]:
        """Return where it takes effect, and by what: a line for each environment that is on a node."""
        found = {each: target.names(self.after, each) for each in self.environments()}
        told = [
            f"takes effect on {', '.join(nodes)}".ljust(52) + f" next: {deploy(environment, nodes)}"
            for environment, nodes in found.items()
            if nodes
        ]
        return told or ["takes effect with the next deploy"]


def deploy(environment: str, nodes: Sequence[str]) -> str:
    """Return the command that brings a change to nodes."""
    words = ["kraftwerk deploy", nodes[0] if len(nodes) == 1 else "NODE"]
    return " ".join([*words, *environment_words(environment)])


def plan(
    file: ConfigFile,
    environment: str,
    keys: KeyPath,
    value: str | None,
    *,
    hidden: bool = False,
    generate: bool = False,
    force: bool = False,
    ask: Callable[[str], str],
) -> Change:
    """Return the change that sets a key: to a value, to a secret that is asked for, or to a generated one.

    Args:
        environment: whose values hold.
        value: as it was typed, for neither of the others.
        hidden: ask for it, by its name, and encrypt it.
        generate: make a random one and encrypt it.
        force: let a generated one replace what is there, or a plain value an encrypted one.

    Raises:
        KraftwerkError: not just one of them is wanted, a secret would be lost, or the files would have mistakes; all
            are named (code 2).
    """
    if (value is not None) + (hidden or generate) != 1:
        cause = "VALUE is missing" if value is None else "a secret isn't given as VALUE: the process list would show it"
        raise KraftwerkError(cause, next_command="one of VALUE, --secret or --generate", code=2)
    if value is not None:
        return plain(file, keys, value, force=force)
    name = keypath.text(keys)
    if not generate:
        return encrypted(file, keys, ask(name))
    lost = _has_value(file, environment, keys)
    if lost and not force:
        cause = f"{name} has a value already, and one is made once"
        raise KraftwerkError(cause, next_command="--force replaces it; what it opened or signed is lost", code=2)
    question = f"{name} gets another value, and the old one is lost. Replace it?" if lost else ""
    return replace(encrypted(file, keys, secret.generate()), question=question)


def plain(file: ConfigFile, keys: KeyPath, value: str, *, force: bool = False) -> Change:
    """Return the change that sets a key to a value as it was typed.

    The value is read as YAML; where that can't be right, it is taken as a string: `a: b`, `@home`, `x # y`.

    Args:
        force: replace an encrypted value by a plain one.

    Raises:
        KraftwerkError: the files would have mistakes; all are named (code 2).
    """
    before = _before(file, keys)
    if before is not None and not force and any(True for _ in secret.within(before)):
        raise KraftwerkError(
            f"{keypath.text(keys)} is encrypted", next_command="--secret keeps it so, --force doesn't", code=2
        )
    failure: KraftwerkError | None = None
    for as_yaml in (True, False) if _is_yaml(value) else (False,):
        try:
            return _change(file, keys, value, as_yaml=as_yaml)
        except KraftwerkError as error:
            failure = failure or error
    raise failure or KraftwerkError(f"{value!r} can't be set", code=2)


def encrypted(file: ConfigFile, keys: KeyPath, value: str) -> Change:
    """Return the change that sets a key to a value that only the project's recipients can read.

    Raises:
        KraftwerkError: as `plain`; or recipients.txt is broken (code 2).
    """
    everybody = recipients.read(file.root)
    keyring = [each.key for each in everybody] or [secret.public_key()]
    return _change(file, keys, secret.encrypt(value, keyring))


def unset(file: ConfigFile, keys: KeyPath) -> Change:
    """Return the change that removes a key from the file.

    Raises:
        KraftwerkError: the file doesn't say it, or the rest would have mistakes (code 2).
    """
    before = _before(file, keys)
    if before is None:
        raise KraftwerkError(
            f"{shown(file.path)} doesn't say {keypath.text(keys)}", next_command="kraftwerk config show", code=2
        )
    text = _edited(file, lambda: configtext.remove(file.text, keys))
    return Change(file, keys, text, file.tried(text), configleaf.words(before), None)


def carry_out(change: Change, *, test: bool = False) -> list[str]:
    """Write a change, unless it is only tested, and return what is to be told of it.

    Raises:
        KraftwerkError: the file was changed meanwhile.
    """
    if change.is_none:
        return [change.line()]
    told = [change.line(), *change.notes()]
    if not test:
        if change.value and configleaf.ENCRYPTED in change.value:
            made = not recipients.file(change.file.root).exists()
            everybody = recipients.ensure(change.file.root)
            readers = f"encrypted for {recipients.names(everybody)}"
            readers += "" if recipients.include_us(everybody) else "; not for you: nobody can show it to you here"
            told.append(f"{readers}{' (made pillar/recipients.txt)' if made else ''}")
        change.file.write(change.text)
    return [*told, *(["Nothing was written."] if test else change.effect())]


def _has_value(file: ConfigFile, environment: str, keys: KeyPath) -> bool:
    """Tell whether a key has a value already, in this file or in one that holds there too."""
    return _before(file, keys) is not None or keys in configleaf.leaves(file.tried(file.text), environment)


def _change(file: ConfigFile, keys: KeyPath, value: str, *, as_yaml: bool = False) -> Change:
    if keys[0] == "environments":
        raise KraftwerkError(f"environments stand in {FILE} only", next_command=f"edit {FILE}", code=2)
    text = _edited(file, lambda: configtext.put(file.text, keys, value, as_yaml=as_yaml))
    after = file.tried(text)
    before, new = _before(file, keys), _python(configtext.find(text, keys))
    if before == new:
        text = file.text
    return Change(file, keys, text, after, None if before is None else configleaf.words(before), configleaf.words(new))


def _edited(file: ConfigFile, edit: Callable[[], str]) -> str:
    try:
        return edit()
    except KraftwerkError as error:
        cause = f"{shown(file.path)}: {error.cause}"
        which = "--base" if file.name == BASE else f"--env {file.name}"
        raise KraftwerkError(cause, next_command=f"kraftwerk config edit {which}", code=2) from error


def _before(file: ConfigFile, keys: KeyPath) -> Any:
    return _edited(file, lambda: _python(configtext.find(file.text, keys)))


def _python(node: yaml.Node | None) -> Any:
    return None if node is None else yaml.SafeLoader("").construct_object(node, deep=True)


def _is_yaml(value: str) -> bool:
    """Tell whether a value can be written as it was typed: all of it is YAML, and on one line."""
    try:
        node = yamltext.compose(value)
        yamltext.compose(f"[{value}]")  # it may land in a mapping in {}, where less is allowed: no "?" in a URL
    except KraftwerkError:
        return False
    whole = node is not None and (node.start_mark.index, node.end_mark.index) == (0, len(value))
    inline = isinstance(node, yaml.ScalarNode) or yamltext.is_flow(node)
    ours = node is not None and node.tag.startswith("tag:yaml.org,2002:") and not value.startswith(("&", "!"))
    return whole and inline and ours and "\n" not in value
