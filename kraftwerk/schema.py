"""YAML read into frozen dataclasses: every mistake at once, each with its file, line, key and a suggestion."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kraftwerk.errors import KraftwerkError, unreadable

T = TypeVar("T")
PARSER = "parser"  # where a dataclass field keeps its parser
MISSPELT = 0.8  # how near a foreign key may come to one of ours: `worker` is a slip, `nginx` isn't


@dataclass(frozen=True)
class Value:
    """A value of a YAML file, and where it stands there.

    Attributes:
        key: its whole path, such as `environments.staging.nodes[0]`.
        line: where it starts, or where its key stands.
        problems: where its mistakes are noted, one line each.
    """

    node: yaml.Node
    file: Path
    key: str
    line: int
    problems: list[str]

    def child(self, node: yaml.Node, key: str, at: yaml.Node) -> "Value":
        """Return a value inside this one, whose line is that of `at`."""
        return Value(node, self.file, key, at.start_mark.line + 1, self.problems)

    def wrong(self, message: str) -> None:
        """Note a mistake at this place."""
        where = f"{shown(self.file)}:{self.line}"
        self.problems.append(f"{where}: {self.key}: {message}" if self.key else f"{where}: {message}")


class Wrong(Exception):
    """Raised by a parser that can't make anything of a value; its caller notes the mistake (empty: it is noted)."""


Parser = Callable[[Value], T]


def setting(parser: Parser[Any], **options: Any) -> Any:
    """Return a dataclass field that is read from YAML by a parser; options are those of `dataclasses.field`."""
    return field(metadata={PARSER: parser}, **options)


def shown(file: Path) -> str:
    """Return a path as it is printed: relative when it is below the current folder."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)


def suggestion(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `; did you mean X?`, or nothing when no known word is near."""
    from difflib import get_close_matches  # late: only mistakes need it

    return "".join(f"; did you mean {near}?" for near in get_close_matches(word, list(known), 1, cutoff))


def load(file: Path, problems: list[str], text: str | None = None) -> Value | None:
    """Read a YAML file without making Python values of it yet.

    Args:
        file: its path; an empty or missing file is None.
        problems: where a syntax error goes.
        text: what it shall say, instead of what it says now.

    Raises:
        KraftwerkError: it can't be read (code 2).
    """
    try:
        node = yaml.compose(file.read_text() if text is None else text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise KraftwerkError(unreadable(shown(file), error), code=2) from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problems.append(f"{shown(file)}{line}: not valid YAML: {error.problem or error}")
        return None
    except yaml.YAMLError as error:
        problems.append(f"{shown(file)}: not valid YAML: {error}".replace("\n", " "))
        return None
    return Value(node, file, "", 1, problems) if node is not None and not is_null(node) else None


def places(value: Value | None) -> dict[tuple[str, ...], str]:
    """Return where each value of a file stands, as `pillar/base.sls:3`, by its keys from the top; mappings, too."""
    if value is None or not isinstance(value.node, yaml.MappingNode):
        return {}
    found: dict[tuple[str, ...], str] = {}
    for name, child in pairs(replace(value, problems=[])):
        found[name,] = f"{shown(value.file)}:{child.line}"
        found |= {(name, *keys): place for keys, place in places(child).items()}
    return found


def check(problems: Sequence[str]) -> None:
    """Raise all mistakes as one error, a line for each.

    Raises:
        KraftwerkError: there are any (code 2).
    """
    if problems:
        raise KraftwerkError("\n".join(problems), code=2)


def given(schema: Any, value: Value | None, *, foreign: bool = False) -> dict[str, Any]:
    """Return the keys that a file gives of a dataclass, parsed; mistakes go to the value's problems.

    Args:
        schema: a dataclass whose fields are made by `setting`; a field's name is its key.
        foreign: pass over keys that are somebody else's, unless they look like a misspelt key of this dataclass.
    """
    if value is None:
        return {}
    parsers = {each.name: each.metadata[PARSER] for each in fields(schema) if PARSER in each.metadata}
    result: dict[str, Any] = {}
    for name, child in pairs(value):
        if name not in parsers:
            if not foreign or suggestion(name, parsers, MISSPELT):
                child.wrong(f"unknown key{suggestion(name, parsers)}")
        elif not is_null(child.node):
            _collect(parsers[name], child, result, name)
    return result


def foreign(schema: Any, value: Value | None) -> dict[str, Any]:
    """Return the keys of a file that are somebody else's, as plain JSON types; mistakes go to the value's problems."""
    if value is None or not isinstance(value.node, yaml.MappingNode):
        return {}
    ours = {each.name for each in fields(schema)}
    result: dict[str, Any] = {}
    for name, child in pairs(replace(value, problems=[])):
        if name not in ours and not is_null(child.node):
            _collect(anything, replace(child, problems=value.problems), result, name)
    plain: dict[str, Any] = json.loads(json.dumps(result, default=str))  # dates travel as text
    return plain


def record(schema: type[T]) -> Parser[T]:
    """Return a parser of a mapping that is a dataclass."""

    def parse(value: Value) -> T:
        found = given(schema, value)
        if not isinstance(value.node, yaml.MappingNode):
            raise Wrong
        missing = required(schema) - found.keys()
        if missing:
            absent = sorted(missing - {name for name, _ in pairs(value)})
            raise Wrong(f"{' and '.join(absent)} missing" if absent else "")
        return schema(**found)

    return parse


def required(schema: Any) -> set[str]:
    """Return the keys of a dataclass that have no default."""
    return {each.name for each in fields(schema) if each.default is MISSING and each.default_factory is MISSING}


def text(pattern: str = r"[^\x00-\x1f\x7f]*", meaning: str = "one line of text") -> Parser[str]:
    """Return a parser of a string that matches a pattern as a whole; numbers and booleans count as they are written.

    Args:
        meaning: what is expected, for the error.
    """

    def parse(value: Value) -> str:
        if not isinstance(value.node, yaml.ScalarNode):
            raise Wrong(f"must be {meaning}, not {_kind(value.node)}")
        written: str = value.node.value
        if not re.fullmatch(pattern, written):
            raise Wrong(f"{_quoted(written)} is not {meaning}")
        return written

    return parse


def number(minimum: int, maximum: int) -> Parser[int]:
    """Return a parser of a whole number."""

    def parse(value: Value) -> int:
        if not isinstance(value.node, yaml.ScalarNode) or value.node.tag != "tag:yaml.org,2002:int":
            raise Wrong(f"must be a whole number, not {_kind(value.node)}")
        found = int(yaml.SafeLoader("").construct_yaml_int(value.node))
        if not minimum <= found <= maximum:
            raise Wrong(f"must be between {minimum} and {maximum}, not {found}")
        return found

    return parse


def one_of(*words: str) -> Parser[str]:
    """Return a parser of one of a few words."""

    def parse(value: Value) -> str:
        word = text()(value)
        if word not in words:
            raise Wrong(f"{word!r} is not one of {', '.join(words)}{suggestion(word, words)}")
        return word

    return parse


def list_of(parser: Parser[T], *, or_one: bool = False) -> Parser[tuple[T, ...]]:
    """Return a parser of a list; with `or_one`, a single value is a list of one. Doubles count once."""

    def parse(value: Value) -> tuple[T, ...]:
        if or_one and isinstance(value.node, yaml.ScalarNode):
            return (parser(value),)
        if not isinstance(value.node, yaml.SequenceNode):
            raise Wrong(f"must be a list, not {_kind(value.node)}")
        found: dict[int, T] = {}
        for index, node in enumerate(value.node.value):
            _collect(parser, value.child(node, f"{value.key}[{index}]", node), found, index)
        return tuple(dict.fromkeys(found.values()))

    return parse


def mapping_of(parser: Parser[T], key: str, meaning: str) -> Parser[dict[str, T]]:
    """Return a parser of a mapping.

    Args:
        parser: of each value.
        key: the pattern of each key.
        meaning: what a key must be, for the error.
    """

    def parse(value: Value) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, child in pairs(value):
            if not re.fullmatch(key, name):
                child.wrong(f"{name!r} is not {meaning}")
            else:
                _collect(parser, child, found, name)
        return found

    return parse


def anything(value: Value) -> Any:
    """Parse any YAML as plain Python values: a part that is free-form."""
    try:
        return yaml.SafeLoader("").construct_object(value.node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        raise Wrong(f"not plain YAML: {error}".replace("\n", " ")) from error


def is_null(node: yaml.Node) -> bool:
    """Tell whether a value is written as nothing, `~` or `null`; such a key counts as not given."""
    return bool(node.tag == "tag:yaml.org,2002:null")


def _collect(parser: Parser[Any], value: Value, into: dict[Any, Any], key: Any) -> None:
    try:
        into[key] = parser(value)
    except Wrong as error:
        if str(error):
            value.wrong(str(error))


def pairs(value: Value) -> list[tuple[str, Value]]:
    """Return the keys of a mapping and their values; what is no mapping, and a key given twice, is noted."""
    if not isinstance(value.node, yaml.MappingNode):
        value.wrong(f"must be a mapping (key: value), not {_kind(value.node)}")
        return []
    found: dict[str, Value] = {}
    for name, content in value.node.value:
        if not isinstance(name, yaml.ScalarNode):
            value.child(name, value.key, name).wrong("a key must be a word")
            continue
        child = value.child(content, f"{value.key}.{name.value}" if value.key else name.value, name)
        if name.value in found:
            child.wrong("given twice")
        found[name.value] = child
    return list(found.items())


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else _quoted(node.value)


def _quoted(text: str) -> str:
    return "an encrypted value" if text.startswith("-----BEGIN AGE ") else repr(text)
