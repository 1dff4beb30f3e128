"""One-off commands on a node: which words run them, as whom, and with what around them."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from kraftwerk import argv, leash
from kraftwerk.instance import Instance
from kraftwerk.transport import Connection

PROJECT, WEB, ROOT = "project", "web", "root"


def words(instance: Instance, command: Sequence[str], user: str = PROJECT) -> list[str]:
    """Return the words that run a command for an instance.

    Args:
        command: the program and its arguments; they arrive as they are.
        user: project runs it as the instance's own user with its environment, in the live release; web as the owner of
            the code, there, without secrets; root plainly on the node.
    """
    if user == ROOT:
        return list(command)
    if user == WEB:
        release = f"{instance.root}/current"
        path = f"{release}/venv/bin:/usr/local/bin:/usr/bin:/bin"
        inside = ["env", "-C", f"{release}/{instance.src}", "HOME=/web", f"PATH={path}", f"VIRTUAL_ENV={release}/venv"]
        return argv.as_user("web", [*inside, *command])
    return argv.as_user(instance.user, [f"{instance.root}/exec", *command])


def shell(instance: Instance, user: str = PROJECT) -> list[str]:
    """Return the words of an interactive shell; its prompt says where one is."""
    prompt = f"({instance.name}) \\u@\\h:\\w\\$ "
    return words(instance, ["env", f"PS1={prompt}", "HISTFILE=", "bash", "--norc", "--noprofile"], user)


def become(connection: Connection, command: Sequence[str]) -> NoReturn:
    """Become a command on the node, with our terminal where there is one, else with our stdin and stdout."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    connection.interactive(command if terminal else leash.words(command))
