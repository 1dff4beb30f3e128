"""Where values stand in the text of a YAML file, so that a value can be replaced and the rest stays byte for byte."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from kraftwerk.errors import KraftwerkError

Edit = tuple[int, int, str]  # from, to, what stands there instead
HEADER = re.compile(r"[|>][-+0-9]*")
ODD_EDGES = re.compile(r"\A[ \n]|\n\n\Z")  # what a block could hold only with an indicator
PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")


@dataclass(frozen=True)
class Place:
    """A value in a text.

    Attributes:
        keys: its path; the place in a list counts as a key.
        node: as YAML composed it; key: that of its key, None in a list and at the top.
        indent: how far a block below it is indented.
        flow: it stands inside of {} or [], where a value has no lines of its own.
    """

    keys: tuple[str, ...]
    node: yaml.Node
    key: yaml.Node | None
    indent: int
    flow: bool


@dataclass(frozen=True)
class Written:
    """A value as it is written: on the line of its key, and the lines of a block below that."""

    head: str
    body: tuple[str, ...] = ()


def compose(text: str) -> yaml.Node | None:
    """Return what a text holds, None where that is nothing.

    Raises:
        KraftwerkError: it isn't YAML (code 2).
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise KraftwerkError(f"{line}not valid YAML: {error.problem or error}", code=2) from error
    except yaml.YAMLError as error:
        raise KraftwerkError(f"not valid YAML: {error}".replace("\n", " "), code=2) from error
    return None if node is None or (is_null(node) and not node.value) else node


def places(node: yaml.Node, keys: tuple[str, ...] = (), flow: bool = False) -> Iterator[Place]:
    """Yield all values inside a node, outer ones first; those that an alias stands for are left out."""
    if isinstance(node, yaml.ScalarNode):
        return
    flow, indent = flow or is_flow(node), node.start_mark.column + 2
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(None, each) for each in node.value]
    for index, (key, value) in enumerate(pairs):
        path = (*keys, str(index) if key is None else str(key.value))
        if value.start_mark.index >= (node.start_mark if key is None else key.end_mark).index:
            yield Place(path, value, key, indent, flow)
            yield from places(value, path, flow)


def plain(node: yaml.Node | None) -> Any:
    """Return a node as nested dictionaries, lists and (tag, text), to compare by."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(value) for value in node.value]
    return {} if node is None else (node.tag, node.value)


def is_null(node: yaml.Node) -> bool:
    """Tell whether a value is written as nothing, `~` or `null`."""
    return bool(node.tag == "tag:yaml.org,2002:null")


def is_flow(node: yaml.Node | None) -> bool:
    """Tell whether a value is written in {} or []."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def end(node: yaml.Node, text: str) -> int:
    """Return where a value ends: after its last character, comments and empty lines behind it left out."""
    if isinstance(node, yaml.ScalarNode):
        index: int = node.end_mark.index
        if not node.style or node.style not in "|>":
            return index
        header = HEADER.match(text, header_at(node, text))
        if header and "+" in header[0]:  # the empty lines behind it belong to it
            return line_end(text, line_start(text, index - 1))
        return len(text[:index].rstrip())
    if is_flow(node) or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return end(last[1] if isinstance(node, yaml.MappingNode) else last, text)


def header_at(node: yaml.Node, text: str) -> int:
    """Return where the | or > of a block scalar stands, behind its tag and anchor."""
    found = re.compile(r"(?:[!&]\S*\s+)*").match(text, node.start_mark.index)
    return found.end() if found else node.start_mark.index


def line_end(text: str, index: int) -> int:
    """Return where the line of an index ends, before its line break."""
    found = text.find("\n", index)
    stop = len(text) if found < 0 else found
    return stop - 1 if text[index:stop].endswith("\r") else stop


def line_start(text: str, index: int) -> int:
    """Return where the line of an index starts."""
    return text.rfind("\n", 0, index) + 1


def next_line(text: str, index: int) -> int:
    """Return where the line behind that of an index starts."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def scalar(value: str, *, flow: bool = False, tag: str = "") -> Written:
    """Return how a text is written as a YAML string: as it is, quoted, or of several lines as a block.

    Args:
        flow: there is no room for a block.
        tag: stands before it.
    """
    before = f"{tag} " if tag else ""
    lines = value.split("\n")
    if len(lines) > 1 and not flow and all(map(PRINTABLE.fullmatch, lines)) and not ODD_EDGES.search(value):
        ended = value.endswith("\n")
        return Written(f"{before}|{'' if ended else '-'}", tuple(lines[:-1] if ended else lines))
    if not tag and len(lines) == 1 and _means(value, value):
        return Written(value)
    if PRINTABLE.fullmatch(value):
        return Written(before + "'" + value.replace("'", "''") + "'")
    return Written(before + yaml.safe_dump(value, default_style='"', width=float("inf")).strip())


def _means(written: str, value: str) -> bool:
    """Tell whether text without quotes is this string, in a block and in {} alike."""
    try:
        found = [yaml.safe_load(form) for form in (f"k: {written}", f"{{k: {written}}}")]
    except (yaml.YAMLError, ValueError):
        return False
    return found == [{"k": value}] * 2


def substitute(text: str, place: Place, new: Written) -> list[Edit]:
    """Return the edits that put another value in the place of one, comments on its line kept."""
    node, newline = place.node, "\r\n" if "\r\n" in text else "\n"
    start, stop = node.start_mark.index, end(node, text)
    body = "".join(f"{newline}{' ' * place.indent if line else ''}{line}" for line in new.body)
    if isinstance(node, yaml.ScalarNode) and node.style and node.style in "|>":
        header = header_at(node, text)
        found = HEADER.match(text, header)
        below = line_end(text, header)
        return [(start, found.end() if found else header, new.head), (below, max(stop, below), body)]
    if not isinstance(node, yaml.ScalarNode) and not is_flow(node) and place.key is not None:
        colon = after_colon(text, place.key)
        first = line_start(text, start)
        above, below = line_end(text, colon), line_end(text, line_start(text, first - 1))
        return [
            (colon, colon, f" {new.head}" if new.head else ""),
            (above, above, body),
            (below, line_end(text, stop), ""),
        ]
    below = line_end(text, stop)
    if not new.head:  # all of it comes on lines of its own
        start = len(text[:start].rstrip(" "))
    space = " " if start == stop and place.key is not None and new.head else ""
    return [(start, stop, space + new.head), (below, below, body)]


def after_colon(text: str, key: yaml.Node) -> int:
    """Return the place behind the colon of a key.

    Raises:
        KraftwerkError: it is written in a way of its own (`? key`) (code 2).
    """
    found = re.compile(r"\s*:").match(text, key.end_mark.index)
    if found is None:
        raise KraftwerkError(f"the key {key.value} isn't written as key: value", code=2)
    return found.end()


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return a text after edits; those at the same place in their order."""
    for start, stop, new in reversed(sorted(edits, key=lambda edit: edit[0])):
        text = text[:start] + new + text[stop:]
    return text
