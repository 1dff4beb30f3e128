"""Runs on a node, as an argument of python3: becomes the client program of a service.

console.py FILE [ARGUMENT…]

FILE says how, as kw_look.console wrote it; it may hold a password, and is removed before anything else.
"""

import json
import os
import pwd
import sys

# What was typed may hold people's data, and the users that run sites have no home of their own to keep it in.
HISTORIES = ("PSQL_HISTORY", "MYSQL_HISTFILE", "REDISCLI_HISTFILE", "SQLITE_HISTORY")


def main(path: str, *arguments: str) -> None:
    """Read how, become the user, and become the program."""
    with open(path, encoding="utf-8") as file:
        os.unlink(path)
        how = json.load(file)
    environ = {"TERM": os.environ.get("TERM", "dumb")}
    environ |= dict.fromkeys(HISTORIES, "/dev/null")
    environ |= {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", **(how.get("environ") or {})}
    user = pwd.getpwnam(how.get("user") or "root")
    os.chdir("/")
    environ.setdefault("HOME", user.pw_dir)
    if user.pw_uid:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    argv = [*how["argv"], *arguments]
    try:
        os.execvpe(argv[0], argv, environ)  # noqa: S606 - an argv list, no shell
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(*sys.argv[1:])
