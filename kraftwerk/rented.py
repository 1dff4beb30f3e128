"""Machines rented in a cloud: made once however often that is interrupted, met by a pinned key, removed whole."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from libcloud.compute.base import Node as Machine
from libcloud.compute.types import NodeState

from kraftwerk import cloudinit, dialect, flock, hostkey, hosts, intent, localboot, offer, registry
from kraftwerk.cloudapi import Cloud, refused, told, translated
from kraftwerk.errors import KraftwerkError
from kraftwerk.intent import Intent
from kraftwerk.node import Node, all_nodes, check_name, pin_host_keys, private_key_file, remove_node, save_node
from kraftwerk.progress import report
from kraftwerk.transport import Connection

SETTLING = 30  # seconds until a cloud certainly lists what it was asked for just before this was killed
ADDRESS_WAIT = 600  # seconds, where the profile has no wait_for_ip_timeout
SSH_WAIT = 900  # seconds, where it has no ssh_connect_timeout


def create(cloud: Cloud, name: str, settings: Mapping[str, Any]) -> Machine:
    """Make a machine and wait until its sshd answers; one whose creation was interrupted is finished instead.

    Args:
        settings: the profile over its provider: size, image, location, ssh_port …

    Returns:
        The machine; it is in the roster, its host key pinned.

    Raises:
        KraftwerkError: the name is taken, something of the profile isn't offered (code 2), the cloud refused, or the
            machine doesn't answer. Then the machine and its intent stay, and calling again goes on.
    """
    check_name(name)
    dialect.check(cloud)
    with busy(name):
        begun = intent.load(name)
        if begun and begun.provider != cloud.alias:
            cause = f"{name} was begun at {begun.provider} and isn't finished"
            raise KraftwerkError(cause, next_command=f"kraftwerk destroy-node {name}", code=2)
        machine = find_intended(cloud, begun) if begun else None
        if begun is None or machine is None:
            machine, begun = _make(cloud, name, settings, begun)
        begun = replace(begun, machine_id=str(machine.id), host_key_private="")
        intent.write(begun)
        return _finish(cloud, machine, begun, settings)


def find_intended(cloud: Cloud, begun: Intent) -> Machine | None:
    """Return the machine that an intent led to, or None if there never was one.

    Raises:
        KraftwerkError: there was one, and the cloud doesn't list it any more.
    """
    if begun.machine_id:
        if found := cloud.machine(begun.machine_id):
            return found
        cause = f"{begun.name}: {cloud.alias} lists its machine {begun.machine_id} no more"
        raise KraftwerkError(cause, next_command=f"kraftwerk destroy-node {begun.name} forgets it")
    return next((one for one in cloud.machines() if dialect.is_ours(one, begun.name, begun.token)), None)


def _settled(cloud: Cloud, begun: Intent) -> Machine | None:
    """Look for the machine of an intent until the cloud must know it, if it does at all."""
    while (machine := find_intended(cloud, begun)) is None and begun.waited < SETTLING:
        report(f"looking for what was ordered {begun.waited:.0f} s ago")
        time.sleep(1)
    return machine


def _make(cloud: Cloud, name: str, settings: Mapping[str, Any], old: Intent | None) -> tuple[Machine, Intent]:
    """Order a machine, unless the intent of an earlier order turns out to have led to one."""
    if old is None:
        _check_free(cloud, name)
    begun = old or _begin(cloud, name, settings)
    wanted = dialect.arguments(cloud, _order(cloud, begun, settings))
    if old and (found := _settled(cloud, old)):
        return found, old
    begun = replace(begun, ordered=intent.now())
    intent.write(begun)
    report(f"ordering {wanted['size'].name} with {wanted['image'].name}")
    try:
        machine: Machine = cloud.driver.create_node(**wanted)
    except Exception as error:
        raise _not_made(cloud, begun, error, certain=old is None and refused(error)) from error
    machine.name = name  # DUMMY names its machines itself
    return machine, begun


def _begin(cloud: Cloud, name: str, settings: Mapping[str, Any]) -> Intent:
    private, public = hostkey.make()
    begun = intent.begin(name, cloud.alias, str(settings.get("profile") or ""))
    return replace(begun, host_key_private=private, host_key_public=public.strip())


def _order(cloud: Cloud, begun: Intent, settings: Mapping[str, Any]) -> dialect.Order:
    """Return an order with everything in it found by its name."""
    said = {key: str(settings.get(key) or "") for key in ("size", "image", "image_owner", "location")}
    public_key = private_key_file().with_suffix(".pub").read_text()
    pair = (begun.host_key_private, begun.host_key_public)
    return dialect.Order(
        name=begun.name,
        token=begun.token,
        image=offer.image(cloud, said["image"], said["image_owner"]),
        size=offer.size(cloud, said["size"]),
        location=dialect.place(cloud, said["location"]),
        user_data=cloudinit.user_data(begun.name, host_key=pair, authorized_key=public_key),
        public_key=public_key,
        settings=settings,
    )


def _not_made(cloud: Cloud, begun: Intent, error: Exception, *, certain: bool) -> KraftwerkError:
    """Return what to say of an order that failed; forget the intent only if no machine can have come of it."""
    translation = translated(cloud.alias, error)
    if certain:
        intent.remove(begun.name)
        return translation
    return KraftwerkError(
        f"{translation.cause}; whether {begun.name} was made isn't known",
        next_command=f"kraftwerk create-node {begun.name} --provider {cloud.alias} looks for it and goes on",
    )


def _check_free(cloud: Cloud, name: str) -> None:
    taken = [machine for machine in cloud.machines() if machine.name == name]
    if taken or name in all_nodes():
        where = f"at {cloud.alias}, as {taken[0].id}" if taken else f"at {all_nodes()[name].host}"
        raise KraftwerkError(
            f"a node called {name} exists already {where}", next_command=f"kraftwerk destroy-node {name}", code=2
        )


def _finish(cloud: Cloud, machine: Machine, begun: Intent, settings: Mapping[str, Any]) -> Machine:
    """Wait for the address and for sshd; pin the host key and put the node into the roster."""
    machine, address = _wait_for_address(cloud, machine, settings)
    port = int(settings.get("ssh_port", 22))
    node = Node(name=begun.name, host=address, provider=cloud.alias, port=port, status="creating")
    save_node(node)
    pin_host_keys(node, [begun.host_key_public])
    _wait_for_ssh(node, float(settings.get("ssh_connect_timeout", SSH_WAIT)))
    save_node(replace(node, status="ready"))
    intent.remove(begun.name)
    return machine


def _wait_for_address(cloud: Cloud, machine: Machine, settings: Mapping[str, Any]) -> tuple[Machine, str]:
    kind = str(settings.get("ssh_interface", "public_ips"))
    patience = float(settings.get("wait_for_ip_timeout", ADDRESS_WAIT))
    for waited in waiting(patience):
        if machine.state == NodeState.ERROR:
            raise _stuck(cloud, machine, "the cloud failed to start it")
        if address := address_of(machine, kind):
            return machine, address
        report(f"no address yet, {waited:.0f} s")
        try:
            listed = cloud.machine(str(machine.id))
        except KraftwerkError as error:  # what the cloud can't tell just now, it may tell in a moment
            report(error.cause)
            continue
        if listed is None and waited > SETTLING:
            raise _stuck(cloud, machine, "the cloud lists it no more")
        machine = listed or machine
    raise _stuck(cloud, machine, f"no address ({kind}) after {patience:.0f} s")


def address_of(machine: Machine, kind: str = "public_ips") -> str:
    """Return a machine's address, of IPv4 if it has one; empty as long as it has none."""
    addresses = [str(each) for each in getattr(machine, kind, None) or [] if str(each) not in ("", "0.0.0.0")]  # noqa: S104
    return min(addresses, key=lambda each: ":" in each, default="")


def _wait_for_ssh(node: Node, patience: float) -> None:
    for waited in waiting(patience):
        if localboot.greets(node.host, node.port, timeout=3):
            return
        report(f"{node.host} boots, {waited:.0f} s")
    raise KraftwerkError(
        f"{node.name} has the address {node.host}, but no sshd answers at port {node.port} after {patience:.0f} s",
        next_command=f"the same command again waits on; kraftwerk destroy-node {node.name} removes it",
    )


def waiting(patience: float) -> Iterator[float]:
    """Yield the seconds waited so far, ever more slowly, until patience ends."""
    start, pause = time.monotonic(), 0.2
    while (waited := time.monotonic() - start) < patience:
        yield waited
        time.sleep(pause)
        pause = min(pause * 1.5, 5)


def _stuck(cloud: Cloud, machine: Machine, why: str) -> KraftwerkError:
    return KraftwerkError(
        f"{machine.name} ({machine.id} at {cloud.alias}): {why}",
        next_command=f"the same command again waits on; kraftwerk destroy-node {machine.name} removes it",
    )


def find(cloud: Cloud, name: str) -> Machine:
    """Return the machine of a node; an interrupted creation's counts.

    Raises:
        KraftwerkError: there is none, or several have the name and none the roster's address (code 2).
    """
    begun = intent.load(name)
    if begun and begun.provider == cloud.alias and (intended := find_intended(cloud, begun)):
        return intended
    named = [machine for machine in cloud.machines() if machine.name == name]
    if len(named) > 1:
        host = all_nodes()[name].host if name in all_nodes() else ""
        named = [machine for machine in named if host in (*machine.public_ips, *machine.private_ips)] or named
    if len(named) != 1:
        ids = ", ".join(str(machine.id) for machine in named)
        cause = f"{cloud.alias} has several machines called {name}: {ids}" if named else f"{cloud.alias} has no {name}"
        raise KraftwerkError(cause, next_command="kraftwerk nodes", code=2)
    return named[0]


def destroy(cloud: Cloud, name: str) -> None:
    """Remove a node's machine, then everything that is known of it here; a machine that is gone already is no error.

    Raises:
        KraftwerkError: the cloud refused or didn't answer; then nothing is forgotten.
    """
    with busy(name):
        for machine in doomed(cloud, name):
            with told(cloud.alias):
                done = cloud.driver.destroy_node(machine)
            if not done:
                raise KraftwerkError(f"{cloud.alias} did not destroy {name} ({machine.id})", next_command="try again")
        forget(cloud.alias, name)
        _lock_of(name).unlink(missing_ok=True)


def doomed(cloud: Cloud, name: str) -> list[Machine]:
    """Return the machines that `destroy` ends; none where the cloud has none of it any more."""
    begun = intent.load(name)
    if begun and begun.provider == cloud.alias:
        found = cloud.machine(begun.machine_id) if begun.machine_id else _settled(cloud, begun)
        return [found] if found else []
    return [find(cloud, name)] if any(machine.name == name for machine in cloud.machines()) else []


def forget(alias: str, name: str) -> None:
    """Forget an account's node here: connection, /etc/hosts, instances, roster, known_hosts; its intent goes last."""
    node, begun = all_nodes().get(name), intent.load(name)
    if node and node.provider == alias:
        Connection(node).close()
        hosts.remove(node.host)
    if node is None or node.provider == alias:
        registry.forget_node(name)
        remove_node(name)
    if begun and begun.provider == alias:
        intent.remove(name)


@contextmanager
def busy(name: str, timeout: float = 5) -> Iterator[None]:
    """Hold the lock of a machine that is made or removed.

    Raises:
        KraftwerkError: somebody else held it for that many seconds.
    """
    with flock.held(_lock_of(name), busy=f"another kraftwerk is busy with {name}", timeout=timeout):
        yield


def _lock_of(name: str) -> Path:
    """Return the path of that lock."""
    return intent.file_of(name).with_name(f".{name}.lock")
