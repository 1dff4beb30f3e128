"""salt-cloud in process: the only module of kraftwerk that imports it, and only when it is called."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kraftwerk import saltconf
from kraftwerk.errors import KraftwerkError


def create(name: str, profile: str, **overrides: Any) -> dict[str, Any]:
    """Create a node by a profile of cloud.profiles.d, and return what the driver says of it.

    Args:
        profile: such as local-small.
        overrides: keys that replace the profile's.

    Raises:
        KraftwerkError: there is no such profile (code 2), or the driver failed, in its own words.
    """
    client = _client()
    profiles = sorted(client.opts["profiles"])
    if profile not in profiles:
        raise KraftwerkError(f"no cloud profile is called {profile} ({', '.join(profiles)})", code=2)
    with _truthful():
        answer = client.profile(profile, [name], vm_overrides={name: overrides}, deploy=False)
    return _checked(answer.get(name, answer))


def destroy(name: str) -> None:
    """Destroy a node.

    Raises:
        KraftwerkError: no provider knows it, or the driver failed, in its own words.
    """
    with _truthful():
        _checked(_client().destroy([name]))


def query() -> dict[str, dict[str, Any]]:
    """Return what all providers say of their nodes, by name.

    Raises:
        KraftwerkError: the configuration of Salt is broken.
    """
    with _truthful():
        answer = _client().query()
    return {
        name: {**details, "provider": provider}
        for provider, drivers in answer.items()
        for nodes in drivers.values()
        for name, details in nodes.items()
    }


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
    error = answer.get("Error") if isinstance(answer, dict) else "the driver gave no answer"
    if error:
        raise KraftwerkError(f"salt-cloud: {error}")
    return dict(answer)
