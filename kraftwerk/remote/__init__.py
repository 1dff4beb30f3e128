"""Shell scripts that run on a node: POSIX sh, fed over stdin; each is a `main` that is called on the last line.

A shell reads its script from stdin as it goes. So the whole of it stands in a function: a connection that breaks in
the middle of the text runs nothing, and one that breaks later doesn't stop what has begun.
"""

from kraftwerk.paths import PACKAGE


def script(name: str) -> str:
    """Return the text of a script, for `Connection.script`."""
    return (PACKAGE / "remote" / f"{name}.sh").read_text()
