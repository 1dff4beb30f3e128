"""Accounts with clouds: each a file in cloud.providers.d, in Salt's own format, that only its owner can read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from kraftwerk import admin, intent, schema
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes
from kraftwerk.paths import config_home, write_atomic

DRIVER = "kw_libcloud"
RESERVED = ("local", "ssh", "all")  # who else runs nodes; and Salt's word for every provider


@dataclass(frozen=True)
class Account:
    """An account with a cloud.

    Attributes:
        alias: what `--provider` takes, and the first part of the names of its profiles.
        libcloud: libcloud's name of the cloud, such as ec2; empty where another driver of Salt's is used.
        arguments: keyword arguments of libcloud's constructor; secrets are among them.
        file: where it is kept.
        others: what else stands there for the driver.
    """

    alias: str
    libcloud: str
    arguments: Mapping[str, Any] = field(repr=False)
    file: Path
    driver: str = DRIVER
    others: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def region(self) -> str:
        """Return the region or datacentre that it is for, if it says so."""
        keys = ("region", "datacenter", "ex_force_service_region", "location")
        return next((str(self.arguments[key]) for key in keys if self.arguments.get(key)), "")

    @property
    def settings(self) -> dict[str, Any]:
        """Return what Salt, and the driver, read below the alias."""
        return {"driver": self.driver, "libcloud": self.libcloud, "arguments": dict(self.arguments)} | dict(self.others)


def folder() -> Path:
    """Return the folder of their files."""
    return config_home() / "cloud.providers.d"


def all_accounts() -> dict[str, Account]:
    """Return every account by its alias.

    Raises:
        KraftwerkError: a file can't be read, or isn't of the right shape (code 2).
    """
    found: dict[str, Account] = {}
    problems: list[str] = []
    for path in sorted(folder().glob("*.conf")):
        admin.guard(path)
        found |= {account.alias: account for account in _read(path, problems)}
    schema.check(problems)
    return found


def _read(path: Path, problems: list[str]) -> list[Account]:
    value = schema.load(path, problems)
    try:
        content = schema.anything(value) if value else {}
    except schema.Wrong as error:
        problems.append(f"{schema.shown(path)}: {error}")
        return []
    if not isinstance(content, dict):
        problems.append(f"{schema.shown(path)}: must name accounts, such as `ec2: {{driver: {DRIVER}, …}}`")
        return []
    return [account for alias, entry in content.items() if (account := _account(str(alias), entry, path, problems))]


def _account(alias: str, entry: Any, path: Path, problems: list[str]) -> Account | None:
    own = dict(entry) if isinstance(entry, dict) else {}
    driver, libcloud, arguments = own.pop("driver", ""), own.pop("libcloud", ""), own.pop("arguments", None) or {}
    if not driver or not isinstance(arguments, dict) or (driver == DRIVER and not libcloud):
        problems.append(
            f"{schema.shown(path)}: {alias}: needs driver: {DRIVER}, libcloud: such as ec2, and arguments: a mapping"
        )
        return None
    return Account(alias, str(libcloud), arguments, path, str(driver), own)


def get(alias: str) -> Account:
    """Return an account by its alias.

    Raises:
        KraftwerkError: there is none (code 2), with those that there are.
    """
    accounts = all_accounts()
    if alias in accounts:
        return accounts[alias]
    known = f"providers: {', '.join(accounts)}" if accounts else "none was added yet"
    raise KraftwerkError(
        f"no provider is called {alias} ({known}){schema.suggestion(alias, accounts)}",
        next_command=f"kraftwerk providers add {alias}",
        code=2,
    )


def check_alias(alias: str, libcloud: str, known: list[str]) -> None:
    """Make sure that an alias can be used for a cloud.

    Args:
        known: libcloud's names of all clouds; an alias like one of them means that cloud.

    Raises:
        KraftwerkError: it can't (code 2).
    """
    if not re.fullmatch(admin.NAME, alias):
        raise KraftwerkError(f"{alias!r} is not {admin.NAME_MEANING}", code=2)
    accounts = all_accounts()
    cause = ""
    if alias in RESERVED:
        cause = f"{alias} can't be a cloud's name"
    elif alias in known and alias != libcloud:
        cause = f"{alias} is another cloud of libcloud's"
    elif alias in accounts and accounts[alias].libcloud != libcloud:
        cause = f"{alias} is an account with {accounts[alias].libcloud or accounts[alias].driver} already"
    if cause:
        raise KraftwerkError(cause, next_command="--as NAME gives another name", code=2)


def revised(alias: str, libcloud: str, arguments: Mapping[str, Any]) -> Account:
    """Return an account with these arguments; what else stands in its file, if there is one, stays. Not saved yet."""
    before = all_accounts().get(alias)
    if before:
        return replace(before, arguments=arguments)
    return Account(alias, libcloud, arguments, folder() / f"{alias}.conf")


def save(account: Account) -> None:
    """Write an account's file (0600); one of the same alias is replaced.

    Raises:
        KraftwerkError: its file holds others too (code 2).
    """
    _check_alone(account)
    text = yaml.safe_dump({account.alias: account.settings}, sort_keys=False, allow_unicode=True)
    write_atomic(account.file, f"# Written by `kraftwerk providers add`. Credentials: only you can read it.\n{text}")


def remove(alias: str) -> None:
    """Remove an account's file; nothing changes at the cloud.

    Raises:
        KraftwerkError: there is none, its file holds others too, or nodes of it are known here (code 2).
    """
    account = get(alias)
    _check_alone(account)
    users = [node.name for node in all_nodes().values() if node.provider == alias]
    users += [each.name for each in intent.all_intents() if each.provider == alias and each.name not in users]
    if users:
        raise KraftwerkError(
            f"{', '.join(users)} could not be destroyed without the credentials of {alias}",
            next_command=f"kraftwerk destroy-node {users[0]}",
            code=2,
        )
    account.file.unlink()


def _check_alone(account: Account) -> None:
    others = [each.alias for each in all_accounts().values() if each.file == account.file] or [account.alias]
    if others != [account.alias]:
        cause = f"{schema.shown(account.file)} holds {', '.join(others)} together"
        raise KraftwerkError(cause, next_command=f"edit the file: {account.alias} is a key of it", code=2)
