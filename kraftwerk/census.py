"""What clouds say of all their machines, asked at the same time; one that does not answer is told and passed over."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kraftwerk import account
from kraftwerk.account import Account
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node

if TYPE_CHECKING:
    from libcloud.compute.base import Node as Machine


@dataclass(frozen=True)
class Census:
    """The machines of clouds.

    Attributes:
        machines: by the alias of their account; one that didn't answer isn't there.
        errors: why it didn't.
    """

    machines: dict[str, "list[Machine]"]
    errors: dict[str, KraftwerkError]

    def machine_of(self, node: Node) -> "Machine | None":
        """Return the machine of a node: the one of its name, of several the one with its address."""
        found = self.machines.get(node.provider, [])
        there = [machine for machine in found if node.host in (*machine.public_ips, *machine.private_ips)]
        named = [machine for machine in found if machine.name == node.name]
        both = [machine for machine in named if machine in there]
        return next(iter([*both, *named, *there]), None)


def take(aliases: Iterable[str]) -> Census:
    """Ask the clouds of these accounts.

    Raises:
        KraftwerkError: a file of an account is broken (code 2).
    """
    accounts = account.all_accounts()
    asked = [accounts[alias] for alias in dict.fromkeys(aliases) if alias in accounts and accounts[alias].libcloud]
    if not asked:
        return Census({}, {})
    with ThreadPoolExecutor(max_workers=len(asked)) as pool:
        answers = list(zip(asked, pool.map(_ask, asked), strict=True))
    return Census(
        {each.alias: answer for each, answer in answers if not isinstance(answer, KraftwerkError)},
        {each.alias: answer for each, answer in answers if isinstance(answer, KraftwerkError)},
    )


def _ask(this: Account) -> "list[Machine] | KraftwerkError":
    from kraftwerk import cloudapi  # with libcloud, which only those wait for who have a cloud

    try:
        return cloudapi.connect(this.alias, this.settings).machines()
    except KraftwerkError as error:
        return error
