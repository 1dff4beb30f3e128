"""What a cloud would make of an order, before anything is ordered: size, image, place and price, all found by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from libcloud.compute.base import Node as Machine
from libcloud.compute.base import NodeSize

from kraftwerk import cloudapi, dialect, offer, profiles, schema
from kraftwerk.account import Account
from kraftwerk.cloudapi import Cloud
from kraftwerk.errors import KraftwerkError

SIZE = "small"  # the one that is taken unless another is named
HOURS = 730  # in a month
CORES = ("cpu", "vcpus", "vcpu", "cpus", "vcpu_count", "cores")


@dataclass(frozen=True)
class Size:
    """A size of a cloud.

    Attributes:
        names: the profiles that mean it: small, medium …
        memory: MiB; 0 where nobody says.
        cores: 0 where nobody says.
        disk: GB; 0 where it is chosen apart.
        price: US dollars in an hour before tax, as libcloud knows it; None where it doesn't.
    """

    size: str
    names: tuple[str, ...]
    memory: int
    cores: int
    disk: int
    price: float | None

    def text(self) -> str:
        """Return cores and memory as people say them."""
        cores = f"{self.cores} core{'s' * (self.cores != 1)}" if self.cores else ""
        memory = f"{self.memory / 1024:.3g} GB memory" if self.memory else ""
        return ", ".join(part for part in (cores, memory) if part)


@dataclass(frozen=True)
class Quote:
    """A machine that could be ordered.

    Attributes:
        profile: the profile of cloud.profiles.d that it is made by.
        overrides: what replaces the profile's own values.
        where: the region or location.
        image: the image's name.
    """

    profile: str
    overrides: dict[str, str]
    where: str
    size: Size
    image: str

    def text(self) -> str:
        """Return the plan, a line for each thing."""
        lines = {
            "place": self.where,
            "size": " · ".join(part for part in (self.size.size, self.size.text()) if part),
            "image": self.image,
            "price": price(self.size.price),
        }
        return "\n".join(f"  {key.ljust(8)}{value}" for key, value in lines.items())


def monthly(dollars: float | None) -> str:
    """Return what an hour's price is in a month; a dash where it isn't known."""
    return "-" if dollars is None else f"${dollars * HOURS:.2f}"


def price(dollars: float | None) -> str:
    """Return a price for people: by the month, which is what one pays."""
    if dollars is None:
        return "not known here"
    return f"about {monthly(dollars)} a month (${dollars:.4g} an hour), before tax"


def quote(account: Account, size: str = "", image: str = "", location: str = "") -> Quote:
    """Ask a cloud for a machine's size, image and place.

    Args:
        size: the word of a profile, such as small, which is the default; or a size of the cloud's own.
        image: a pattern that replaces the profile's; empty keeps it, as with `location`.

    Raises:
        KraftwerkError: there is no such thing (code 2), or the cloud refused.
    """
    known = profiles.sizes(account.alias)
    chosen = _profile(account, known, size, image)
    profile = known.get(chosen, {})
    own_size = "" if size in ("", chosen, profile.get("size")) else size
    overrides = {key: value for key, value in {"size": own_size, "image": image, "location": location}.items() if value}
    settings = {**account.settings, **profile, **overrides}
    cloud = cloudapi.connect(account.alias, account.settings)
    dialect.check(cloud)
    found = _offered(cloud, str(settings.get("size", "")), known)
    place = dialect.place(cloud, str(settings.get("location") or ""))
    return Quote(
        profile=f"{account.alias}-{chosen}" if chosen else "",
        overrides=overrides,
        where=str((place and place.name) or account.region or "wherever the cloud puts it"),
        size=_size(cloud, found, ()),
        image=str(offer.image(cloud, str(settings.get("image", "")), str(settings.get("image_owner", ""))).name),
    )


def _offered(cloud: Cloud, size: str, known: Iterable[str]) -> NodeSize:
    """Return a size of the cloud's own; if there is none, the error names the profiles, too."""
    try:
        return offer.size(cloud, size)
    except KraftwerkError as error:
        if error.code != 2 or not known:
            raise
        cause = f"{error.cause}; in short: {', '.join(known)}{schema.suggestion(size, known)}"
        raise KraftwerkError(cause, next_command=error.next_command, code=2) from error


def describe(account: Account, machine: Machine) -> str:
    """Return what a machine is and costs, as far as its cloud tells: `t3.small, about $15.18 a month`.

    Raises:
        KraftwerkError: the cloud refused.
    """
    name = dialect.size_of(machine)
    known = [each for each in sizes(account) if each.size.lower() == name.lower()] if name else []
    costs = f"about {monthly(known[0].price)} a month" if known and known[0].price is not None else ""
    return ", ".join(part for part in (name, costs) if part)


def sizes(account: Account) -> list[Size]:
    """Return the sizes of a cloud with the profiles that mean them: the cheapest first, those without a price last.

    Raises:
        KraftwerkError: the cloud refused.
    """
    cloud = cloudapi.connect(account.alias, account.settings)
    meant: dict[str, list[str]] = {}
    for name, details in profiles.sizes(account.alias).items():
        meant.setdefault(str(details.get("size", "")).lower(), []).append(name)
    found = []
    for each in offer.sizes(cloud):
        words = [word for name in offer.names_of(each) for word in meant.get(name.lower(), [])]
        found.append(_size(cloud, each, tuple(dict.fromkeys(words))))
    return sorted(found, key=lambda each: (each.price is None, each.price or 0, each.memory, each.size))


def _profile(account: Account, known: dict[str, dict[str, Any]], size: str, image: str) -> str:
    """Return the profile that is meant; a size of the cloud's own is put into the first, if none has it."""
    if known:
        wanted = size or SIZE
        having = [name for name, details in known.items() if details.get("size") == wanted]
        return wanted if wanted in known else next(iter([*having, *known]))
    if size and image:
        return ""
    raise KraftwerkError(
        f"no profile says what a machine at {account.alias} is made of: it takes --size and --image",
        next_command=f"kraftwerk sizes {account.alias}; kraftwerk images {account.alias}",
        code=2,
    )


def _size(cloud: Cloud, found: NodeSize, names: tuple[str, ...]) -> Size:
    extra = found.extra or {}
    cores = next((extra[key] for key in CORES if str(extra.get(key) or "").isdigit()), getattr(found, "vcpus", 0))
    return Size(
        size=str(found.id if " " in str(found.name) else found.name or found.id),
        names=names,
        memory=int(found.ram or 0),
        cores=int(cores or 0),
        disk=int(found.disk or 0),
        price=offer.price(cloud, found),
    )
