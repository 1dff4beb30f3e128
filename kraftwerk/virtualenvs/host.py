"""Where virtualenvs are: nodes, reached as ever, and other hosts, reached by the admin's own ssh configuration."""

import shlex
from collections.abc import Callable, Sequence
from functools import lru_cache

from kraftwerk import argv, foreignserver, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, known_hosts_file, pin_host_keys
from kraftwerk.remote import script
from kraftwerk.transport import GUEST, Connection, control_socket
from kraftwerk.virtualenvs.virtualenv import Virtualenv

UNKNOWN = "host key is known for"  # what ssh says of a host that it never met
Accept = Callable[[str], bool]


def node(name: str) -> Node | None:
    """Return the node of that name or address, if it is one."""
    nodes = all_nodes()
    return nodes.get(name) or next((each for each in nodes.values() if each.host == name and each.port == 22), None)


def names(host: str) -> set[str]:
    """Return what a host is called: as it is written, and where it is a node by its name and address."""
    found = node(host)
    return {host, found.name, found.host} if found else {host}


def user(host: str) -> str:
    """Return whom a virtualenv on a host belongs to where nobody says: the login, or on a node nothing, for anybody."""
    return "" if node(host) else _settings(host)["user"]


def connect(virtualenv: Virtualenv, accept: Accept) -> Connection:
    """Return the way to a virtualenv's host, after making sure that it answers.

    Args:
        accept: is asked whether a fingerprint is the right one, where the host was never met.

    Raises:
        KraftwerkError: it can't be reached, its key has changed, or wasn't accepted.
    """
    found = node(virtualenv.host)
    if found:
        connection = Connection(found)
    else:
        connection = _guest(virtualenv)
        _meet(connection, accept)
    connection.check()
    return connection


def words(virtualenv: Virtualenv, command: Sequence[str]) -> list[str]:
    """Return the words that run a program as the virtualenv's user, in its folder; `python` is its own Python."""
    return ["sh", "-c", script("venv"), "kraftwerk-venv", virtualenv.path, virtualenv.user, *command]


@lru_cache(maxsize=64)
def _settings(host: str, login: str = "") -> dict[str, str]:
    """Return what the admin's ssh configuration says of a host: user, hostname, port and so on."""
    printed = process.run(argv.ssh_settings(host, login)).stdout.decode(errors="replace")
    return {key: value for key, _, value in (line.partition(" ") for line in reversed(printed.splitlines()))}


def _guest(virtualenv: Virtualenv) -> Connection:
    settings = _settings(virtualenv.host, virtualenv.user)
    # ssh itself finds the address by its configuration; kraftwerk's own known_hosts stands beside the admin's.
    there = Node(virtualenv.host, virtualenv.host, GUEST, user=virtualenv.user, port=int(settings["port"]))
    files = [str(known_hosts_file()), *shlex.split(settings.get("userknownhostsfile", ""))]
    return Connection(there, argv.guest_options(known_hosts=files, socket=control_socket(there)))


def _meet(connection: Connection, accept: Accept) -> None:
    """Have the host key accepted of a host that nobody here has met, and pin it."""
    there = connection.node
    command = argv.ssh(there, connection.options, ["true"])
    said = process.run(command, check=False, timeout=3 * argv.CONNECT_TIMEOUT).stderr.decode(errors="replace")
    if UNKNOWN not in said:
        return
    settings = _settings(there.host, there.user)
    if not {settings.get("proxyjump", "none"), settings.get("proxycommand", "none")} <= {"none"}:
        raise KraftwerkError(
            f"the host key of {there.host} isn't known, and it is reached through another host",
            next_command=f"ssh {there.user}@{there.host}, which asks for it",
        )
    keys = foreignserver.scan(settings["hostname"], there.port)
    shown = next(iter(keys))
    if not accept(f"{there.host} shows the host key {shown}. Is it the right one?"):
        raise KraftwerkError(
            f"the host key of {there.host} was not accepted", next_command=f"ssh {there.user}@{there.host}"
        )
    address = settings.get("hostkeyalias") or settings["hostname"]
    pin_host_keys(Node(there.name, address, GUEST, port=there.port), [keys[shown]])
