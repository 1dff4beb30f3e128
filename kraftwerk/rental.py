"""A machine in a cloud that is paid for: one that was begun before, and one that is about to end."""

from dataclasses import dataclass, replace

from kraftwerk import account, cloudapi, intent, orphan, quote, rented
from kraftwerk.account import Account
from kraftwerk.intent import Intent
from kraftwerk.node import Node


@dataclass(frozen=True)
class Rental:
    """A machine that somebody pays for.

    Attributes:
        machines: what the cloud calls it; empty where the cloud doesn't have it any more.
        address: its own, or the roster's.
        what: its size, and what it costs where that is known.
    """

    name: str
    provider: str
    machines: tuple[str, ...]
    address: str
    what: str

    def text(self) -> str:
        """Return what its end means, in one line."""
        name = f"{self.name} ({self.address})" if self.address else self.name
        if not self.machines:
            return f"{name}: {self.provider} has no machine of it; what is known of it here will be forgotten."
        what = f" ({self.what})" if self.what else ""
        return f"{name}: the machine {', '.join(self.machines)} at {self.provider}{what} ends, with everything on it."


def resumed(name: str, chosen: Account) -> Intent | None:
    """Return the intent of an interrupted creation with the machine that it led to; None where there is none.

    Raises:
        KraftwerkError: the cloud refused, or had it and has it no more.
    """
    begun = intent.load(name)
    if begun is None or begun.provider != chosen.alias:
        return None
    machine = rented.find_intended(cloudapi.connect(chosen.alias, chosen.settings), begun)
    return replace(begun, machine_id=str(machine.id)) if machine else None


def find(name: str, node: Node | None) -> Rental:
    """Return the machine that `destroy-node` would end.

    Args:
        node: the roster's; None for a machine that was begun and not finished, or is only known by its mark.

    Raises:
        KraftwerkError: there is none of this name (code 2), or the cloud refused.
    """
    provider = node.provider if node else orphan.owner(name)
    chosen = account.get(provider)
    machines = rented.doomed(cloudapi.connect(provider, chosen.settings), name)
    return Rental(
        name=name,
        provider=provider,
        machines=tuple(str(machine.id) for machine in machines),
        address=next((rented.address_of(machine) for machine in machines), "") or (node.host if node else ""),
        what=quote.describe(chosen, machines[0]) if machines else "",
    )
