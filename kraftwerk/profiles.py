"""Profiles of clouds: shipped ones of the clouds that are used here, the same under other aliases, and the admin's."""

from pathlib import Path
from typing import Any

from kraftwerk import account, schema
from kraftwerk.account import Account
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home, share


def files() -> dict[str, Path]:
    """Return the files that Salt reads, by names in whose order they are read: the last one wins.

    Shipped ones of clouds without an account stay out: Salt would complain about each.
    """
    used = {"local", *account.all_accounts()}
    shipped = {f"0-{path.name}": path for path in _shipped() if path.stem in used}
    own = {f"1-{path.name}": path for path in (config_home() / "cloud.profiles.d").glob("*.conf")}
    return dict(sorted((shipped | own).items()))


def generated() -> dict[str, dict[str, Any]]:
    """Return the profiles of accounts whose alias isn't the cloud's name: those of their cloud under another name.

    Raises:
        KraftwerkError: a file of profiles is no YAML (code 2).
    """
    found: dict[str, dict[str, Any]] = {}
    for each in account.all_accounts().values():
        if each.libcloud and each.alias != each.libcloud:
            found |= _renamed(each)
    return found


def sizes(alias: str) -> dict[str, dict[str, Any]]:
    """Return the profiles of an account by what follows its alias in their names: small, medium, large …

    Raises:
        KraftwerkError: a file of profiles is no YAML (code 2).
    """
    merged = generated()
    for path in files().values():
        merged |= _read(path)
    whole = {name: _extended(details, merged) for name, details in merged.items()}
    return {name.removeprefix(f"{alias}-"): each for name, each in whole.items() if each.get("provider") == alias}


def _extended(details: dict[str, Any], profiles: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a profile with what it inherits by `extends`, as Salt resolves it."""
    seen: list[Any] = []
    while (parent := details.get("extends")) in profiles and parent not in seen:
        seen.append(parent)
        own = {key: value for key, value in details.items() if key != "extends"}
        details = {**profiles[parent], **own}
    return {key: value for key, value in details.items() if key != "extends"}


def _renamed(this: Account) -> dict[str, dict[str, Any]]:
    own = config_home() / "cloud.profiles.d" / f"{this.libcloud}.conf"
    paths = [path for path in (*_shipped(), own) if path.stem == this.libcloud and path.exists()]
    merged = {name: details for path in paths for name, details in _read(path).items()}
    prefix = f"{this.libcloud}-"

    def name_of(name: str) -> str:
        return f"{this.alias}-{name.removeprefix(prefix)}" if name.startswith(prefix) else name

    found = {}
    for name, details in merged.items():
        if name.startswith(prefix):
            extends = {"extends": name_of(str(details["extends"]))} if "extends" in details else {}
            found[name_of(name)] = {**details, "provider": this.alias, **extends}
    return found


def _read(path: Path) -> dict[str, dict[str, Any]]:
    problems: list[str] = []
    value = schema.load(path, problems)
    schema.check(problems)
    content = schema.anything(value) if value else {}
    if not isinstance(content, dict) or not all(isinstance(details, dict) for details in content.values()):
        raise KraftwerkError(f"{schema.shown(path)}: must name profiles, such as ec2-small: {{provider: ec2}}", code=2)
    return content


def _shipped() -> list[Path]:
    return sorted(share("cloud.profiles.d").glob("*.conf"))
