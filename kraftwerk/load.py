"""Load an archive into an instance: verified before anything is touched, compared with its manifest after."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kraftwerk import archive, dump, lock, process, saltssh
from kraftwerk.archive import Position
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Counts, Manifest, ServiceDump
from kraftwerk.target import Target
from kraftwerk.transport import Connection

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


@dataclass(frozen=True)
class Comparison:
    """One count of a service: in the manifest, and after the load."""

    service: str
    name: str
    wanted: int
    found: int | None

    @property
    def told(self) -> bool:
        """Tell whether it is printed when it is right: rows and the like, but no bytes and nothing by name."""
        return self.name not in ("bytes", "tables") and ":" not in self.name

    def __str__(self) -> str:
        """Return it as it is printed: `31/31 rows`."""
        return f"{'?' if self.found is None else self.found}/{self.wanted} {self.name}"


def plan(target: Target, path: Path, manifest: Manifest, *, only: tuple[str, ...] = ()) -> Plan:
    """Compare an archive with the instance that it shall be loaded into; nothing is touched.

    Args:
        manifest: from `archive.verify(path)`.
        only: these services alone.

    Raises:
        KraftwerkError: the archive lacks a service of `only`, or the instance lacks one of the archive's, or isn't
            deployed.
    """
    services = chosen(manifest, only)
    instance = dump.deployed(target)
    if missing := [one.service for one in services if one.service not in instance.services]:
        raise KraftwerkError(
            f"the archive holds {', '.join(missing)}, and {instance.name} on {target.node.name} has no such service",
            next_command=f"add it to services in kraftwerk.yaml and deploy, or --only {_others(manifest, missing)}",
        )
    current = {one.service: inspect(target, instance, one.service) for one in services}
    return Plan(path, manifest, instance, services, current)


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


def inspect(target: Target, instance: Instance, service: str) -> Counts:
    """Return what a service of an instance holds now."""
    found: Any = saltssh.call(target.node, f"kw_{service}.inspect", instance.name)
    if not isinstance(found, dict):
        raise KraftwerkError(f"kw_{service}.inspect answered {str(found)[:200]!r}")
    counts: Counts = found.get("counts", found)
    return counts


def load(target: Target, plan: Plan, *, backup: Path | None) -> list[Comparison]:
    """Replace the data of an instance by an archive's, restart what runs, and compare the counts.

    Args:
        plan: from `plan`.
        backup: the safety dump, named by what to do when something fails in the middle; None when there is none.

    Raises:
        KraftwerkError: the upload or a service failed: which services are old, which new, and how to go back; or the
            counts differ from the manifest's.
    """
    instance, connection = plan.instance, target.connection
    with lock.held(connection, instance.name):
        names = [one.service for one in plan.services]
        with dump.workspace(connection, instance, names) as folder:
            upload(connection, plan, folder)
            try:
                found = {
                    service: _load_service(target, plan, index, folder / service, backup)
                    for index, service in enumerate(names)
                }
            finally:
                with suppress(KraftwerkError):  # a lost connection has its own error by then
                    connection.script(RESTART, instance.name, *sorted(instance.processes))
    comparisons = [line for one in plan.services for line in compare(one, found[one.service])]
    _check(target, plan, comparisons, backup)
    return comparisons


def upload(connection: Connection, plan: Plan, folder: PurePosixPath) -> None:
    """Send the members to the node and verify them there.

    Raises:
        KraftwerkError: the connection broke, the node's disk is full, or a checksum there is another.
    """
    wanted = {(one.service, member) for one in plan.services for member in one.members}
    sent = [position for position in archive.positions(plan.path) if (position.service, position.member) in wanted]
    if len(sent) != len(wanted):
        raise KraftwerkError(f"{plan.path} is not the file any more that was verified")
    for position in sent:
        _send(connection, plan.path, position, folder)
    lines = "".join(f"{position.member.sha256}  {_below(position)}\n" for position in sent)
    if lines:
        checked = ["sh", "-c", 'cd "$1" && exec sha256sum --check --strict --quiet', "sh", str(folder)]
        connection.run(checked, input=lines.encode())


def _below(position: Position) -> str:
    return f"{position.service}/{position.member.name}"


def _send(connection: Connection, path: Path, position: Position, folder: PurePosixPath) -> None:
    words = ["sh", "-c", 'umask 077; exec cat >"$1"', "sh", str(folder / _below(position))]
    running = connection.popen(words, stdin=process.PIPE, stdout=process.DEVNULL, stderr=process.PIPE)
    assert running.stdin is not None and running.stderr is not None  # noqa: S101 - pipes were asked for
    try:
        with archive.reading(path, position) as chunks:
            _feed(running.stdin, chunks)
        words_said = running.stderr.read().decode(errors="replace").strip()
    except BaseException:
        running.terminate()
        raise
    finally:
        running.stderr.close()
        running.wait()
    if running.returncode:
        reason = words_said.splitlines()[-1] if words_said else f"exit code {running.returncode}"
        raise KraftwerkError(f"{connection.node.name}: {_below(position)} could not be uploaded: {reason}")


def _feed(stdin: Any, chunks: Iterator[bytes]) -> None:
    """Write all chunks; a reader that ends early has said why on its stderr."""
    try:
        for chunk in chunks:
            stdin.write(chunk)
        stdin.close()
    except BrokenPipeError:
        pass


def _load_service(target: Target, plan: Plan, index: int, source: PurePosixPath, backup: Path | None) -> Counts:
    """Load one service and return what it held then: counted by itself before anybody wrote to it, else inspected."""
    service = plan.services[index].service
    try:
        result = saltssh.call(target.node, f"kw_{service}.load", plan.instance.name, str(source))
        counts: Counts = result if isinstance(result, dict) else inspect(target, plan.instance, service)
        return counts
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


def compare(wanted: ServiceDump, found: Counts) -> list[Comparison]:
    """Return each count of the manifest beside the one that is found after a load."""
    flat = flatten(found)
    return [Comparison(wanted.service, name, count, flat.get(name)) for name, count in flatten(wanted.counts).items()]


def flatten(counts: Counts) -> dict[str, int]:
    """Return counts with those by name as `tables: auth_user`."""
    flat: dict[str, int] = {}
    for key, value in counts.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}: {name}": count for name, count in value.items()}
        else:
            flat[key] = value
    return flat


def _check(target: Target, plan: Plan, comparisons: list[Comparison], backup: Path | None) -> None:
    if wrong := [f"{line.service} {line}" for line in comparisons if line.found != line.wanted]:
        raise KraftwerkError(
            f"loaded, but {target.node.name} does not hold what the manifest says: {', '.join(wrong[:5])}",
            next_command=way_back(target, plan, backup),
        )
