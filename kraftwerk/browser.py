"""The web browser of whoever sits here."""

import os
import sys
import webbrowser


def is_there() -> bool:
    """Tell whether a browser can show a window here, to somebody who reads what we print."""
    graphical = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return graphical and sys.stdout.isatty()


def show(address: str) -> bool:
    """Open an address in the browser; tell whether there is one."""
    return is_there() and webbrowser.open(address)
