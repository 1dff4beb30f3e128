"""A key set or removed in the text of a YAML file: only its own lines change, and all else stays as it is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from kraftwerk import keypath, yamltext
from kraftwerk.errors import KraftwerkError
from kraftwerk.keypath import KeyPath
from kraftwerk.yamltext import Edit, Place, Written


def find(text: str, keys: KeyPath) -> yaml.Node | None:
    """Return the value of a path, None where the text has none.

    Raises:
        KraftwerkError: the text isn't YAML (code 2).
    """
    place = _places(yamltext.compose(text)).get(keys)
    return place.node if place else None


def put(text: str, keys: KeyPath, value: str, *, as_yaml: bool = False) -> str:
    """Return a text with a key set; mappings on its way are made.

    Args:
        value: a string.
        as_yaml: it is YAML on one line instead, and written as it is.

    Raises:
        KraftwerkError: the text is no mapping, or is written in a way that can't be kept (code 2).
    """
    if text and not text.endswith("\n"):
        text += "\r\n" if "\r\n" in text else "\n"
    root = yamltext.compose(text)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise KraftwerkError("the file must be a mapping (key: value)", code=2)
    wanted = yamltext.compose(value) if as_yaml else yaml.ScalarNode("tag:yaml.org,2002:str", value)
    expected = _with(yamltext.plain(root), keys, yamltext.plain(wanted))
    block, quoted = (_written(value, as_yaml, flow=flow) for flow in (False, True))
    try:
        return _checked(yamltext.apply(text, _setting(text, root, keys, block, quoted)), expected)
    except KraftwerkError:
        if not block.body:
            raise
        return _checked(yamltext.apply(text, _setting(text, root, keys, quoted, quoted)), expected)


def remove(text: str, keys: KeyPath) -> str:
    """Return a text without a key; a mapping that holds nothing else goes with it.

    Raises:
        KraftwerkError: it isn't there, or is written in a way that can't be kept (code 2).
    """
    root = yamltext.compose(text)
    known = _places(root)
    if keys not in known:
        raise KraftwerkError(f"{keypath.text(keys)} isn't there", code=2)
    while len(keys) > 1 and len(known[keys[:-1]].node.value) == 1:
        keys = keys[:-1]
    parent = known[keys[:-1]].node if keys[1:] else root
    after = yamltext.apply(text, [_removal(text, parent, known[keys])])
    return _checked(after, _without(yamltext.plain(root), keys))


def _places(root: yaml.Node | None) -> dict[KeyPath, Place]:
    """Return the values that stand in mappings, by their paths."""
    found = yamltext.places(root) if root is not None else ()
    return {place.keys: place for place in found if place.key is not None}


def _setting(text: str, root: yaml.Node | None, keys: KeyPath, block: Written, quoted: Written) -> list[Edit]:
    """Return the edits that set a key: in its own place, or in the innermost mapping on its way.

    Args:
        block, quoted: the value as it is written, and as it is written inside of {}.
    """
    known = _places(root)
    depth = next((depth for depth in range(len(keys), 0, -1) if keys[:depth] in known), 0)
    place, rest = known.get(keys[:depth]), keys[depth:]
    node = place.node if place else root
    if node is None:
        return [_insertion(text, len(text), 0, _block(rest, block))]
    if place and not rest:
        return yamltext.substitute(text, place, quoted if place.flow else block)
    if isinstance(node, yaml.MappingNode):
        return _joined(text, node, place, rest, block, quoted)
    if place and yamltext.is_null(node):
        below = Written("{" + _inline(rest, quoted) + "}") if place.flow else Written("", _block(rest, block))
        return yamltext.substitute(text, place, below)
    raise KraftwerkError(f"{keypath.text(keys[:depth])} is no mapping: nothing can be set below it", code=2)


def _joined(
    text: str, node: yaml.MappingNode, place: Place | None, rest: KeyPath, block: Written, quoted: Written
) -> list[Edit]:
    """Return the edits that add an entry behind the last one of a mapping."""
    if not yamltext.is_flow(node):
        at = _behind(text, yamltext.end(node, text), node.start_mark.column)
        return [_insertion(text, at, node.start_mark.column, _block(rest, block))]
    source = text[node.start_mark.index : node.end_mark.index]
    if block.body and place and not place.flow and not re.search(r"[#\n]", source):
        pairs = [text[key.start_mark.index : yamltext.end(value, text)] for key, value in node.value]
        return yamltext.substitute(text, place, Written("", (*pairs, *_block(rest, block))))
    if node.value:
        at = yamltext.end(node.value[-1][1], text)
        return [(at, at, ", " + _inline(rest, quoted))]
    return [(node.start_mark.index, node.end_mark.index, "{" + _inline(rest, quoted) + "}")]


def _written(value: str, as_yaml: bool, *, flow: bool = False) -> Written:
    if not as_yaml:
        return yamltext.scalar(value, flow=flow)
    node = yamltext.compose(f"{{k: {value}}}") if flow else None
    if flow and yamltext.plain(node) != {"k": yamltext.plain(yamltext.compose(value))}:
        return yamltext.scalar(value, flow=True)
    return Written(value)


def _block(keys: KeyPath, written: Written) -> tuple[str, ...]:
    """Return the lines of a value below its keys."""
    first, *rest = keys
    name = yamltext.scalar(first, flow=True).head
    if rest:
        return (f"{name}:", *(f"  {line}" for line in _block(tuple(rest), written)))
    return (f"{name}: {written.head}", *(f"  {line}" if line else "" for line in written.body))


def _inline(keys: KeyPath, written: Written) -> str:
    """Return a value below its keys on one line, for the inside of {}."""
    first, *rest = keys
    inner = "{" + _inline(tuple(rest), written) + "}" if rest else written.head
    return f"{yamltext.scalar(first, flow=True).head}: {inner}"


def _behind(text: str, index: int, column: int) -> int:
    """Return where the last line of a mapping ends, comments that are indented below its entries among them."""
    at = end = yamltext.line_end(text, index)
    while (start := yamltext.next_line(text, end)) < len(text):
        end = yamltext.line_end(text, start)
        line = text[start:end]
        if line.strip() and not re.match(rf" {{{column + 1},}}#", line):
            break
        at = end if line.strip() else at
    return at


def _insertion(text: str, at: int, column: int, lines: Sequence[str]) -> Edit:
    """Return the edit that adds lines behind the line that ends at an index, or at the text's end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    indented = [" " * column + line if line else "" for line in lines]
    if at == len(text):
        return (at, at, "".join(line + newline for line in indented))
    return (at, at, "".join(newline + line for line in indented))


def _removal(text: str, parent: Any, place: Place) -> Edit:
    """Return the edit that takes an entry out of a mapping: its lines, or inside of {} its words and a comma."""
    assert place.key is not None  # noqa: S101 - only values in mappings come here
    start, stop = place.key.start_mark.index, yamltext.end(place.node, text)
    if not yamltext.is_flow(parent):
        return (yamltext.line_start(text, start), yamltext.next_line(text, stop), "")
    pairs = parent.value
    index = [key for key, _ in pairs].index(place.key)
    if index:
        return (yamltext.end(pairs[index - 1][1], text), stop, "")
    return (start, pairs[1][0].start_mark.index if pairs[1:] else stop, "")


def _with(tree: Any, keys: KeyPath, value: Any) -> Any:
    first, *rest = keys
    inner = tree.get(first)
    below = _with(inner if isinstance(inner, Mapping) else {}, tuple(rest), value) if rest else value
    return {**tree, first: below}


def _without(tree: Any, keys: KeyPath) -> Any:
    first, *rest = keys
    kept = {key: value for key, value in tree.items() if key != first}
    return {**tree, first: _without(tree[first], tuple(rest))} if rest else kept


def _checked(text: str, wanted: Any) -> str:
    """Return a text that says what it shall, and nothing else.

    Raises:
        KraftwerkError: it doesn't: the file is written in a way that isn't understood well enough (code 2).
    """
    try:
        found = yamltext.plain(yamltext.compose(text))
    except KraftwerkError:
        found = None
    if found != wanted:
        raise KraftwerkError("the file is written in a way that can't be changed safely from here", code=2)
    return text
