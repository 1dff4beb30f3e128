"""Jinja templates are compiled once: what came of it is kept, in memory and in a 0700 folder.

Salt makes an environment for each file that it renders, and compiles in it whatever that file imports, again and again.
"""

import functools
import hashlib
import marshal
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType
from typing import Any

from kraftwerk.paths import private

MOST = 2000  # templates that are kept
# What of an environment says how a template is compiled.
OPTIONS = (
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string", "comment_start_string"),
    *("comment_end_string", "line_statement_prefix", "line_comment_prefix", "trim_blocks", "lstrip_blocks"),
    *("newline_sequence", "keep_trailing_newline", "sandboxed", "optimized", "autoescape"),
)


def compiling(stock: Callable[..., Any], folder: Path, versions: str) -> Callable[..., Any]:
    """Return what does as `jinja2.Environment.compile`, only once for each template.

    Args:
        stock: that function.
        folder: where compiled templates are kept.
        versions: of Jinja and of who extends it.
    """
    known: dict[str, CodeType] = {}
    private(folder)
    base = f"{versions} {sys.version}"

    def compile(self: Any, source: Any, name: Any = None, filename: Any = None, raw: bool = False, **more: Any) -> Any:
        if raw or more or not isinstance(source, str) or callable(self.autoescape):
            return stock(self, source, name, filename, raw, **more)
        how = [getattr(self, option) for option in OPTIONS] + sorted(self.extensions) + sorted(self.filters)
        key = hashlib.sha256(repr((base, how, sorted(self.tests), source, name, filename)).encode()).hexdigest()
        if key not in known:
            kept = _read(folder / key)
            if kept is None:
                with _filters_asked_later(self):
                    kept = _write(folder / key, stock(self, source, name, filename))
            known[key] = kept
        return known[key]

    return compile


@contextmanager
def _filters_asked_later(environment: Any) -> Iterator[None]:
    """Keep Jinja from computing what Salt's filters make of constants: `{{ 8 | random_str }}` is new each time."""
    from jinja2.filters import FILTERS
    from jinja2.tests import TESTS

    before = environment.filters, environment.tests
    environment.filters = {name: _own(name, each, FILTERS) for name, each in before[0].items()}
    environment.tests = {name: _own(name, each, TESTS) for name, each in before[1].items()}
    try:
        yield
    finally:
        environment.filters, environment.tests = before


def _own(name: str, stock: Any, own: Mapping[str, Any]) -> Any:
    """Return a function that is Jinja's own; in place of another, one that gives no value."""

    @functools.wraps(stock)
    def later(*_: Any, **__: Any) -> None:
        raise RuntimeError("it is known when the template is rendered")

    return stock if own.get(name) is stock else later


def _read(path: Path) -> CodeType | None:
    """Return the code in a file, or None where there is none that can be used."""
    with suppress(OSError, EOFError, ValueError, TypeError):
        found = marshal.loads(path.read_bytes())  # noqa: S302 - written by us, in a folder of ours
        return found if isinstance(found, CodeType) else None
    return None


def _write(path: Path, code: CodeType) -> CodeType:
    with suppress(OSError):  # a full disk: it is compiled again next time
        others = list(path.parent.iterdir())
        for other in others if len(others) > MOST else ():
            other.unlink(missing_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(marshal.dumps(code))
        temporary.replace(path)
    return code
