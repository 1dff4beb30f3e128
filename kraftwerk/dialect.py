"""What differs from cloud to cloud when a machine is ordered: what libcloud's drivers call the same things."""

import inspect
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from libcloud.compute.base import Node as Machine
from libcloud.compute.base import NodeImage, NodeLocation, NodeSize

from kraftwerk import firewall, offer
from kraftwerk.cloudapi import Cloud, told
from kraftwerk.errors import KraftwerkError

TAG = "kraftwerk-intent"
USER_DATA = ("ex_userdata", "ex_user_data", "cloud_init")
MARKING = frozenset({"ec2", "openstack", "digitalocean", "linode"})  # make no machine without the tags it is to have
PRETENDED = frozenset({"dummy"})  # has no real machines, so none that could be handed a host key


@dataclass(frozen=True)
class Order:
    """A machine to be made.

    Attributes:
        token: the intent's, by which the machine is found again.
        user_data: for cloud-init, with the host key.
        public_key: the admin's, for clouds that insist on knowing it.
        settings: the profile over its provider; `create` in it goes to libcloud as it is.
    """

    name: str
    token: str
    size: NodeSize
    image: NodeImage
    location: NodeLocation | None
    user_data: str
    public_key: str
    settings: Mapping[str, Any]


def check(cloud: Cloud) -> None:
    """Make sure that a cloud can hand a machine its host key.

    Raises:
        KraftwerkError: libcloud gives it no user data (code 2).
    """
    if cloud.kind in PRETENDED or cloud.kind in _SPECIAL or _accepted(cloud, USER_DATA):
        return
    raise KraftwerkError(
        f"{cloud.alias}: libcloud's driver for {cloud.kind} takes no user data, "
        "so that a new machine could not be handed the host key that it is known by",
        next_command="make the server in the cloud's own console, then: "
        "kraftwerk create-node NAME --provider ssh --host ADDRESS",
        code=2,
    )


def needs_location(cloud: Cloud) -> bool:
    """Say whether a cloud makes no machine unless it is told where."""
    location = inspect.signature(cloud.driver.create_node).parameters.get("location")
    return location is not None and location.default is inspect.Parameter.empty


def place(cloud: Cloud, wanted: str) -> NodeLocation | None:
    """Return the location of a name; None where none is named and the cloud chooses.

    Raises:
        KraftwerkError: there is none of this name, or none is named and the cloud insists (code 2).
    """
    return offer.location(cloud, wanted) if wanted or needs_location(cloud) else None


def arguments(cloud: Cloud, order: Order) -> dict[str, Any]:
    """Return the keyword arguments of libcloud's `create_node`; makes what they refer to, such as the key pair.

    Raises:
        KraftwerkError: the cloud refused that, or libcloud's driver takes other arguments (code 2).
    """
    plain: dict[str, Any] = {"name": order.name, "size": order.size, "image": order.image}
    if order.location is not None:
        plain["location"] = order.location
    with told(cloud.alias):
        special = _SPECIAL.get(cloud.kind, _any_cloud)(cloud, order)
    wished = dict(order.settings.get("create") or {})
    if taken := sorted({*USER_DATA, "ex_clienttoken"} & set(wished)):
        raise KraftwerkError(f"{cloud.alias}: create: {taken[0]} can't be chosen, kraftwerk needs it itself", code=2)
    found = plain | special | {key: _joined(special.get(key), value) for key, value in wished.items()}
    try:
        inspect.signature(cloud.driver.create_node).bind(**found)
    except TypeError as error:
        raise KraftwerkError(f"{cloud.alias}: libcloud's create_node for {cloud.kind}: {error}", code=2) from error
    return found


def _joined(ours: Any, theirs: Any) -> Any:
    """Return what somebody wants passed on beside what must be: tags, above all, by which the machine is found."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return theirs | {key: _joined(value, theirs[key]) if key in theirs else value for key, value in ours.items()}
    return [*ours, *theirs] if isinstance(ours, list) and isinstance(theirs, list) else theirs


def is_ours(machine: Machine, name: str, token: str) -> bool:
    """Say whether a machine is the one of an intent: by its token; by its name where the cloud may have kept none."""
    if is_marked(machine) or getattr(machine.driver, "type", None) in MARKING:
        return token in _tags(machine)
    return str(machine.name) == name


def is_marked(machine: Machine) -> bool:
    """Say whether a machine carries kraftwerk's mark; those of clouds without tags never do."""
    return TAG in _tags(machine)


def _tags(machine: Machine) -> str:
    extra = machine.extra or {}
    return str([extra.get(key) for key in ("tags", "metadata", "labels", "tag")])


def size_of(machine: Machine) -> str:
    """Return the name or id of a machine's size, as far as its cloud tells."""
    if isinstance(machine.size, str):
        return machine.size
    extra = machine.extra or {}
    known = (extra.get(key) for key in ("instance_type", "size_slug", "type", "flavorId", "plan"))
    return str(machine.size.id if machine.size is not None else next((each for each in known if each), ""))


def image_of(machine: Machine) -> str:
    """Return the name or id of a machine's image, as far as its cloud tells."""
    if isinstance(machine.image, str):
        return machine.image
    extra = machine.extra or {}
    known = (extra.get(key) for key in ("image_id", "imageId", "image", "os"))
    return str(machine.image.id if machine.image is not None else next((each for each in known if each), ""))


def _ec2(cloud: Cloud, order: Order) -> dict[str, Any]:
    firewall.ec2(cloud.driver)
    groups = order.settings.get("security_groups") or [firewall.NAME]
    return {
        "ex_userdata": order.user_data,
        "ex_metadata": {TAG: order.token},
        "ex_clienttoken": order.token,  # asked twice with the same one, EC2 answers with the same machine
        "ex_keyname": _key_name(cloud, order),
        "ex_security_groups": groups,
    }


def _openstack(cloud: Cloud, order: Order) -> dict[str, Any]:
    wanted = order.settings.get("security_groups")
    groups = cloud.driver.ex_list_security_groups() if wanted else [firewall.openstack(cloud.driver)]
    networks = order.settings.get("networks")
    chosen = [each for each in cloud.driver.ex_list_networks() if each.name in networks] if networks else None
    return {
        "ex_userdata": order.user_data,
        "ex_metadata": {TAG: order.token},
        "ex_security_groups": [group for group in groups if not wanted or group.name in wanted],
        "networks": chosen,
        "ex_config_drive": True,
    }


def _digitalocean(cloud: Cloud, order: Order) -> dict[str, Any]:
    # Without a key it makes a password that must be changed at the first login, which blocks logins by key as well.
    key = _key_pair(cloud, order)
    return {
        "ex_user_data": order.user_data,
        "ex_create_attr": {"tags": [f"{TAG}:{order.token}"], "ssh_keys": [key.extra["id"]]},
    }


def _linode(cloud: Cloud, order: Order) -> dict[str, Any]:
    return {
        "ex_userdata": order.user_data,
        "ex_tags": [f"{TAG}:{order.token}"],
        "ex_authorized_keys": [order.public_key],
        "root_pass": secrets.token_urlsafe(40),  # it insists on one; nobody ever learns it
    }


def _vultr(cloud: Cloud, order: Order) -> dict[str, Any]:
    return {"ex_userdata": order.user_data, "ex_hostname": order.name, "ex_tag": f"{TAG}:{order.token}"}


def _cloudscale(cloud: Cloud, order: Order) -> dict[str, Any]:
    return {"ex_create_attr": {"user_data": order.user_data, "ssh_keys": [order.public_key]}}


def _any_cloud(cloud: Cloud, order: Order) -> dict[str, Any]:
    """Return the arguments for a cloud that isn't known here, by the names that libcloud's drivers mostly use."""
    found = {name: order.user_data for name in _accepted(cloud, USER_DATA)[:1]}
    return found | ({"ex_metadata": {TAG: order.token}} if _accepted(cloud, ("ex_metadata",)) else {})


_SPECIAL = {
    "ec2": _ec2,
    "openstack": _openstack,
    "digitalocean": _digitalocean,
    "linode": _linode,
    "vultr": _vultr,
    "cloudscale": _cloudscale,
}


def _accepted(cloud: Cloud, names: tuple[str, ...]) -> list[str]:
    known = inspect.signature(cloud.driver.create_node).parameters
    return [name for name in names if name in known]


def _key_name(cloud: Cloud, order: Order) -> str:
    """Return the name of the admin's key at a cloud; it gets there at the first machine."""
    return str(_key_pair(cloud, order).name)


def _key_pair(cloud: Cloud, order: Order) -> Any:
    kind, body = order.public_key.split()[:2]
    name = f"kraftwerk-{body[-12:].replace('/', '_').replace('+', '-').rstrip('=')}"
    known = {pair.name: pair for pair in cloud.driver.list_key_pairs()}
    if name in known:
        return known[name]
    try:
        if cloud.kind == "digitalocean":
            return cloud.driver.create_key_pair(name, f"{kind} {body}")
        return cloud.driver.import_key_pair_from_string(name, f"{kind} {body} {name}")
    except Exception as error:
        if "duplicate" not in str(error).lower() and "already" not in str(error).lower():
            raise
        return next(pair for pair in cloud.driver.list_key_pairs() if pair.name == name)  # another was quicker
