#!/usr/bin/python3 -I
"""Asks the PostgreSQL of a site as the site would, at the address in DATABASE_URL. Written by kraftwerk."""

import os
import pwd
import sys
import urllib.parse

# What comes by the environment isn't seen by other users, as the words of a command are.
NAMES = {"username": "PGUSER", "password": "PGPASSWORD", "hostname": "PGHOST", "port": "PGPORT"}
QUERY = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "host", "port", "user", "password")


def main():
    """Become psql, with the address in its environment."""
    address = os.environ["DATABASE_URL"]
    url = urllib.parse.urlsplit(address)
    said = {variable: getattr(url, name) for name, variable in NAMES.items()}
    said["PGHOST"] = url.netloc.rpartition("@")[2].rsplit(":", 1)[0] if "%" in url.netloc else said["PGHOST"]
    said["PGDATABASE"] = url.path.removeprefix("/")
    said = {name: urllib.parse.unquote(str(value)) for name, value in said.items() if value}
    said.update({f"PG{key.upper()}": value for key, value in urllib.parse.parse_qsl(url.query) if key in QUERY})
    home = pwd.getpwuid(os.getuid()).pw_dir  # where libpq looks for keys; root's own can't be read
    os.environ.update({"PGCONNECT_TIMEOUT": "4", "HOME": home, **said})
    try:
        os.execvp("psql", ["psql", "-XqAt", "-o", "/dev/null", "-c", "SELECT 1"])  # noqa: S606 - argv, no shell
    except OSError as error:
        sys.exit(f"psql: {error.strerror}")


main()
