"""Machines that cost money and are no nodes: begun and not finished, or marked as kraftwerk's and in no roster here."""

from dataclasses import dataclass

from libcloud.compute.base import Node as Machine

from kraftwerk import account, census, dialect, intent, quote, rented
from kraftwerk.census import Census
from kraftwerk.errors import KraftwerkError
from kraftwerk.intent import Intent
from kraftwerk.node import all_nodes

BUSY, GONE, NEVER = "being made", "gone", "never made"


@dataclass(frozen=True)
class Orphan:
    """A machine that is no node.

    Attributes:
        provider: the account that pays for it.
        machine: what the cloud calls it; empty where no machine is known to have come of it.
        state: running, pending …, being made, never made, or unknown where the cloud doesn't answer.
        created: when its creation was begun here; empty where it wasn't.
        finish: the command that makes a node of it; empty where none does.
        destroy: the command that ends it.
    """

    name: str
    provider: str
    machine: str
    address: str
    state: str
    created: str
    finish: str
    destroy: str

    @property
    def being_made(self) -> bool:
        """Tell whether somebody is busy with it just now."""
        return self.state == BUSY

    @property
    def exists(self) -> bool:
        """Tell whether its cloud has it, or may have it."""
        return self.state not in (GONE, NEVER)


def all_orphans() -> tuple[list[Orphan], Census]:
    """Return the orphans of all accounts, those begun here first, and what was asked.

    Raises:
        KraftwerkError: an account's or an intent's file is broken (code 2).
    """
    accounts = account.all_accounts()
    seen = census.take(accounts)
    clouds = {alias: each.libcloud for alias, each in accounts.items()}  # two accounts may show the same machines
    found = [_interrupted(each, seen) for each in intent.all_intents()]
    taken = {(clouds.get(each.provider), each.machine) for each in found}
    taken |= {(clouds[alias], str(machine.id)) for alias, machine in _nodes(seen)}
    for alias, machines in seen.machines.items():
        for machine in machines:
            if dialect.is_marked(machine) and (clouds[alias], str(machine.id)) not in taken:
                taken.add((clouds[alias], str(machine.id)))
                found.append(_unknown(alias, machine))
    return found, seen


def owner(name: str) -> str:
    """Return the provider of a machine that is in no roster: begun here, or marked as kraftwerk's at one cloud.

    Raises:
        KraftwerkError: there is none (code 2), or a cloud that may have it doesn't answer.
    """
    if begun := intent.load(name):
        return begun.provider
    orphans, seen = all_orphans()
    found = [orphan.provider for orphan in orphans if orphan.name == name]
    if found:
        return found[0]
    for error in seen.errors.values():
        raise error
    nodes = ", ".join(all_nodes()) or "there are none"
    raise KraftwerkError(f"no node is called {name} (nodes: {nodes})", next_command="kraftwerk nodes --orphans", code=2)


def _nodes(seen: Census) -> list[tuple[str, Machine]]:
    pairs = [(node.provider, seen.machine_of(node)) for node in all_nodes().values()]
    return [(alias, machine) for alias, machine in pairs if machine is not None]


def _interrupted(begun: Intent, seen: Census) -> Orphan:
    listed = seen.machines.get(begun.provider)
    known = [machine for machine in listed or [] if _is_of(machine, begun)]
    machine = known[0] if known else None
    if _busy(begun.name):
        state = BUSY
    elif listed is None:
        state = "unknown"
    else:
        state = str(machine.state) if machine else GONE if begun.machine_id else NEVER
    return Orphan(
        name=begun.name,
        provider=begun.provider,
        machine=str(machine.id) if machine else begun.machine_id,
        address=rented.address_of(machine) if machine else "",
        state=state,
        created=begun.created,
        finish="" if state in (GONE, BUSY) else _finish(begun),
        destroy=f"kraftwerk destroy-node {begun.name}",
    )


def _finish(begun: Intent) -> str:
    size = begun.profile.removeprefix(f"{begun.provider}-")
    wanted = f" --size {size}" if size and size != quote.SIZE else ""
    return f"kraftwerk create-node {begun.name} --provider {begun.provider}{wanted}"


def _is_of(machine: Machine, begun: Intent) -> bool:
    if begun.machine_id:
        return str(machine.id) == begun.machine_id
    return dialect.is_ours(machine, begun.name, begun.token)


def _busy(name: str) -> bool:
    """Say whether a creation goes on just now."""
    try:
        with rented.busy(name, timeout=0):
            return False
    except KraftwerkError:
        return True


def _unknown(alias: str, machine: Machine) -> Orphan:
    return Orphan(
        name=str(machine.name),
        provider=alias,
        machine=str(machine.id),
        address=rented.address_of(machine),
        state=str(machine.state),
        created="",
        finish="",
        destroy=f"kraftwerk destroy-node {machine.name}",
    )
