"""Paths of configuration keys as they are typed: `environ.DEBUG`, `caching.pages./news/`, `static."/a.b/"`."""

import json
import re
from collections.abc import Sequence

from kraftwerk.errors import KraftwerkError

KeyPath = tuple[str, ...]
PART = re.compile(r"""(?P<url>/.*)|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<plain>[^."'][^.]*)""")
PLAIN = re.compile(r"[^./\"'][^.]*")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


def parse(text: str) -> KeyPath:
    """Return the keys of a path, from the top.

    A dot stands between keys. One in quotes may hold dots itself; one that begins with a slash is a URL's path and
    goes to the end. A name in capitals alone is a variable: `SECRET_KEY` is `environ.SECRET_KEY`.

    Raises:
        KraftwerkError: it isn't such a path (code 2).
    """
    if VARIABLE.fullmatch(text):
        return ("environ", text)
    keys, position = [], 0
    while match := PART.match(text, position):
        position = match.end() + 1
        keys.append(_key(match))
        if match.end() == len(text):
            return tuple(keys)
        if text[match.end()] != ".":
            break
    raise KraftwerkError(
        f"{text!r} is no key", next_command="keys with dots between them, such as workers or environ.DEBUG", code=2
    )


def _key(match: re.Match[str]) -> str:
    if match["double"] is not None:
        return re.sub(r"\\(.)", r"\1", match["double"])
    return next(match[name] for name in ("url", "single", "plain") if match[name] is not None)


def text(keys: Sequence[str]) -> str:
    """Return a path as it can be typed again."""
    *first, last = keys
    return ".".join([*(_quoted(key, PLAIN) for key in first), _quoted(last, re.compile(rf"{PLAIN.pattern}|/.*"))])


def _quoted(key: str, bare: re.Pattern[str]) -> str:
    return key if bare.fullmatch(key) else json.dumps(key, ensure_ascii=False)
