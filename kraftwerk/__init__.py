"""kraftwerk: from a Python web project to a live site on your own server."""

__version__ = "0.1.0"
