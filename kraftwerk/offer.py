"""What a cloud offers: images, sizes and locations, found by their names instead of numbers that change every week."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from libcloud.compute.base import NodeImage, NodeLocation, NodeSize

from kraftwerk.cloudapi import Cloud, told
from kraftwerk.errors import KraftwerkError

DEBIAN = "136693071363"  # Debian's own account at EC2, where anybody may offer images
DATES = ("creation_date", "created_at", "created")
PRICED_BY_MONTH = frozenset({"vultr"})
OPAQUE = re.compile(r"\d+|[0-9a-f-]{32,36}")  # ids that tell a person nothing
UNPRICED = frozenset({"dummy", "openstack", "cloudscale"})  # libcloud has a number there that means nothing

Offered = TypeVar("Offered", NodeImage, NodeSize, NodeLocation)


def image(cloud: Cloud, wanted: str, owner: str = "") -> NodeImage:
    """Return the newest image whose name matches.

    Args:
        wanted: a pattern such as `debian-12-amd64-*`, whatever its letters' case; or an image's id.
        owner: whose images count, where the cloud knows owners; the default is Debian's own account.

    Raises:
        KraftwerkError: none matches (code 2), with names that come near.
    """
    found = [each for each in images(cloud, wanted, owner) if matches(wanted, names_of(each))]
    if not found:
        raise _unknown(cloud, "image", wanted, [_title(each) for each in images(cloud, "", owner)])
    return max(found, key=_age_key)


def images(cloud: Cloud, wanted: str = "", owner: str = "") -> list[NodeImage]:
    """Return the images that a cloud offers; of those where everybody can offer some, only one owner's.

    Args:
        wanted: a pattern that the cloud may choose by already.
    """
    with told(cloud.alias):
        return list(_ec2_images(cloud, wanted, owner or DEBIAN) if cloud.kind == "ec2" else cloud.driver.list_images())


def _ec2_images(cloud: Cloud, wanted: str, owner: str) -> Any:
    """Have EC2 choose: its whole catalogue has a hundred thousand images."""
    driver: Any = cloud.driver
    if wanted.startswith("ami-"):
        return driver.list_images(ex_image_ids=[wanted])
    chosen = {"state": "available", **({"name": wanted} if wanted else {})}
    return driver.list_images(ex_owner=owner, ex_filters=chosen)


def size(cloud: Cloud, wanted: str) -> NodeSize:
    """Return a size by its name or id.

    Raises:
        KraftwerkError: there is none, or the profile names none (code 2), with names that come near.
    """
    return _named(cloud, "size", wanted, sizes(cloud))


def sizes(cloud: Cloud) -> list[NodeSize]:
    """Return the sizes that a cloud offers, the cheapest first."""
    with told(cloud.alias):
        found = cloud.driver.list_sizes()
    return sorted(found, key=lambda each: (price(cloud, each) or 0, each.ram or 0, str(each.name)))


def location(cloud: Cloud, wanted: str) -> NodeLocation:
    """Return a location by its name or id.

    Raises:
        KraftwerkError: there is none, or none is named (code 2), with names that come near.
    """
    return _named(cloud, "location", wanted, locations(cloud))


def locations(cloud: Cloud) -> list[NodeLocation]:
    """Return the places where a cloud has machines."""
    with told(cloud.alias):
        return list(cloud.driver.list_locations())


def price(cloud: Cloud, of: NodeSize) -> float | None:
    """Return what a size costs in an hour, as libcloud knows it (US dollars, before tax); None where it doesn't."""
    try:
        known = float(of.price or 0)
    except (TypeError, ValueError):
        return None
    if not known or cloud.kind in UNPRICED:  # zero is the free tier of new customers, or ignorance
        return None
    return known / 730 if cloud.kind in PRICED_BY_MONTH else known


def matches(pattern: str, names: Iterable[str]) -> bool:
    """Say whether a pattern with `*` and `?` matches one of the names, whatever the letters' case."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names)


def names_of(each: NodeImage | NodeSize | NodeLocation) -> list[str]:
    """Return everything that something may be called by: id, name, slug."""
    slug = _extra(each).get("slug")
    return [str(name) for name in (each.id, each.name, slug) if name]


def _named(cloud: Cloud, what: str, wanted: str, offered: Sequence[Offered]) -> Offered:
    for each in offered:
        if wanted.lower() in [name.lower() for name in names_of(each)]:
            return each
    raise _unknown(cloud, what, wanted, [_title(each) for each in offered])


def _unknown(cloud: Cloud, what: str, wanted: str, known: Sequence[str]) -> KraftwerkError:
    spelled = {name.lower(): name for name in known}
    shown = [spelled[near] for near in get_close_matches(wanted.lower(), spelled, n=5, cutoff=0.4)]
    shown += sorted(set(known) - set(shown))[: 8 - len(shown)] if len(shown) < 3 else []
    said = f"has no {what} called {wanted}" if wanted else f"needs a {what}"
    some = f": {', '.join(shown)}{' …' if len(shown) < len(known) else ''}" if shown else ""
    command = {"image": "kraftwerk images", "size": "kraftwerk sizes"}.get(what)
    return KraftwerkError(
        f"{cloud.alias} {said}{some}",
        next_command=f"{command} {cloud.alias}" if command else f"--{what} NAME",
        code=2,
    )


def _title(each: NodeImage | NodeSize | NodeLocation) -> str:
    """Return the name that a person would write into a profile."""
    if slug := _extra(each).get("slug"):
        return str(slug)
    speaking = not OPAQUE.fullmatch(str(each.id))
    return str(each.id) if speaking and " " in str(each.name) else str(each.name or each.id)


def _age_key(each: NodeImage) -> tuple[str, list[tuple[int, str]]]:
    """Return what the newest image has most of: its date, else the numbers in its name."""
    date = next((str(_extra(each)[key]) for key in DATES if _extra(each).get(key)), "")
    parts = re.findall(r"\d+|\D+", str(each.name))
    return date, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _extra(each: Any) -> Mapping[str, Any]:
    found = getattr(each, "extra", None)
    return found if isinstance(found, Mapping) else {}  # DigitalOcean's locations have a list there
