"""
What stands in the way of a site in an nginx that its owner has set up: each with the file and the line.
"""

import fnmatch
import os
import platform
import re
import subprocess

__virtualname__ = "kw_nginxclash"
PORT = 80
ANY = ("*", "::")  # the addresses that a site of ours listens to
NGINX_USER = "www-data"  # whom the sockets and files of sites are open to
EMERGENCY = re.compile(r"\[emerg\] (?:\d+#\d+: )?(.+)")  # what stands in its log comes to the terminal, too
LISTENING = "0A"  # as /proc/net/tcp says it


def __virtual__():
    """Load on Linux only. Without nginx nothing of it can be in the way."""
    if platform.system() != "Linux":
        return False, "kw_nginxclash: nginx serves sites on Linux nodes only"
    return __virtualname__


def find(name, domains, default_server=False, replaces=()):
    """
    What is in the way of a site: a list, empty when nothing is. Nothing is changed by it.

    Each has ``kind`` (invalid, port, layout, user, file, server_name, default_server, address), ``text``, ``where``
    (file:line, where there is one), ``moves`` (the path below /etc/nginx that could stand aside for the site, else
    empty) and ``others`` (names that would not be served either, then).

    name
        The instance.
    domains
        Its names, aliases included.
    default_server
        Whether it shall answer for names that no site has. Default: False.
    replaces
        Paths below /etc/nginx that stand aside for it already, or shall. Default: none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxclash.find mysite '["www.example.com"]'
    """
    found = _foreign_programs()
    if not __salt__["kw_nginxconf.files"]():
        return found
    if words := invalid():
        found.append(_clash("invalid", f"nginx's configuration is not valid: {words}", _place(words)))
    found += [*_layout(), *_user(), *_files(name, replaces)]
    return found + _servers(name, set(domains), default_server, replaces)


def invalid():
    """
    What ``nginx -t`` has against the configuration; empty when nothing, or when nginx isn't installed.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxclash.invalid
    """
    try:
        tested = subprocess.run(["nginx", "-t", "-q"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    if tested.returncode == 0:
        return ""
    lines = [line.strip() for line in tested.stderr.splitlines() if line.strip()]
    said = [match[1] for match in map(EMERGENCY.search, lines) if match] or lines
    return said[0] if said else "nginx -t failed without a word"


def link(name, default_server=False):
    """
    The path in sites-enabled for a site's link: one that nginx includes, and, where another site answers for all
    names just by standing first, one that leaves it first. Empty where nginx includes nothing from there.

    name
        The instance.
    default_server
        Whether it shall be first. Default: False.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxclash.link mysite
    """
    enabled = os.path.join(_root(), "sites-enabled")
    patterns = [
        os.path.join(_root(), word)
        for each in __salt__["kw_nginxconf.directives"]("include", ["http"])
        for word in each["arguments"]
    ]
    names = [name, f"{name}.conf", f"zz-{name}", f"zz-{name}.conf"]
    paths = [os.path.join(enabled, each) for each in names]
    included = [path for path in paths if any(fnmatch.fnmatch(path, pattern) for pattern in patterns)]
    first = "" if default_server else _first(enabled)
    behind = [path for path in included if not first or path > first]
    return (behind or included or [""])[0]


def _first(enabled):
    """The file in sites-enabled that answers for all names just by standing first; empty where it isn't so."""
    for address in ANY:
        all_there = [
            (each["file"], listen["default"])
            for each in __salt__["kw_nginxconf.servers"]()
            for listen in each["listens"]
            if (listen["address"], listen["port"]) == (address, PORT)
        ]
        if all_there and not any(default for _, default in all_there) and os.path.dirname(all_there[0][0]) == enabled:
            return all_there[0][0]
    return ""


def _layout():
    if link("kraftwerk"):
        return []
    text = "nginx.conf doesn't include sites-enabled: add `include /etc/nginx/sites-enabled/*;` to its http block"
    return [_clash("layout", text, f"{_root()}/nginx.conf:1")]


def _user():
    found = __salt__["kw_nginxconf.directives"]("user")
    if not found or found[0]["arguments"][:1] == [NGINX_USER]:
        return []
    text = f"nginx runs as {' '.join(found[0]['arguments'])}; sites of kraftwerk are open to {NGINX_USER} only"
    return [_clash("user", text, _at(found[0]))]


def _files(name, replaces):
    """Files of the owner where the site's own would be."""
    if __salt__["kw_nginx.known"](name):
        return []
    found = []
    for path in (f"sites-available/{name}", f"sites-enabled/{name}"):
        if path not in replaces and os.path.lexists(os.path.join(_root(), path)):
            text = f"{_root()}/{path} is there already, and not kraftwerk's"
            found.append(_clash("file", text, f"{_root()}/{path}", path))
    return found


def _servers(name, domains, default_server, replaces):
    ours = {os.path.join(_root(), path) for path in replaces}
    ours |= set(__salt__["kw_nginx.paths"](name)) | {os.path.join(_root(), "kraftwerk", f"{name}.conf")}
    return [
        clash
        for server in __salt__["kw_nginxconf.servers"]()
        if server["file"] not in ours
        for clash in _server(server, domains, default_server)
    ]


def _server(server, domains, default_server):
    """What one server of the owner's has against a site."""
    found, names = [], [each["name"] for each in server["names"]]
    listens = [listen for listen in server["listens"] if listen["port"] == PORT]
    general = [listen for listen in listens if listen["address"] in ANY]
    moves = _movable(server["file"])
    for each in server["names"] if general else ():
        if each["name"].lower().removeprefix(".") in domains:  # .a.test is a.test, and *.a.test, which gives way
            others = [other for other in names if other != each["name"]]
            text = f"{each['name']} is served already: nginx would pass over one of the two"
            found.append(_clash("server_name", text, _at(each), moves, others))
    for listen in listens:
        if listen["address"] in ANY and listen["default"] and default_server:
            text = "another site answers for all names that no site has (default_server)"
            found.append(_clash("default_server", text, _at(listen), moves, names))
            break
    for listen in listens:
        if listen["both"]:
            text = f"[::]:{PORT} with ipv6only=off takes port {PORT} of IPv4 for itself, which the site listens to"
            found.append(_clash("port", text, _at(listen)))
        elif listen["address"] not in ANY and not listen["address"].startswith(("127.", "::1")):
            text = f"requests at {listen['address']} go to servers that name this address; not to the site"
            found.append(_clash("address", text, _at(listen)))
    return found


def _movable(path):
    """The path below /etc/nginx of a file that can stand aside as a whole."""
    relative = os.path.relpath(path, _root())
    return relative if os.path.dirname(relative) in ("sites-enabled", "conf.d") else ""


def _foreign_programs():
    """Programs other than nginx that listen to the port."""
    sockets = _sockets()
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")) if sockets else ():
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{each}") for each in os.listdir(f"/proc/{pid}/fd")]
            with open(f"/proc/{pid}/comm", encoding="utf-8") as stream:
                program = stream.read().strip()
        except OSError:
            continue
        if sockets & set(links) and program != "nginx":
            found.setdefault(program, pid)
    return [_clash("port", f"{program} (process {pid}) has port {PORT}", "") for program, pid in found.items()]


def _sockets():
    """The sockets of all of this computer's addresses that listen to the port, as /proc/PID/fd shows them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as stream:
                rows = [line.split() for line in stream][1:]
        except OSError:
            continue
        found |= {f"socket:[{row[9]}]" for row in rows if row[3] == LISTENING and row[1].endswith(f":{PORT:04X}")}
    return found


def _clash(kind, text, where, moves="", others=()):
    return {"kind": kind, "text": text, "where": where, "moves": moves, "others": list(others)}


def _at(found):
    return f"{found['file']}:{found['line']}"


def _place(words):
    """The file and line that nginx names at the end of what it says."""
    match = re.search(r" in (\S+:\d+)$", words)
    return match[1] if match else ""


def _root():
    return __salt__["kw_nginxconf.root"]()
