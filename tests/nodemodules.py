"""The modules that run on nodes, loaded as kw_call loads them there: without Salt, and open to be patched."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parents[1]


@contextmanager
def functions(*folders: Path) -> Iterator[dict]:
    """Yield `__salt__` over the shipped modules and those in more folders; all are forgotten afterwards.

    A module itself, to patch it, is `sys.modules["kw_archive"]` after the first use of one of its functions.
    """
    trees = [*folders, TOP / "_modules"]
    before = list(sys.path)
    sys.path[:0] = map(str, trees)
    importlib.invalidate_caches()
    try:
        call = importlib.import_module("kw_call")
        yield call._Functions(path.stem for tree in trees for path in tree.glob("kw_*.py"))
    finally:
        sys.path[:] = before
        for name in [name for name in sys.modules if name.startswith("kw_")]:
            del sys.modules[name]
