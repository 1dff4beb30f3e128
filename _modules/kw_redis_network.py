"""
How other nodes reach an instance's own redis server: a port with TLS, users with passwords, rules for addresses.

Who comes by the port must come from an address of a client (the kernel refuses all others), and log in as the
instance's user with the password among its options. Redis can't tell the port from the socket, so nobody gets in
without a password then: root has one of its own in a file.
"""

import hashlib
import os
import platform
import re
import secrets
import urllib.parse
import zlib

__virtualname__ = "kw_redis_network"
PORTS = range(16384, 32768)  # below those that kernels take for outgoing connections
UNITS = "/etc/systemd/system"
ADMIN, RULES, KEY, CERTIFICATE = "admin", "clients.nft", "tls.key", "tls.crt"
CONFIG = "redis.conf"
OUTDATED = "outdated"  # a file: programs of the instance here know a password that isn't theirs any more
LOGIN = re.compile(r"(?m)^user (?!default).*$")
# What applications have no use for, and could do harm with: settings, other servers, other users. Dumps need SYNC.
RIGHTS = "+@all -@admin +sync +replconf +client"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_redis_network: instances run on Linux nodes only"
    return __virtualname__


def port(instance):
    """
    The port of an instance's server, unless its options name one: it follows from the name, and never changes.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.port mysite
    """
    return PORTS[zlib.crc32(instance.encode()) % len(PORTS)]


def user(instance):
    """
    The name that the instance's programs log in with, unless its options name one.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.user mysite
    """
    return f"web-{instance}"


def keeper(instance):
    """
    The system user that the servers of an instance run as: their unit says.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.keeper mysite
    """
    unit = _read(os.path.join(UNITS, f"kraftwerk-redis-{instance}@.service"))
    found = re.search(r"(?m)^User=(\S+)$", unit)
    return found[1] if found else f"web-{instance}"


def url(instance, host, password):
    """
    Where another node finds the instance's server.

    instance
        Name of the instance.
    host
        That of the server's node, as it stands in a URL.
    password
        Among the options of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.url mysite 192.0.2.7 hush  # not of use there
    """
    login = f"{user(instance)}:{urllib.parse.quote(password, safe='')}"
    return f"rediss://{login}@{host}:{port(instance)}/0?ssl_cert_reqs=none"


def address(folder, socket):
    """
    The URL that root reaches a server by; with root's password where there ever were clients.

    folder, socket
        The folder that the instance's servers are in, and the server's socket.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.address /var/lib/redis-mysite /run/redis-mysite/redis.sock  # not of use there
    """
    password = _read(os.path.join(folder, ADMIN))
    login = f"default:{password}@" if password else ""  # a server that asks for no password takes any
    return f"unix://{login}{socket}"


def text(instance, folder, options):
    """
    What the configuration file says of it; nothing without clients. Of passwords there are digests.

    instance, folder
        Name of the instance, and the folder that its servers are in.
    options
        Those of the service: ``clients``, ``listen``, ``password``, and perhaps ``user`` and ``port``.

    Raises ``RuntimeError`` for clients without a password.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.text mysite /var/lib/redis-mysite '{}'
    """
    if not options.get("clients"):
        return ""
    if not options.get("password"):
        raise RuntimeError("redis: other nodes are to use it, and there is no password for them")
    named = options.get("user") or user(instance)
    lines = [
        f"# For {', '.join(sorted(set(options['clients'].values())))}",
        f"bind {' '.join(options['listen'])}",
        f"tls-port {_port(instance, options)}",
        f"tls-cert-file {os.path.join(folder, CERTIFICATE)}",
        f"tls-key-file {os.path.join(folder, KEY)}",
        "tls-auth-clients no",
        f"user default on #{_digest(_read(os.path.join(folder, ADMIN)))} ~* &* +@all",
        f"user {named} on #{_digest(options['password'])} ~* &* {RIGHTS}",
    ]
    return "\n".join([*lines, ""])


def make(instance, folder, options, group):
    """
    Have all the files there that the configuration file names, and the rules for addresses; returns ``text``.

    instance, folder, options
        As for ``text``.
    group
        Number of the group that the server runs as.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.make mysite /var/lib/redis-mysite '{}' 998
    """
    wanted = ""
    if not options.get("clients"):
        close(instance, folder)
    else:
        _make(instance, folder, options, group)
        wanted = text(instance, folder, options)
    # Redis can't tell the port from the socket: what comes by the socket needs the password, too, or none at all.
    present = _read(os.path.join(folder, CONFIG))
    if present and LOGIN.findall(present) != LOGIN.findall(wanted):
        path = os.path.join(folder, OUTDATED)
        __salt__["kw_textfile.replace"](path, "services/redis/server.sls sees to it\n")
    return wanted


def _make(instance, folder, options, group):
    """Have all the files there that the configuration file names."""
    if not _read(os.path.join(folder, ADMIN)):
        __salt__["kw_textfile.replace"](os.path.join(folder, ADMIN), secrets.token_hex(32))
    key, certificate = os.path.join(folder, KEY), os.path.join(folder, CERTIFICATE)
    if not os.path.exists(key):
        _make_certificate(instance, f"{key}.new", certificate)
        os.replace(f"{key}.new", key)
    os.chown(key, 0, group)
    os.chmod(key, 0o640)
    __salt__["kw_textfile.replace"](os.path.join(folder, RULES), _rules(instance, options))


def close(instance, folder):
    """
    Remove the rules for addresses, once nobody is to come by the port.

    instance, folder
        As for ``text``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_network.close mysite /var/lib/redis-mysite
    """
    if os.path.exists(os.path.join(folder, RULES)):
        __salt__["kw_process.run"](["nft", "delete", "table", *_table(instance)], check=False)
        os.unlink(os.path.join(folder, RULES))


def _make_certificate(instance, key, certificate):
    """Make a key, and a certificate that nobody else has signed."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "36500", "-subj", f"/CN={instance}"[:64], "-keyout", key, "-out", certificate]
    __salt__["kw_process.run"](words, umask=0o077)
    os.chmod(certificate, 0o644)


def _rules(instance, options):
    """The rules, in a table of the instance's own, beside all others: the server starts with them or not at all."""
    table = " ".join(_table(instance))
    number, rules = _port(instance, options), []
    for address in sorted(set(options["clients"].values())):
        rules.append(f"tcp dport {number} {'ip6' if ':' in address else 'ip'} saddr {address} accept")
    rules.append(f"tcp dport {number} reject with tcp reset")
    chain = "; ".join(["type filter hook input priority filter", "policy accept", *rules])
    return f"table {table}\ndelete table {table}\ntable {table} {{\n chain input {{ {chain}; }}\n}}\n"


def _table(instance):
    return ["inet", f"kraftwerk_redis_{instance.replace('-', '_')}"]


def _port(instance, options):
    return int(options.get("port") or port(instance))


def _digest(password):
    return hashlib.sha256(password.encode()).hexdigest()


def _read(path):
    return __salt__["kw_textfile.content"](path)
