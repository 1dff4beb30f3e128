"""References in a project's variables, such as ${DATABASE_URL.host}: resolved here by the module that nodes have."""

from collections.abc import Mapping
from contextlib import suppress

from kraftwerk import nodemodule

# What a node would say, for who runs a project on this computer: nothing here is secret, and only we ask it.
AT_HOME = {"SECRET_KEY": "for development only", "ALLOWED_HOSTS": "localhost,127.0.0.1", "STATIC_ROOT": "staticfiles"}


def at_home(environ: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return a project's variables with their references resolved; what refers to what isn't here is left out.

    Args:
        environ: as kraftwerk.yaml and the pillar files give them.
        known: what services say here, and secrets, in which nothing is a reference.
    """
    module = nodemodule.load("kw_reference")
    found: dict[str, str] = {}
    for name in environ:
        with suppress(ValueError):
            found[name] = module.text(name, environ, {**AT_HOME, **environ, **known})
    return found
