"""References in a project's variables, such as ${DATABASE_URL.host}: resolved here by the module that nodes have."""

import importlib.util
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kraftwerk.paths import share

# What a node would say, for who runs a project on this computer: nothing here is secret, and only we ask it.
AT_HOME = {"SECRET_KEY": "for development only", "ALLOWED_HOSTS": "localhost,127.0.0.1", "STATIC_ROOT": "staticfiles"}


def at_home(environ: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return a project's variables with their references resolved; what refers to what isn't here is left out.

    Args:
        environ: as kraftwerk.yaml and the pillar files give them.
        known: what services say here, and secrets, in which nothing is a reference.
    """
    module = _module()
    found: dict[str, str] = {}
    for name in environ:
        with suppress(ValueError):
            found[name] = module.text(name, environ, {**AT_HOME, **environ, **known})
    return found


def _module() -> Any:
    """Return kw_reference, as nodes have it."""
    spec = importlib.util.spec_from_file_location("kw_reference", share("_modules", "kw_reference.py"))
    if spec is None or spec.loader is None:
        raise ImportError("kw_reference")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
