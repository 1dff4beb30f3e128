"""
The files that dumps are made of: what a manifest says of each. For the modules of services.
"""

import hashlib
import os
import platform

__virtualname__ = "kw_member"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_member: instances run on Linux nodes only"
    return __virtualname__


def describe(path):
    """
    Name, size in bytes and sha256 of a file, read in pieces, so that memory stays flat.

    path
        Where the file is on the node. Raises ``OSError`` where it can't be read.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_member.describe /web/mysite/dump/20261120T1012/files/uploads.tar.zst
    """
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(2**20):
            digest.update(piece)
    return {"name": os.path.basename(path), "size": os.path.getsize(path), "sha256": digest.hexdigest()}
