"""
Local nodes: a salt-cloud driver for Debian servers on this very machine
========================================================================

Each node is a copy-on-write clone of a cached Debian, booted by systemd-nspawn in a network namespace of its own.
The work is done by ``kraftwerk.local``; plain ``salt-cloud`` and ``kraftwerk create-node`` do the same.

:depends: kraftwerk, installed beside Salt on the admin

A provider needs nothing but its driver:

.. code-block:: yaml

    local:
      driver: kw_local

A profile names the Debian release as its image:

.. code-block:: yaml

    local-small:
      provider: local
      image: bookworm
      size: small
"""

import os

import salt.config as config
import salt.utils.cloud
from salt.exceptions import SaltCloudNotFound, SaltCloudSystemExit

try:
    from kraftwerk import admin, cloudevent, local, localbase, machine
    from kraftwerk.errors import KraftwerkError

    HAS_KRAFTWERK = True
except ImportError:
    HAS_KRAFTWERK = False

__virtualname__ = "kw_local"


def __virtual__():
    """Load where kraftwerk is installed, and a provider is configured."""
    if not HAS_KRAFTWERK:
        return False, "kw_local: kraftwerk is not installed for this Python"
    if get_configured_provider() is False:
        return False, "kw_local: no provider uses this driver"
    if home := __opts__.get("kraftwerk_home"):
        os.environ.setdefault("KRAFTWERK_HOME", home)
    return __virtualname__


def get_configured_provider():
    """Return the first provider that uses this driver, or False."""
    return config.is_provider_configured(__opts__, _active_provider() or __virtualname__, ())


def get_dependencies():
    """Return whether what the driver imports is there."""
    return config.check_driver_dependencies(__virtualname__, {"kraftwerk": HAS_KRAFTWERK})


def create(vm_):
    """
    Create a node and wait until its sshd answers; what an interrupted creation left is cleared first.

    CLI Example:

    .. code-block:: bash

        salt-cloud -p local-small blue

    name
        The node's hostname.
    image : bookworm
        The Debian release: ``bookworm`` or ``trixie``.
    base : ""
        A snapshot to clone instead.

    Raises SaltCloudSystemExit when the name is taken, when local nodes can't run here, or when a step failed; then
    nothing is left.
    """
    _fire("creating", vm_["name"])
    release = config.get_cloud_config_value("image", vm_, __opts__, default="bookworm", search_global=False)
    base = config.get_cloud_config_value("base", vm_, __opts__, default="", search_global=False)
    try:
        admin.ensure()
        local.create(vm_["name"], release=release, base=base)
    except KraftwerkError as error:
        raise SaltCloudSystemExit(str(error)) from error
    _fire("created", vm_["name"])
    return _details(vm_["name"])


def destroy(name, call=None):
    """
    Remove a node with everything of it: processes, files, address, its entries in the roster and in /etc/hosts.

    CLI Example:

    .. code-block:: bash

        salt-cloud -d blue
    """
    _no_function("destroy", call)
    _fire("destroying", name)
    try:
        local.destroy(name)
    except KraftwerkError as error:
        raise SaltCloudSystemExit(str(error)) from error
    _fire("destroyed", name)
    return {name: True}


def reboot(name, call=None):
    """
    Stop a node and start it again.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a reboot blue
    """
    stop(name, call="action")
    return start(name, call="action")


def stop(name, call=None):
    """
    Power a node off; its files and its address stay.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a stop blue
    """
    _no_function("stop", call)
    return _power(local.stop, name)


def start(name, call=None):
    """
    Start a node and wait until its sshd answers.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a start blue
    """
    _no_function("start", call)
    return _power(local.start, name)


def list_nodes(call=None):
    """
    Return the nodes with image, size, state and addresses.

    CLI Example:

    .. code-block:: bash

        salt-cloud -Q
    """
    return {name: _details(name) for name in local.names()}


def list_nodes_full(call=None):
    """
    Return the nodes with everything that is known of them.

    CLI Example:

    .. code-block:: bash

        salt-cloud -F
    """
    return {name: _details(name) | {"folder": str(machine.folder_of(name))} for name in local.names()}


def list_nodes_min(call=None):
    """
    Return the names and states of the nodes.

    Salt refuses to create what is listed here, so one whose creation was interrupted stays out: creating it again
    finishes it.
    """
    states = {name: local.status(name) for name in local.names()}
    return {name: {"state": state} for name, state in states.items() if state != "creating"}


def list_nodes_select(call=None):
    """
    Return the fields of the nodes that ``query.selection`` in the configuration names, or the usual ones.

    CLI Example:

    .. code-block:: bash

        salt-cloud -S
    """
    selection = __opts__.get("query.selection", ("state", "private_ips"))
    return salt.utils.cloud.list_nodes_select(list_nodes_full(), selection, call)


def show_instance(name, call=None):
    """
    Return everything that is known of a node.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a show_instance blue
    """
    nodes = list_nodes_full()
    if name not in nodes:
        raise SaltCloudNotFound(f"no local node is called {name}")
    return nodes[name]


def avail_images(call=None):
    """
    Return the Debian releases.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-images local
    """
    return {release: {"name": f"Debian {release}"} for release in localbase.RELEASES}


def avail_sizes(call=None):
    """
    Return the only size: all nodes share this machine's cores and memory.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-sizes local
    """
    return {"small": {"name": "small", "cores": os.cpu_count()}}


def avail_locations(call=None):
    """
    Return the only location.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-locations local
    """
    return {"here": {"name": os.uname().nodename}}


def _details(name):
    """Return a node as salt-cloud lists it."""
    found = machine.load(name)
    return {
        "id": name,
        "image": found.release,
        "size": "small",
        "state": local.status(name),
        "private_ips": [found.address] if found.address else [],
        "public_ips": [],
    }


def _power(action, name):
    """Start or stop a node and return what became of it."""
    try:
        action(name)
    except KraftwerkError as error:
        raise SaltCloudSystemExit(str(error)) from error
    return {name: local.status(name)}


def _no_function(action, call):
    """Refuse what was called with -f instead of -a."""
    if call == "function":
        raise SaltCloudSystemExit(f"{action} must be called with -a, --action, or -d for destroy")


def _fire(what, name):
    """Tell a master that listens on this machine."""
    cloudevent.fire(__opts__, __utils__, what, name, _active_provider())


def _active_provider():
    """Return `alias:driver` of the provider that Salt works with just now."""
    try:
        return __active_provider_name__.value()
    except AttributeError:
        return __active_provider_name__
