"""Modules that nodes have, called here too: one place for what both sides must agree on."""

import importlib.util
from functools import cache
from typing import Any

from kraftwerk.paths import share


@cache
def load(name: str) -> Any:
    """Return a module of `_modules` that needs neither Salt nor the node.

    Raises:
        ImportError: there is none.
    """
    spec = importlib.util.spec_from_file_location(name, share("_modules", f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
