"""
Clouds: a salt-cloud driver for every compute provider of apache-libcloud
=========================================================================

The work is done by ``kraftwerk.rented``; plain ``salt-cloud`` and ``kraftwerk create-node`` do the same.

:depends: kraftwerk and apache-libcloud, installed beside Salt on the admin

A provider names the cloud as libcloud does, and the arguments of libcloud's driver for it:

.. code-block:: yaml

    ec2:
      driver: kw_libcloud
      libcloud: ec2
      arguments: {key: AKIA…, secret: …, region: eu-central-1}

A profile names size and image as the cloud does; of several images that match, the newest is taken:

.. code-block:: yaml

    ec2-small:
      provider: ec2
      size: t3.small
      image: debian-12-amd64-*

Besides, provider or profile may say:

location
    Where the machine is made, by name or id; clouds that need one say so.
image_owner
    Whose images count at EC2; Debian's own account unless told otherwise.
security_groups : [kraftwerk]
    The groups at EC2 and OpenStack; the default one lets in ssh, http and https, and is made when it is missing.
networks
    The networks at OpenStack, by name.
ssh_interface : public_ips
    Or ``private_ips``, where the admin is inside.
ssh_port : 22
    Where the image's sshd listens.
wait_for_ip_timeout : 600
    Seconds until the machine must have an address.
ssh_connect_timeout : 900
    Seconds until its sshd must answer.
create
    More keyword arguments for libcloud's ``create_node``, as they are.
"""

import logging
import os
from contextlib import contextmanager
from importlib.util import find_spec

import salt.config as config
import salt.utils.cloud
import salt.utils.data
from salt.exceptions import SaltCloudNotFound, SaltCloudSystemExit

try:
    from kraftwerk import admin, cloudevent, intent, node
    from kraftwerk.errors import KraftwerkError

    HAS_KRAFTWERK = True
except ImportError:
    HAS_KRAFTWERK = False

HAS_LIBCLOUD = find_spec("libcloud") is not None

__virtualname__ = "kw_libcloud"
log = logging.getLogger(__name__)


def __virtual__():
    """Load where kraftwerk and libcloud are installed, and a provider is configured."""
    global cloudapi, dialect, offer, rented
    if not (HAS_KRAFTWERK and HAS_LIBCLOUD):
        return False, "kw_libcloud: kraftwerk or apache-libcloud is not installed for this Python"
    if get_configured_provider() is False:
        return False, "kw_libcloud: no provider uses this driver"
    if home := __opts__.get("kraftwerk_home"):
        os.environ.setdefault("KRAFTWERK_HOME", home)
    from kraftwerk import cloudapi, dialect, offer, rented  # with libcloud, which only those wait for who have a cloud

    return __virtualname__


def get_configured_provider():
    """Return the provider that Salt works with just now, else the first that uses this driver, or False."""
    return config.is_provider_configured(__opts__, _active_provider() or __virtualname__, ("libcloud",))


def get_dependencies():
    """Return whether what the driver imports is there."""
    return config.check_driver_dependencies(
        __virtualname__, {"kraftwerk": HAS_KRAFTWERK, "apache-libcloud": HAS_LIBCLOUD}
    )


def create(vm_):
    """
    Make a machine and wait until its sshd answers by the host key that it was handed.

    What is about to be made is written down before the cloud is asked, so that a creation that was interrupted is
    finished by calling again, and never makes a second machine.

    CLI Example:

    .. code-block:: bash

        salt-cloud -p ec2-small web1

    name
        The node's hostname.
    size
        The name or id of a size.
    image
        A pattern of the image's name, such as ``debian-12-amd64-*``, or an id.

    Raises SaltCloudSystemExit when the name is taken, when the cloud doesn't offer what the profile names, when it
    refused, or when the machine doesn't answer; then it and its intent stay.
    """
    name = vm_["name"]
    _fire("creating", name)
    with _truthful():
        admin.ensure()
        cloud = _cloud()
        machine = rented.create(cloud, name, vm_)
    _fire("created", name)
    return _details(machine)


def destroy(name, call=None):
    """
    Destroy a machine, however far its creation came, and forget it in the roster, known_hosts and /etc/hosts.

    CLI Example:

    .. code-block:: bash

        salt-cloud -d web1
    """
    _no_function("destroy", call)
    _fire("destroying", name)
    with _truthful():
        rented.destroy(_cloud(), name)
    _fire("destroyed", name)
    return {name: True}


def reboot(name, call=None):
    """
    Reboot a machine.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a reboot web1
    """
    return _act("reboot_node", name, call)


def stop(name, call=None):
    """
    Power a machine off. It keeps its disk, and most clouds keep charging for it.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a stop web1
    """
    return _act("stop_node", name, call)


def start(name, call=None):
    """
    Power a machine on.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a start web1
    """
    return _act("start_node", name, call)


def list_nodes(call=None):
    """
    Return the machines with id, image, size, state and addresses.

    CLI Example:

    .. code-block:: bash

        salt-cloud -Q
    """
    _no_action("list_nodes", call)
    return {machine.name: _details(machine) for machine in _machines()}


def list_nodes_full(call=None):
    """
    Return the machines with everything that the cloud says of them.

    CLI Example:

    .. code-block:: bash

        salt-cloud -F
    """
    _no_action("list_nodes_full", call)
    found = {machine.name: _details(machine) | {"extra": machine.extra} for machine in _machines()}
    return salt.utils.data.simple_types_filter(found)


def list_nodes_min(call=None):
    """
    Return the names and states of the machines.

    Salt refuses to create what is listed here, so a machine whose creation was interrupted stays out: creating it
    again finishes it. When something is to be destroyed it is listed, and so is what is known here alone: Salt
    destroys nothing else.
    """
    _no_action("list_nodes_min", call)
    cloud = _cloud()
    listed = {machine.name: {"state": str(machine.state)} for machine in _machines()}
    unfinished = [begun.name for begun in intent.all_intents() if begun.provider == cloud.alias]
    if not __opts__.get("destroy"):
        return {name: state for name, state in listed.items() if name not in unfinished}
    rostered = [each.name for each in node.all_nodes().values() if each.provider == cloud.alias]
    return {name: {"state": "gone"} for name in (*unfinished, *rostered)} | listed


def list_nodes_select(call=None):
    """
    Return the fields of the machines that ``query.selection`` in the configuration names, or the usual ones.

    CLI Example:

    .. code-block:: bash

        salt-cloud -S
    """
    selection = __opts__.get("query.selection", ("id", "state", "public_ips"))
    return salt.utils.cloud.list_nodes_select(list_nodes_full(), selection, call)


def show_instance(name, call=None):
    """
    Return everything that the cloud says of a machine.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a show_instance web1
    """
    if call == "function":
        raise SaltCloudSystemExit("show_instance must be called with -a, --action")
    machines = list_nodes_full()
    if name not in machines:
        raise SaltCloudNotFound(f"no machine is called {name}")
    return machines[name]


def avail_images(call=None):
    """
    Return the images; at EC2 those of Debian's own account, since the whole catalogue has a hundred thousand.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-images ec2
    """
    _no_action("avail_images", call)
    with _truthful():
        return {str(each.name): {"id": str(each.id), "name": each.name} for each in offer.images(_cloud())}


def avail_sizes(call=None):
    """
    Return the sizes with memory (MB), disk (GB) and what an hour costs (US dollars, before tax) where libcloud knows.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-sizes ec2
    """
    _no_action("avail_sizes", call)
    with _truthful():
        cloud = _cloud()
        return {
            str(each.name): {"id": str(each.id), "ram": each.ram, "disk": each.disk, "price": offer.price(cloud, each)}
            for each in offer.sizes(cloud)
        }


def avail_locations(call=None):
    """
    Return the places where the cloud has machines.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-locations ec2
    """
    _no_action("avail_locations", call)
    with _truthful():
        return {str(each.name): {"id": str(each.id), "country": each.country} for each in offer.locations(_cloud())}


def _cloud():
    """Return the account that Salt works with just now."""
    alias = _active_provider().split(":")[0]
    return cloudapi.connect(alias, get_configured_provider())


def _machines():
    """Return the machines; what went wrong is logged as well, since Salt takes it for an account without machines."""
    with _truthful():
        try:
            return _cloud().machines()
        except KraftwerkError as error:
            log.error("%s", error)
            raise


def _details(machine):
    """Return a machine as salt-cloud lists it."""
    return {
        "id": str(machine.id),
        "image": dialect.image_of(machine),
        "size": dialect.size_of(machine),
        "state": str(machine.state),
        "private_ips": list(machine.private_ips or []),
        "public_ips": list(machine.public_ips or []),
    }


def _act(method, name, call):
    """Have libcloud do something with a machine and return its state after it."""
    _no_function(method.removesuffix("_node"), call)
    with _truthful():
        cloud = _cloud()
        machine = rented.find(cloud, name)
        with cloudapi.told(cloud.alias):
            getattr(cloud.driver, method)(machine)  # what it returns is one cloud's HTTP status, and nothing of another
        return {name: str(rented.find(cloud, name).state)}


@contextmanager
def _truthful():
    """Turn our errors into Salt's, which it prints."""
    try:
        yield
    except KraftwerkError as error:
        raise SaltCloudSystemExit(str(error)) from error


def _no_function(action, call):
    """Refuse what was called with -f instead of -a."""
    if call == "function":
        raise SaltCloudSystemExit(f"{action} must be called with -a, --action, or -d for destroy")


def _no_action(function, call):
    """Refuse what was called with -a instead of -f."""
    if call == "action":
        raise SaltCloudSystemExit(f"{function} must be called with -f, --function")


def _fire(what, name):
    """Tell a master that listens on this machine."""
    cloudevent.fire(__opts__, __utils__, what, name, _active_provider())


def _active_provider():
    """Return `alias:driver` of the provider that Salt works with just now."""
    try:
        return __active_provider_name__.value()
    except AttributeError:
        return __active_provider_name__
