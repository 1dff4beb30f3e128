"""
Small files on a node: read, and replaced at once, so that nobody ever sees half of one.
"""

import contextlib
import os
import platform

__virtualname__ = "kw_textfile"


def __virtual__():
    """Load on Linux only, as the modules that use it."""
    if platform.system() != "Linux":
        return False, "kw_textfile: instances run on Linux nodes only"
    return __virtualname__


def content(path):
    """
    The text of a file; empty where there is none.

    path
        Where it is. Raises ``OSError`` where it can't be read.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_textfile.content /etc/hostname
    """
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def replace(path, text, mode=0o600, owner=None):
    """
    Write a file anew, whole or not at all, readable at no moment by more than it shall be; on the disk when it returns.

    path
        Where it is. Its folder is made, for root alone, if it isn't there.
    text
        What it shall say: text or bytes.
    mode
        Its permissions. Default: ``0o600``.
    owner
        Numbers of its user and group. Default: who runs this.

    Raises ``OSError`` where it can't be written; the old file is there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_textfile.replace /root/note 'a few words'
    """
    temporary = f"{path}.new"
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of one who was killed; or a link that somebody laid there
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(text if isinstance(text, bytes) else text.encode())
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        stream.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
