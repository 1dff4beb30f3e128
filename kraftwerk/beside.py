"""What a release has beside web, workers and cron jobs: as its record keeps them, against those that a node has."""

from collections.abc import Mapping
from typing import Any

from kraftwerk.instance import Instance


def of(instance: Instance) -> dict[str, Any]:
    """Return the workers and cron jobs of an instance, as the record of its release keeps them."""
    return {"processes": dict(instance.processes), "cron": dict(instance.cron)}


def others(known: Mapping[str, Any], instance: Instance) -> list[str]:
    """Return the names of those that aren't as a release had them.

    Args:
        known: what `of` returned for the release; empty where that isn't known, and then there are none.
    """
    names: list[str] = []
    for kind, there in of(instance).items():
        had = known.get(kind, there)
        names += [name for name in {**had, **there} if had.get(name) != there.get(name)]
    return list(dict.fromkeys(names))
