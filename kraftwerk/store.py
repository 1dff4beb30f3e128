"""Stores of backup points, seen from the admin: by the same modules that nodes use, `kw_store` and those beside it."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import share

MODULES = ("kw_store", "kw_bucket", "kw_keep", "kw_point", "kw_prune")
HASTE: dict[str, dict[str, Any]] = {  # a person waits
    "kw_store": {"DELAYS": (0.5, 1, 2)},
    "kw_bucket": {"TIMEOUT": (10, 30)},
}


def call(function: str, *arguments: Any, **keywords: Any) -> Any:
    """Call a function of these modules here, such as `kw_store.names`.

    Raises:
        KraftwerkError: the store can't be reached, refuses, or lacks what was asked for; or an address makes no sense.
    """
    try:
        return _functions()[function](*arguments, **keywords)
    except ValueError as error:
        raise KraftwerkError(str(error), code=2) from error
    except (RuntimeError, OSError) as error:
        raise KraftwerkError(str(error)) from error


def pieces(store: Mapping[str, Any], index: Mapping[str, Any], part: Path) -> Iterator[bytes]:
    """Yield a point's bytes as they are stored; each part lies in a file here until it was compared with its sum.

    Raises:
        KraftwerkError: a part is missing or altered, or the store can't be reached.
    """
    try:
        yield from _functions()["kw_point.pieces"](store, index, str(part))
    except (RuntimeError, OSError) as error:
        raise KraftwerkError(str(error)) from error


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    """Return the public functions of the modules; as Salt does, each module finds all of them in `__salt__`."""
    found: dict[str, Callable[..., Any]] = {"kw_call.progress": screen.detail}
    for name in MODULES:
        spec = importlib.util.spec_from_file_location(name, share("_modules", f"{name}.py"))
        assert spec is not None and spec.loader is not None  # noqa: S101 - they are shipped with us
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        vars(module)["__salt__"] = found
        vars(module).update(HASTE.get(name, {}))
        found |= {f"{name}.{key}": value for key, value in vars(module).items() if callable(value)}
    return found
