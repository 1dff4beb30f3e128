"""Maintenance: visitors get a page with status 503 for as long as somebody wants it; all else of the site goes on."""

import shlex
from html import escape
from pathlib import Path

from kraftwerk.errors import KraftwerkError, unreadable
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection

FILE = "maintenance.html"  # the project's own page
MESSAGE = "{{ message }}"  # where the words stand in it
USUAL = "This site is being worked on. Please try again in a few minutes."
LARGEST = 96_000  # bytes
PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Back soon</title><body style="font: 1.2em sans-serif; max-width: 30em; margin: 20vh auto; padding: 0 1em">
<h1>Back soon</h1><p>{MESSAGE}</p></body></html>
"""


def page(root: Path | None = None, message: str = "") -> str:
    """Return the page that visitors get: the project's own, else ours, with the words where it wants them.

    Raises:
        KraftwerkError: the project's own can't be read or is too large (code 2).
    """
    own = root / FILE if root else None
    try:
        text = own.read_text() if own and own.exists() else PAGE
    except (OSError, UnicodeError) as error:
        raise KraftwerkError(unreadable(str(own), error), code=2) from error
    if len(text.encode()) > LARGEST:
        raise KraftwerkError(f"{own} is larger than {LARGEST // 1000} kB", next_command="a smaller page", code=2)
    return text.replace(MESSAGE, escape(message or USUAL))


def on(connection: Connection, instance: Instance, text: str, message: str = "") -> None:
    """Have nginx answer a page to visitors, from now on and over reboots and deploys.

    Args:
        text: the page.
        message: for those who look at the site's status.

    Raises:
        KraftwerkError: the site isn't deployed, or its nginx was set up by an older kraftwerk.
    """
    _tell(connection, instance, "on", f"page={shlex.quote(text)}\nmessage={shlex.quote(message)}\n")


def off(connection: Connection, instance: Instance) -> None:
    """Let visitors in again; nothing when they were never kept out."""
    _tell(connection, instance, "off")


def _tell(connection: Connection, instance: Instance, word: str, given: str = "") -> None:
    text = given + script("maintenance")
    done = connection.script(text, instance.name, instance.domains[0], word, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "maintenance failed"
        raise KraftwerkError(said, next_command=f"kraftwerk highstate {connection.node.name}")
