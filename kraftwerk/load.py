"""Load an archive into an instance: verified before anything is touched, compared with its manifest after."""

import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kraftwerk import dump, lock, saltssh, workspace
from kraftwerk.counts import Comparison, Counts, compare, counts_of
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Manifest, ServiceDump
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target

# What runs must not go on with what it remembers of the old data: connections that the swap has cut, and caches such as
# Django's content types. On HUP gunicorn starts new workers before it ends the old ones: no request is lost. A process
# that doesn't come back shows in the status, and is no failure of the load.
RESTART = """\
instance=$1; shift
live=$(readlink "/web/$instance/slots/live" 2>/dev/null || true)
if [ -n "$live" ] && [ -e "/etc/service/$instance-web-$live" ]; then sv hup "$instance-web-$live" || true; fi
for process in "$@"; do
    if [ -e "/etc/service/$instance-$process" ]; then sv restart "$instance-$process" || true; fi
done
"""


@dataclass(frozen=True)
class Plan:
    """What a load would do.

    Attributes:
        path: the archive, which is whole.
        instance: where it goes, as it is on the node.
        services: what goes there, in its order.
        current: what each of these services holds now, to be replaced.
    """

    path: Path
    manifest: Manifest
    instance: Instance
    services: tuple[ServiceDump, ...]
    current: Mapping[str, Counts]

    @property
    def foreign(self) -> bool:
        """Tell whether the archive was made of another project or environment."""
        return self.manifest.instance != self.instance.name


def plan(target: Target, path: Path, manifest: Manifest, *, only: tuple[str, ...] = ()) -> Plan:
    """Compare an archive with the instance that it shall be loaded into; nothing is touched.

    Args:
        manifest: from `archive.verify(path)`.
        only: these services alone.

    Raises:
        KraftwerkError: the archive lacks a service of `only`, or the instance lacks one of the archive's or an older
            server of it, or isn't deployed.
    """
    services = chosen(manifest, only)
    instance = dump.deployed(target)
    if missing := [one.service for one in services if one.service not in instance.services]:
        raise KraftwerkError(
            f"the archive holds {', '.join(missing)}, and {instance.name} on {target.node.name} has no such service",
            next_command=f"add it to services in kraftwerk.yaml and deploy, or --only {_others(manifest, missing)}",
        )
    current = {}
    for one in services:
        found = inspect(target, instance, one.service)
        check_version(target.node.name, one, str(found.get("version", "")))
        current[one.service] = counts_of(found)
    return Plan(path, manifest, instance, services, current)


def check_version(node: str, one: ServiceDump, found: str) -> None:
    """Make sure that a server isn't of an older major version than the one that was dumped.

    Args:
        node: its name, for the error.
        found: the server's version; one that doesn't begin with a number, as an archiver's, is compared with nothing.

    Raises:
        KraftwerkError: it is older.
    """
    wanted_major, major = (re.match(r"\d+", version) for version in (one.version, found))
    if wanted_major and major and int(wanted_major[0]) > int(major[0]):
        raise KraftwerkError(
            f"the archive is of {one.service} {one.version}, which {one.service} {found} on {node} can't read",
            next_command="load it on a node with the same or a newer version",
        )


def chosen(manifest: Manifest, only: tuple[str, ...]) -> tuple[ServiceDump, ...]:
    """Return what an archive holds, or of that only these services.

    Raises:
        KraftwerkError: it doesn't hold one of them (code 2).
    """
    if unknown := sorted(set(only) - set(manifest.order)):
        held = ", ".join(manifest.order) or "nothing"
        raise KraftwerkError(f"the archive holds no {', '.join(unknown)}, but {held}", code=2)
    return tuple(one for one in manifest.services if not only or one.service in only)


def _others(manifest: Manifest, missing: list[str]) -> str:
    return " --only ".join(service for service in manifest.order if service not in missing) or "SERVICE"


def inspect(target: Target, instance: Instance, service: str) -> dict[str, Any]:
    """Return what a service of an instance holds now: its version, size and counts.

    Raises:
        KraftwerkError: it doesn't answer.
    """
    found: Any = saltssh.call(target.node, f"kw_{service}.inspect", instance.name)
    if not isinstance(found, dict):
        raise KraftwerkError(f"kw_{service}.inspect answered {str(found)[:200]!r}")
    return found


def load(
    target: Target, plan: Plan, *, backup: Path | None, on_progress: OnProgress = lambda text: None
) -> list[Comparison]:
    """Replace the data of an instance by an archive's, restart what runs, and compare the counts.

    Args:
        plan: from `plan`.
        backup: the safety dump, named by what to do when something fails in the middle; None when there is none.
        on_progress: is called with what is being done.

    Raises:
        KraftwerkError: the upload or a service failed: which services are old, which new, and how to go back; or the
            counts differ from the manifest's.
    """
    instance, connection = plan.instance, target.connection
    with lock.held(connection, instance.name):
        names = [one.service for one in plan.services]
        with workspace.prepared(connection, instance, names) as folder:
            on_progress("upload")
            workspace.upload(connection, plan.path, plan.services, folder)
            found = {}
            try:
                for index, service in enumerate(names):
                    on_progress(service)
                    found[service] = _load_service(target, plan, index, folder / service, backup)
            finally:
                with suppress(KraftwerkError):  # a lost connection has its own error by then
                    connection.script(RESTART, instance.name, *sorted(instance.processes))
    comparisons = [line for one in plan.services for line in compare(one.service, one.counts, found[one.service])]
    _check(target, plan, comparisons, backup)
    return comparisons


def _load_service(target: Target, plan: Plan, index: int, source: PurePosixPath, backup: Path | None) -> Counts:
    """Load one service and return what it held then: counted by itself before anybody wrote to it, else inspected."""
    service = plan.services[index].service
    try:
        result = saltssh.call(target.node, f"kw_{service}.load", plan.instance.name, str(source))
        return counts_of(result if isinstance(result, dict) else inspect(target, plan.instance, service))
    except KraftwerkError as error:
        new = [one.service for one in plan.services[:index]]
        old = [one.service for one in plan.services[index:]]
        state = f"{', '.join(new)} on {target.node.name} already new, " if new else ""
        raise KraftwerkError(
            f"{service} could not be loaded: {error.cause}\n{state}{', '.join(old)} still as before",
            next_command=way_back(target, plan, backup) if new else "mend that and load again",
        ) from error


def way_back(target: Target, plan: Plan, backup: Path | None) -> str:
    """Return the command that loads the safety dump again."""
    if backup is None:
        return "load again; there is no safety dump to go back to (--no-backup)"
    environment = plan.instance.environment
    words = ["kraftwerk", "load", str(backup), "--to", target.node.name]
    return shlex.join([*words, *([] if environment == "production" else ["--env", environment])])


def _check(target: Target, plan: Plan, comparisons: list[Comparison], backup: Path | None) -> None:
    if wrong := [f"{line.service} {line}" for line in comparisons if line.found != line.wanted]:
        raise KraftwerkError(
            f"loaded, but {target.node.name} does not hold what the manifest says: {', '.join(wrong[:5])}",
            next_command=way_back(target, plan, backup),
        )
