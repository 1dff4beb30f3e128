#!/usr/bin/python3 -I
"""Asks memcached at sockets, or as the site would at the address in MEMCACHED_URL. Written by kraftwerk."""

import os
import socket
import sys


def connect(address):
    """Connect to a path or to HOST:PORT."""
    if address.startswith("/"):
        plug = socket.socket(socket.AF_UNIX)
        plug.settimeout(4)
        plug.connect(address)
        return plug
    host, _, port = address.rpartition(":") if address.rpartition(":")[2].isdigit() else (address, "", 11211)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=4)


for where in sys.argv[1:] or [os.environ["MEMCACHED_URL"].removeprefix("unix:")]:
    try:
        with connect(where) as plug:
            plug.sendall(b"version\r\n")
            if not plug.recv(1000).startswith(b"VERSION"):
                sys.exit(f"memcached at {where} doesn't answer as it should")
    except OSError as error:
        sys.exit(f"memcached at {where}: {error.strerror or error}")
