"""
Programs that the modules run on a node: as whom, to their end, and what they said when they failed.
"""

import os
import platform
import pwd
import subprocess

__virtualname__ = "kw_process"


def __virtual__():
    """Load on Linux only, as the modules that use it."""
    if platform.system() != "Linux":
        return False, "kw_process: instances run on Linux nodes only"
    return __virtualname__


def identity(user, without=()):
    """
    How to start a program as a system user, in a folder and with a home that it may enter: for ``subprocess.Popen``.

    user
        Name of the user; other groups than its own stay behind.
    without
        Beginnings of names of variables that stay behind, too. Default: none.

    Raises ``RuntimeError`` where there is no such user.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_process.identity web-mysite without='[PG]'
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise RuntimeError(f"there is no user {user} on this node") from error
    kept = {key: value for key, value in os.environ.items() if not key.startswith(tuple(without))}
    environment = {**kept, "HOME": entry.pw_dir, "LC_ALL": "C.UTF-8"}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/", "env": environment}


def run(command, check=True, **options):
    """
    Run a program to its end, and return what it printed as text.

    command
        List of words.
    check
        Raise ``RuntimeError`` with its last words where it fails. Default: ``True``.

    More options are those of ``subprocess.run``: ``input`` (bytes) or ``stdin`` (nothing by default), ``cwd``, and what
    ``identity`` returns. Raises ``RuntimeError`` where it isn't installed.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_process.run '[tar, --version]'
    """
    streams = {} if "input" in options else {"stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(command, capture_output=True, check=False, **{**streams, **options})
    except FileNotFoundError as error:
        raise RuntimeError(missing(command[0])) from error
    if check and done.returncode:
        raise RuntimeError(failure(command[0], done.stderr.decode(errors="replace").splitlines()[-3:]))
    return done.stdout.decode(errors="replace")


def missing(program):
    """
    What is said of a program that isn't there.

    program
        Its name.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_process.missing psql
    """
    return f"{program} isn't installed on this node"


def failure(program, lines):
    """
    What is said of a program that failed, short enough for one message.

    program
        Its name.
    lines
        Those of its lines that tell why.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_process.failure tar '["tar: x: Cannot open"]'
    """
    words = [line.strip().removeprefix(f"{program}: ") for line in lines if line.strip()]
    return f"{program}: {' / '.join(words) or 'failed without a word'}"
