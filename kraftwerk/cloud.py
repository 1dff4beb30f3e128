"""salt-cloud in process: the only module of kraftwerk that imports it, and only when it is called.

Drivers are called directly: Salt's own way around them logs what failed and answers with nothing, or with exit code 0.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kraftwerk import saltconf, schema
from kraftwerk.errors import KraftwerkError


def create(name: str, provider: str, profile: str, **overrides: Any) -> dict[str, Any]:
    """Create a node by a profile of cloud.profiles.d, and return what the driver says of it.

    Args:
        profile: such as local-small; empty where the overrides say everything.
        overrides: keys that replace the profile's.

    Raises:
        KraftwerkError: there is no such profile (code 2), or the driver failed, in its own words.
    """
    client = _client()
    known = client.opts["profiles"]
    if profile and profile not in known:
        near = schema.suggestion(profile, known)
        raise KraftwerkError(f"no cloud profile is called {profile}{near} ({', '.join(sorted(known))})", code=2)
    settings: dict[str, Any] = next(iter(client.opts["providers"].get(provider, {}).values()), {})
    machine = {**settings, "profile": None, **known.get(profile, {}), **overrides, "name": name, "deploy": False}
    machine.pop("profiles", None)
    return _checked(_call(client, provider, "create", machine))


def destroy(name: str, provider: str) -> None:
    """Destroy a node.

    Raises:
        KraftwerkError: the provider doesn't know it, or the driver failed, in its own words.
    """
    _checked(ask(provider, "destroy", name))


def ask(provider: str, function: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of a provider's driver, such as `avail_sizes`, and return its answer.

    Raises:
        KraftwerkError: no such provider, or the driver failed, in its own words.
    """
    return _call(_client(), provider, function, *arguments, **options)


def create_map(path: Path) -> dict[str, str]:
    """Create the nodes of a salt-cloud map, all at the same time; those that exist are left alone.

    Returns:
        What went wrong with each, by name; empty where nothing did.

    Raises:
        KraftwerkError: the map is broken.
    """
    with _truthful():
        answer = _client().map_run(path=str(path), parallel=True)
    return {name: _error(result) for name, result in answer.items()}


def _call(client: Any, alias: str, function: str, *arguments: Any, **options: Any) -> Any:
    import salt.cloud
    from salt.utils.context import func_globals_inject

    drivers = client.opts["providers"].get(alias)
    if not drivers:
        raise KraftwerkError(f"no provider is called {alias}", next_command="kraftwerk providers list", code=2)
    driver = next(iter(drivers))
    with _truthful():
        clouds = salt.cloud.Cloud({**client.opts, "providers": {alias: drivers}}).clouds
        called = f"{driver}.{function}"
        if called not in clouds:
            raise KraftwerkError(f"{alias}: the driver {driver} has no {function}, or can't be loaded")
        with func_globals_inject(clouds[called], __active_provider_name__=f"{alias}:{driver}"):
            return clouds[called](*arguments, **options)


def _client() -> Any:
    from salt.cloud import CloudClient

    for quiet in ("salt", "saltext"):
        logging.getLogger(quiet).setLevel(logging.CRITICAL)
    return CloudClient(path=str(saltconf.write().with_name("cloud")))


@contextmanager
def _truthful() -> Iterator[None]:
    """Turn Salt's exceptions into ours; one that a driver of kraftwerk raised stays what it was."""
    from salt.exceptions import SaltException

    try:
        yield
    except SaltException as error:
        if isinstance(error.__cause__, KraftwerkError):
            raise error.__cause__ from error
        raise KraftwerkError(f"salt-cloud: {error}") from error


def _checked(answer: Any) -> dict[str, Any]:
    """Return an answer unless it is one of Salt's errors, which it returns instead of raising them."""
    if error := _error(answer):
        raise KraftwerkError(f"salt-cloud: {error}")
    return dict(answer)


def _error(answer: Any) -> str:
    if not isinstance(answer, Mapping) or not answer:
        return "the driver gave no answer"
    return str(answer.get("Error") or "")
