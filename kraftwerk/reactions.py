"""What answers events: the files of salt/reactor, each of which names its events in its first line."""

import re
from collections.abc import Iterable
from pathlib import Path

from kraftwerk.errors import KraftwerkError

FIRST_LINE = re.compile(r"\{#-? on: (?P<tags>\S+(?: \S+)*) -?#\}")


def find(roots: Iterable[Path | str]) -> dict[str, Path]:
    """Return the files by name, of all state trees; a file of the same name wins in the tree that comes first."""
    found: dict[str, Path] = {}
    for root in roots:
        for path in sorted(Path(root).absolute().glob("reactor/*.sls")):
            found.setdefault(path.name, path)
    return dict(sorted(found.items()))


def tags(path: Path) -> list[str]:
    """Return the events that a file answers, as patterns: `{# on: kraftwerk/push/* #}`.

    Raises:
        KraftwerkError: its first line doesn't say so (code 2).
    """
    match = FIRST_LINE.fullmatch(path.read_text().partition("\n")[0].strip())
    if not match:
        raise KraftwerkError(f"{path}:1: must name the events, such as {{# on: kraftwerk/push/* #}}", code=2)
    return match["tags"].split()


def mapping(files: Iterable[Path]) -> list[dict[str, list[str]]]:
    """Return the setting `reactor` of a Salt master: for each event the files that answer it."""
    found: dict[str, list[str]] = {}
    for path in files:
        for tag in tags(path):
            found.setdefault(tag, []).append(str(path))
    return [{tag: paths} for tag, paths in sorted(found.items())]
