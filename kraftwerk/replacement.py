"""What a load or copy replaces by what: chosen, checked and told before anything is touched."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kraftwerk import dump, nodeprogram, screen
from kraftwerk.counts import Counts, counts_of, headline
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Manifest
from kraftwerk.target import Target
from kraftwerk.transport import Connection


@dataclass(frozen=True)
class Holding:
    """What there is of a service: in an archive, or now in an instance.

    Attributes:
        service: postgres, files ….
        version: the server's.
        size: bytes as they lie there, packed in an archive.
        numbers: how many of the version's numbers tell whether a server reads what another one wrote.
    """

    service: str
    version: str
    counts: Counts
    size: int
    packed: bool = False
    numbers: int = 1

    def __str__(self) -> str:
        """Return it as the plan tells it: `10 tables 31 rows, 8.1 MB`."""
        words = headline("", self.counts).strip()
        size = f"{screen.size(self.size)}{' packed' if self.packed else ''}"
        return f"{words}, {size}" if words else size


@dataclass(frozen=True)
class Origin:
    """Where data comes from: an instance on a node, as it is now or as it was when it was dumped."""

    project: str
    environment: str
    instance: str
    node: str
    created: str = ""

    def __str__(self) -> str:
        """Return it as it is printed."""
        of = f"{self.instance} on {self.node}"
        if not self.created:
            return of
        return f"{of}, dumped {datetime.fromisoformat(self.created).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Plan:
    """What would be replaced by what.

    Attributes:
        instance: where it goes, as it is on the node.
        node: that node's name.
        coming: what comes, in the order of loading.
        current: what is there now of each of these services.
    """

    origin: Origin
    instance: Instance
    node: str
    coming: tuple[Holding, ...]
    current: Mapping[str, Holding]

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services that are replaced, in their order."""
        return tuple(one.service for one in self.coming)

    @property
    def foreign(self) -> bool:
        """Tell whether it comes from another project, or goes into production from elsewhere: rarely what is meant."""
        ours, theirs = self.instance, self.origin
        stranger = ours.project != theirs.project
        return stranger or (ours.environment == "production" and theirs.environment != "production")

    @property
    def place(self) -> str:
        """Return where it goes, as it is printed."""
        return f"{self.instance.name} on {self.node}"


def of_archive(manifest: Manifest) -> tuple[Origin, tuple[Holding, ...]]:
    """Return where an archive comes from and what it holds."""
    origin = Origin(manifest.project, manifest.environment, manifest.instance, manifest.node, manifest.created)
    holds = (Holding(one.service, one.version, one.counts, one.size, packed=True) for one in manifest.services)
    return origin, tuple(holds)


def of_instance(connection: Connection, instance: Instance) -> tuple[Origin, tuple[Holding, ...]]:
    """Return what an instance holds now, in the order of loading; caches are none of it.

    Raises:
        KraftwerkError: the node or a service doesn't answer.
    """
    origin = Origin(instance.project, instance.environment, instance.name, connection.node.name)
    found = holdings(connection, instance, dump.ordered(instance.services))
    return origin, tuple(found.values())


def holdings(connection: Connection, instance: Instance, services: Sequence[str]) -> dict[str, Holding]:
    """Return what an instance holds now of these services, caches left out.

    Raises:
        KraftwerkError: the node or a service doesn't answer.
    """
    found = nodeprogram.call(connection, "kw_load.inspect", instance.name, list(services))
    return {
        name: Holding(name, str(one["version"]), counts_of(one), int(one["size"]), numbers=int(one.get("numbers", 1)))
        for name, one in found.items()
    }


def plan(target: Target, origin: Origin, coming: Sequence[Holding]) -> Plan:
    """Compare what comes with the instance that it goes into; nothing is touched.

    Args:
        coming: from `chosen`.

    Raises:
        KraftwerkError: the instance isn't deployed, or lacks one of the services or has an older server of it.
    """
    instance, node = dump.deployed(target), target.node.name
    if missing := [one.service for one in coming if one.service not in instance.services]:
        skipped = " ".join(f"--skip {service}" for service in missing)
        raise KraftwerkError(
            f"{origin} has {', '.join(missing)}, and {instance.name} on {node} has not",
            next_command=f"add it to services in kraftwerk.yaml and deploy, or {skipped}",
        )
    current = holdings(target.connection, instance, [one.service for one in coming])
    check_versions(node, coming, current)
    return Plan(origin, instance, node, tuple(coming), current)


def check_versions(node: str, coming: Sequence[Holding], current: Mapping[str, Holding]) -> None:
    """Make sure that no server is of an older major version than the one that its data is of.

    Args:
        node: its name, for the error.
        current: what is there of each service.

    Raises:
        KraftwerkError: some are older; all of them are named.
    """
    if older := [one for one in coming if _older(current[one.service], one)]:
        there = {one.service: current[one.service].version for one in older}
        pairs = [
            f"the data is of {one.service} {one.version}, which {one.service} {there[one.service]} on {node} can't read"
            for one in older
        ]
        servers = f"a node with the same or newer {', '.join(there)}"
        skipped = " ".join(f"--skip {service}" for service in there)
        raise KraftwerkError("\n".join(pairs), next_command=f"load it on {servers}, or {skipped}")


def _older(there: Holding, coming: Holding) -> bool:
    """Tell whether a server is too old; a version that doesn't begin with a number, as an archiver's, never is."""
    wanted, found = (_numbers(version, there.numbers) for version in (coming.version, there.version))
    return bool(wanted and found and wanted > found)


def _numbers(version: str, count: int) -> tuple[int, ...]:
    """Return the first numbers of a version, as far as it begins with some."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, match[0].split(".")[:count])) if match else ()


def chosen(
    held: Sequence[Holding], only: Sequence[str], skip: Sequence[str], of: object = "the archive"
) -> tuple[Holding, ...]:
    """Return what is there, or of that only these services, or all but those.

    Args:
        of: who holds it, for the error.

    Raises:
        KraftwerkError: a service isn't there, or none is left (code 2).
    """
    names = choose([one.service for one in held], only, skip, of)
    return tuple(one for one in held if one.service in names)


def choose(held: Sequence[str], only: Sequence[str], skip: Sequence[str], of: object) -> list[str]:
    """Return the names of the services that are meant, as `chosen` does."""
    if unknown := sorted({*only, *skip} - set(held)):
        listed = ", ".join(held) or "nothing"
        raise KraftwerkError(f"{of} holds no {', '.join(unknown)}, but {listed}", code=2)
    names = [name for name in held if (not only or name in only) and name not in skip]
    if held and not names:
        raise KraftwerkError(f"--only and --skip leave nothing of {', '.join(held)}", code=2)
    return names


def confirm(plan: Plan, *, kept: bool, yes: bool, note: str = "") -> None:
    """Show what will be replaced by what, and ask: in production for the node's name.

    Args:
        kept: the old data is dumped first.
        yes: don't ask.
        note: what else is to be known before.

    Raises:
        KraftwerkError: the answer was no.
    """
    rows = [(one.service, str(plan.current[one.service]), str(one)) for one in plan.coming]
    screen.table(("service", f"on {plan.node} now", "becomes"), rows)
    if note:
        screen.say(note)
    refused = KraftwerkError(f"not confirmed: {plan.place} is left as it was", next_command="--yes answers for scripts")
    if plan.foreign and not screen.confirm(f"The data is of {plan.origin}. Put it into {plan.place}?", yes=yes):
        raise refused
    safety = "a safety dump is kept first" if kept else "NO safety dump is kept"
    consequence = f"{plan.node}'s data of {plan.instance.name} will be REPLACED by {plan.origin}; {safety}."
    if plan.instance.environment == "production":
        screen.confirm_name(consequence, plan.node, yes=yes)
        return
    screen.say(consequence)
    if not screen.confirm("Go on?", yes=yes):
        raise refused
