#!/usr/bin/python3 -I
"""Asks the redis of a site as the site would, at the address in REDIS_URL. Written by kraftwerk."""

import os
import socket
import ssl
import sys
import urllib.parse

PLAIN = ("none", "cert_none", "optional", "cert_optional")


def connect(url, query):
    """Connect as the address says."""
    if url.scheme == "unix":
        plug = socket.socket(socket.AF_UNIX)
        plug.settimeout(4)
        plug.connect(urllib.parse.unquote(url.path))
        return plug
    plug = socket.create_connection((url.hostname or "localhost", url.port or 6379), timeout=4)
    if url.scheme == "rediss":
        context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
        if query.get("ssl_cert_reqs", "").lower() in PLAIN:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plug = context.wrap_socket(plug, server_hostname=url.hostname)
    return plug


def main():
    """Log in, ask, and say what was wrong."""
    url = urllib.parse.urlsplit(os.environ["REDIS_URL"])
    query = dict(urllib.parse.parse_qsl(url.query))
    password = url.password or query.get("password")
    login = ["AUTH", *(urllib.parse.unquote(part) for part in (url.username, password) if part)]
    try:
        with connect(url, query) as plug:
            for group in [login, ["PING"]] if password else [["PING"]]:
                parts = [word.encode() for word in group]
                plug.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
                answer = plug.recv(1000).decode(errors="replace").strip()
                if not answer.startswith("+"):
                    sys.exit(f"redis: {answer[1:] or 'no answer'}")
    except OSError as error:
        sys.exit(f"redis at {url.hostname or url.path}: {error.strerror or error}")


main()
