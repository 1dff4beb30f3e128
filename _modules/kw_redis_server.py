"""
A project's own redis servers under systemd: the live one, and beside it the one that a load has prepared.

Each has a folder and a socket named by a word of its own (``first``, then the token of a load), and a link says which
of them is live. So a load changes the data by renaming a link. Servers run as the user that their unit names: the
instance's, or one of their own where only other nodes use them (``kw_redis_network``).
"""

import contextlib
import os
import platform
import pwd
import re

__virtualname__ = "kw_redis_server"
DATA = "/var/lib"
RUN = "/run"
UNITS = "/etc/systemd/system"
CONFIG = "redis.conf"
SNAPSHOT = "dump.rdb"  # as kw_redis_settings says
BASE = "appendonly.aof.1.base.rdb"  # what a server with an append-only file starts from
MANIFEST = f"file {BASE} seq 1 type b\n"
FIRST = "first"
CLIENTS = "\n# For "  # where the lines for clients begin
SERVER_USER = "keys-"  # and the instance's name, as services/redis/map.jinja says


def __virtual__():
    """Load on Linux only: the servers are systemd's."""
    if platform.system() != "Linux":
        return False, "kw_redis_server: instances run on Linux nodes only"
    return __virtualname__


def unit(instance):
    """
    The name of the unit that starts the live server, at boot too.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.unit mysite
    """
    return f"kraftwerk-redis-{instance}"


def folder(instance, word=""):
    """
    Where the data of an instance's servers is, or that of one of them.

    instance, word
        Name of the instance, and the server's word. Default: the folder above all of them.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.folder mysite
    """
    above = os.path.join(DATA, f"redis-{__salt__['kw_name.plain'](instance)}")
    return os.path.join(above, __salt__["kw_name.plain"](word)) if word else above


def socket(instance, word="redis"):
    """
    The path of a server's socket; ``redis`` is the live one's.

    instance, word
        Name of the instance, and the server's word. Default: the live one's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.socket mysite
    """
    return os.path.join(RUN, f"redis-{instance}", f"{word}.sock")


def version():
    """
    The version of the servers that start here, such as ``7.0.15``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.version
    """
    return _installed("v")


def live(instance):
    """
    The word of the live server; empty where there is none yet.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.live mysite
    """
    try:
        return os.readlink(os.path.join(folder(instance), "live"))
    except FileNotFoundError:
        return ""


def missing(instance, wanted, options):
    """
    What the live server lacks: any of ``folder``, ``config``, ``clients``, ``boot``, ``server``, ``settings``, and
    ``upgrade`` where its package is newer than what runs.

    instance
        Name of the instance.
    wanted, options
        Its settings, and the options that say who its clients are.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.missing mysite '{}' '{}'
    """
    parts = [] if live(instance) and _is_own(instance, folder(instance, live(instance))) else ["folder"]
    present = _read(os.path.join(folder(instance), CONFIG))
    network = __salt__["kw_redis_network.text"](instance, folder(instance), options)
    if present != __salt__["kw_redis_settings.text"](wanted, network):
        parts.append("config")
    if present and present.partition(CLIENTS)[2] != f"\n{network}".partition(CLIENTS)[2]:
        parts.append("clients")
    if _systemctl("is-enabled", unit(instance), check=False) != "enabled":
        parts.append("boot")
    try:
        with _client(instance) as client:
            if __salt__["kw_redis_settings.different"](client, wanted):
                parts.append("settings")
            if client.info("server")["redis_build_id"] != _installed("build"):
                parts.append("upgrade")
    except RuntimeError:
        parts.append("server")
    return parts


def create(instance, wanted, options):
    """
    Have the live server run with its settings, now and from boot on. The units are there already.

    instance
        Name of the instance.
    wanted, options
        As for ``missing``.

    Returns what was missing. Raises ``RuntimeError`` with the server's words.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.create mysite '{}' '{}'
    """
    parts, word = missing(instance, wanted, options), live(instance) or FIRST
    path = os.path.join(folder(instance), CONFIG)
    if "folder" in parts:
        _own(instance, _make_folder(instance, word))
        _point(os.path.join(folder(instance), "live"), word)
    network = __salt__["kw_redis_network.make"](
        instance, folder(instance), options, pwd.getpwnam(_keeper(instance)).pw_gid
    )
    text = __salt__["kw_redis_settings.text"](wanted, network)
    # A server that starts without its append-only file mustn't be told to read one, nor the other way round: where that
    # changes, it starts as it was, changes while it runs, and is told so for its next start.
    if "clients" not in parts and f"\nappendonly {wanted['appendonly']}\n" in (_read(path) or text):
        _write(path, text, 0o644)
    if "boot" in parts:
        _systemctl("enable", unit(instance))
    if {"server", "folder"} & set(parts):
        _systemctl("restart", unit(instance))
    with _client(instance) as client:
        restart = __salt__["kw_redis_settings.apply"](client, wanted)
    if restart or {"upgrade", "clients"} & set(parts):
        _systemctl("stop", unit(instance))  # so that one who is cut short here finds it wanting
    _write(path, text, 0o644)
    _systemctl("start", unit(instance))
    return parts


def remove(instance):
    """
    Stop an instance's servers, and delete their data, their sockets and their units for good.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.remove mysite
    """
    _systemctl("disable", "--now", unit(instance), check=False)
    _systemctl("stop", f"{unit(instance)}@*", check=False)
    __salt__["kw_redis_network.close"](instance, folder(instance))
    for path in (folder(instance), os.path.dirname(socket(instance))):
        __salt__["kw_filetree.remove"](path)
    for name in (f"{unit(instance)}.service", f"{unit(instance)}@.service"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(UNITS, name))
    _systemctl("daemon-reload")
    _run(["userdel", f"{SERVER_USER}{instance}"], check=False)  # where there is one


def fill(instance, word, kept):
    """
    A new folder for a server to start from, and where its snapshot goes: the path.

    instance, word
        Name of the instance, and the server's word.
    kept
        Whether the server has an append-only file.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.fill mysite 0123456789ab true
    """
    path = _make_folder(instance, word)
    if not kept:
        return os.path.join(path, SNAPSHOT)
    os.mkdir(os.path.join(path, "appendonlydir"), 0o700)
    _write(os.path.join(path, "appendonlydir", "appendonly.aof.manifest"), MANIFEST)
    return os.path.join(path, "appendonlydir", BASE)


def start(instance, word):
    """
    Start a server on its folder, and wait until its data is loaded.

    instance, word
        Name of the instance, and the server's word.

    Raises ``RuntimeError`` with the server's last words.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.start mysite 0123456789ab
    """
    _own(instance, folder(instance, word))
    name = f"{unit(instance)}@{word}"
    try:
        _systemctl("start", name)
    except RuntimeError as error:
        said = _run(["journalctl", "--unit", name, "--lines", "20", "--output", "cat", "--quiet"], check=False)
        words = [line.partition("# ")[2] for line in said.splitlines() if "# " in line and "Warning" not in line]
        raise RuntimeError(f"redis-server: {' / '.join(words[-2:]) or error}") from error


def switch(instance, word):
    """
    Make a server that runs the live one. The other one goes with its data; who is connected to it connects anew.

    instance, word
        Name of the instance, and the server's word.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.switch mysite 0123456789ab
    """
    _point(os.path.join(folder(instance), "live"), word)
    discard(instance)


def discard(instance):
    """
    Stop all servers but the live one, and delete their data. The live one is led to where a switch that was cut short
    left that undone.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.discard mysite
    """
    word = live(instance)
    if word and os.path.exists(socket(instance, word)):
        _point(socket(instance), f"{word}.sock")
    for word in others(instance):
        with contextlib.suppress(RuntimeError), _client(instance, word) as client:
            client.call("CONFIG", "SET", "save", "")  # nobody wants its data: so it ends at once
        for verb in ("stop", "reset-failed"):
            _systemctl(verb, f"{unit(instance)}@{word}", check=False)
        __salt__["kw_filetree.remove"](folder(instance, word))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(socket(instance, word))


def others(instance):
    """
    The words of the servers beside the live one.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_server.others mysite
    """
    found = os.scandir(folder(instance)) if os.path.isdir(folder(instance)) else ()
    keep = live(instance)
    return sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False) and entry.name != keep)


def _make_folder(instance, word):
    """A server's own folder, root's until it is filled, in the one above all of them that only root can write to."""
    above, path = folder(instance), folder(instance, word)
    os.makedirs(above, mode=0o750, exist_ok=True)
    os.chown(above, 0, pwd.getpwnam(_keeper(instance)).pw_gid)
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def _own(instance, path):
    """Give a folder with all in it to the instance's user: itself last, so that nobody gets at the rest before."""
    entry = pwd.getpwnam(_keeper(instance))
    for parent, folders, names in os.walk(path, topdown=False):
        for name in [*names, *folders]:
            os.chown(os.path.join(parent, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _is_own(instance, path):
    """Whether a folder belongs to the user that the server runs as."""
    try:
        return os.stat(path).st_uid == pwd.getpwnam(_keeper(instance)).pw_uid
    except (FileNotFoundError, KeyError):
        return False


def _keeper(instance):
    return __salt__["kw_redis_network.keeper"](instance)


def _installed(what):
    """The version of the program (``v``), or the number of its build, which differs in each version of the package."""
    return re.search(rf" {what}=(\S+)", _run(["redis-server", "--version"]))[1]


def _client(instance, word="redis"):
    address = __salt__["kw_redis_network.address"](folder(instance), socket(instance, word))
    return __salt__["kw_redis_wire.connect"](address, owner=_keeper(instance))


def _read(path):
    return __salt__["kw_textfile.content"](path)


def _write(path, text, mode=0o600):
    """Write a file in one go; one that is right stays."""
    if _read(path) != text:
        __salt__["kw_textfile.replace"](path, text, mode)


def _point(path, target):
    """Have a link lead somewhere, in one go."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.new")
    os.symlink(target, f"{path}.new")
    os.replace(f"{path}.new", path)


def _systemctl(*words, check=True):
    return _run(["systemctl", *words], check=check)


def _run(command, check=True):
    return __salt__["kw_process.run"](command, check=check).strip()
