"""What a release has beside web: workers, cron jobs, static files; as its record keeps it, against what a node has."""

from collections.abc import Mapping
from typing import Any

from kraftwerk.instance import Instance


def of(instance: Instance) -> dict[str, Any]:
    """Return workers, cron jobs and static files of an instance, as the record of its release keeps them."""
    return {"processes": dict(instance.processes), "cron": dict(instance.cron), "static": dict(instance.static)}


def others(known: Mapping[str, Any], instance: Instance) -> list[str]:
    """Return the names (of static files: the URLs) of those that aren't as a release had them.

    Args:
        known: what `of` returned for the release; empty where that isn't known, and then there are none.
    """
    names: list[str] = []
    for kind, there in of(instance).items():
        had = known.get(kind, there)
        names += [name for name in {**had, **there} if had.get(name) != there.get(name)]
    return list(dict.fromkeys(names))
