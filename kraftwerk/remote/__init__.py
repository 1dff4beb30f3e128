"""What runs on a node: shell scripts that are fed over stdin, and programs that are an argument of python3.

A shell reads its script from stdin as it goes. So the whole of each stands in a function `main`, called on its last
line: a connection that breaks in the middle of the text runs nothing, and one that breaks later stops nothing halfway.
"""

from kraftwerk.paths import PACKAGE


def script(name: str) -> str:
    """Return the text of a shell script, for `Connection.script`."""
    return (PACKAGE / "remote" / f"{name}.sh").read_text()


def program(name: str) -> str:
    """Return the text of a Python program that needs nothing but the standard library of Debian's Python."""
    return (PACKAGE / "remote" / f"{name}.py").read_text()
