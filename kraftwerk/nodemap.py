"""A map in salt-cloud's own format: which nodes are to be made by which profile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kraftwerk import account, profiles, quote, schema
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes, check_name
from kraftwerk.quote import Quote

ASKED = ("size", "image", "location")  # what a map may change of a profile, as far as a plan shows it


@dataclass(frozen=True)
class Wanted:
    """A node of a map.

    Attributes:
        overrides: what replaces the profile's own values.
    """

    name: str
    profile: str
    overrides: dict[str, Any]


def read(path: Path) -> list[Wanted]:
    """Return the nodes of a map.

    Raises:
        KraftwerkError: it can't be read, or isn't of the right shape, or names something that is no hostname (code 2).
    """
    problems: list[str] = []
    if not path.exists():
        raise KraftwerkError(f"there is no file {schema.shown(path)}", next_command=f"ls {path.parent}", code=2)
    value = schema.load(path, problems)
    schema.check(problems)
    content = schema.anything(value) if value else None
    if not isinstance(content, dict) or not all(isinstance(names, list) for names in content.values()):
        raise KraftwerkError(f"{schema.shown(path)}: must be profiles with lists, such as ec2-small: [web1]", code=2)
    return [_wanted(entry, str(profile), path) for profile, names in content.items() for entry in names]


def _wanted(entry: Any, profile: str, path: Path) -> Wanted:
    name, overrides = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else (entry, {})
    if not isinstance(name, str) or not isinstance(overrides or {}, dict):
        raise KraftwerkError(f"{schema.shown(path)}: {profile}: each must be a name, or `name: {{key: value}}`", code=2)
    return Wanted(check_name(name), profile, overrides or {})


def missing(wanted: list[Wanted]) -> list[Wanted]:
    """Return the nodes of a map that aren't there yet; interrupted ones count as missing."""
    ready = {node.name for node in all_nodes().values() if node.status != "creating"}
    return [each for each in wanted if each.name not in ready]


def quotes(wanted: list[Wanted]) -> list[Quote]:
    """Ask the clouds for every node of a map; nodes that are alike are asked for once.

    Raises:
        KraftwerkError: as `quote.quote`; or no account has such a profile (code 2).
    """
    known: dict[str, Quote] = {}
    found = []
    for each in wanted:
        alike = f"{each.profile} {each.overrides}"
        if alike not in known:
            known[alike] = _quote(each)
        found.append(known[alike])
    return found


def _quote(wanted: Wanted) -> Quote:
    given = {key: str(wanted.overrides.get(key) or "") for key in ASKED}
    every: list[str] = []
    for chosen in account.all_accounts().values():
        words = profiles.sizes(chosen.alias)
        word = wanted.profile.removeprefix(f"{chosen.alias}-")
        if word != wanted.profile and word in words:
            return quote.quote(chosen, **{**given, "size": given["size"] or word})
        every += [f"{chosen.alias}-{name}" for name in words]
    known = f"{schema.suggestion(wanted.profile, every)} ({', '.join(every)})" if every else " (no cloud was added yet)"
    following = "kraftwerk providers list" if every else f"kraftwerk providers add {wanted.profile.partition('-')[0]}"
    raise KraftwerkError(f"no cloud profile is called {wanted.profile}{known}", next_command=following, code=2)
