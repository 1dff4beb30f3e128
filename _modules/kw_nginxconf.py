"""
What nginx is configured to do: its files read as nginx reads them, includes and all, with file and line of each word.
"""

import glob
import os
import platform
import re

__virtualname__ = "kw_nginxconf"
ROOT = "/etc/nginx"
TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>\#[^\n]*)|(?P<end>[;{}])|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<word>(?:\$\{[^}]*\}|\\.|[^\s;{}"'\#\\])(?:\$\{[^}]*\}|\\.|[^\s;{}\\])*)""",
    re.DOTALL,
)


def __virtual__():
    """Load on Linux only. Without nginx there is simply no configuration."""
    if platform.system() != "Linux":
        return False, "kw_nginxconf: nginx is configured on Linux nodes only"
    return __virtualname__


def root():
    """
    The folder of nginx's configuration.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxconf.root
    """
    return ROOT


def directives(name, within=()):
    """
    Every place where a directive stands, in nginx's own order: its arguments, file and line.

    name
        The directive, such as ``user`` or ``include``.
    within
        The blocks around it, such as ``["http"]``. Default: none, the top level.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxconf.directives user
    """
    return [
        {"arguments": each["words"][1:], "file": each["file"], "line": each["line"]}
        for each in _inside(_all(), tuple(within))
        if each["words"][0] == name
    ]


def servers():
    """
    Every server of the http block, in nginx's own order: file, line, what it listens to, and its names.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxconf.servers
    """
    return [_server(each) for each in _inside(_all(), ("http",)) if each["words"] == ["server"]]


def files():
    """
    The paths of all files that nginx reads, those first that are read first; a link by its own path.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginxconf.files
    """
    read = []
    _all(read)
    return list(dict.fromkeys(read))


def _all(read=None):
    path = os.path.join(ROOT, "nginx.conf")
    return _parse(path, [] if read is None else read, ())


def _inside(found, within):
    """The directives inside blocks, looked into by their names."""
    if not within:
        return found
    return [
        inner
        for each in found
        if each["words"][:1] == [within[0]] and each["block"] is not None
        for inner in _inside(each["block"], within[1:])
    ]


def _server(found):
    listens, names = [], []
    for each in found["block"] or ():
        if each["words"][0] == "listen" and each["words"][1:]:
            listens.append({**_listen(each["words"][1:]), "file": each["file"], "line": each["line"]})
        elif each["words"][0] == "server_name":
            names += [{"name": name, "file": each["file"], "line": each["line"]} for name in each["words"][1:]]
    if not listens:  # what nginx takes then
        listens = [{**_listen(["80"]), "file": found["file"], "line": found["line"]}]
    return {"file": found["file"], "line": found["line"], "listens": listens, "names": names}


def _listen(words):
    """Address (``*`` for all of IPv4, ``::`` for all of IPv6) and port, or a socket; and the options that matter."""
    where, options = words[0], words[1:]
    address, port = "*", 80
    if where.startswith("unix:"):
        address, port = where, 0
    elif where.isdigit():
        port = int(where)
    else:
        match = re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::(\d+))?", where)
        if match:
            address, port = match[1].strip("[]"), int(match[2] or 80)
    return {
        "address": "*" if address == "0.0.0.0" else address,  # noqa: S104 - compared, not bound
        "port": port,
        "default": "default_server" in options or "default" in options,
        "both": "ipv6only=off" in options,
    }


def _parse(path, read, above):
    """
    The directives of a file, those of included files in their place.

    above
        The files that include it; one that includes itself is passed over, as is one that can't be read.
    """
    if path in above:
        return []
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError:
        return []
    read.append(path)
    return _block(_tokens(text), path, read, above)


def _block(tokens, path, read, above):
    """The directives up to the end of a block, or of the file."""
    found, words, line = [], [], 0
    for kind, word, number in tokens:
        if kind == "end":
            if word == "}":
                return found
            block = _block(tokens, path, read, above) if word == "{" else None
            if words[:1] == ["include"] and block is None and words[1:]:
                for each in _included(words[1]):
                    found += _parse(each, read, (*above, path))
            if words:
                found.append({"words": words, "file": path, "line": line, "block": block})
            words = []
        else:
            line = line if words else number
            words = [*words, word]
    return found


def _included(pattern):
    """The files that an include means, as nginx sorts them."""
    return sorted(glob.glob(os.path.join(ROOT, pattern), include_hidden=False))


def _tokens(text):
    """Words, and the ends of directives and blocks, each with its line."""
    line, at = 1, 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:  # an open quote: not valid, which nginx itself says better
            return
        kind, word = match.lastgroup, match[0]
        if kind in ("end", "word", "quoted"):
            plain = re.sub(r"\\(.)", r"\1", word[1:-1]) if kind == "quoted" else word
            yield ("end" if kind == "end" else "word"), plain, line
        line, at = line + word.count("\n"), match.end()
