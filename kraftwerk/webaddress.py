"""Addresses of the web without the password or token that may stand in them."""

import re

OWN = re.compile(r"(https?://)[^/\s'\"]*@")  # up to the last @: there may be one in the password


def bare(text: str, instead: str = "") -> str:
    """Return a text whose addresses tell no password or token: what is recorded, and what is shown.

    Args:
        instead: what stands in place of them.
    """
    return OWN.sub(rf"\g<1>{instead}", text)
