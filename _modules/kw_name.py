"""
Names that come from elsewhere and become parts of paths, or of databases' names: words that lead nowhere else.
"""

import platform
import re

__virtualname__ = "kw_name"
TOKEN = re.compile(r"[a-z0-9]{8,16}")


def __virtual__():
    """Load on Linux only, as the modules that use it."""
    if platform.system() != "Linux":
        return False, "kw_name: instances run on Linux nodes only"
    return __virtualname__


def plain(word):
    """
    A name, such as an instance's, once it is seen to be a plain one.

    word
        The name. Raises ``ValueError`` for anything but letters, digits and dashes.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_name.plain mysite
    """
    if not word.replace("-", "").isalnum():
        raise ValueError(f"{word!r} is not a plain name: letters, digits and dashes")
    return word


def token(word):
    """
    The name of a load, once it is seen to be one.

    word
        The name. Raises ``ValueError`` for anything but 8 to 16 small letters and digits.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_name.token abcd1234
    """
    if not TOKEN.fullmatch(word):
        raise ValueError(f"{word!r}: a token is 8 to 16 small letters and digits")
    return word
