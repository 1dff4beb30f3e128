"""Runs on a node: take wheels into the store as they arrive, each only whole and with the hash that it is stored under.

wheelsland.py FOLDER, with a tar archive of SHA256/FILE on stdin.
"""

import hashlib
import os
import sys
import tarfile

BLOCK = 1 << 20


def land(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    """Write one wheel beside its place, and put it there when its content is what was promised."""
    digest, _, name = member.name.partition("/")
    place = os.path.join(folder, digest)
    part = os.path.join(folder, "." + digest + ".part")
    found = hashlib.sha256()
    source = archive.extractfile(member)
    if source is None:
        sys.exit(member.name + " is no file")
    with source, open(part, "wb") as file:
        for block in iter(lambda: source.read(BLOCK), b""):
            found.update(block)
            file.write(block)
    if found.hexdigest() != digest:
        os.unlink(part)
        sys.exit(name + " arrived with other content than it was recorded with")
    os.makedirs(place, exist_ok=True)
    os.replace(part, os.path.join(place, os.path.basename(name)))


def main() -> None:
    """Take what comes, one after the other."""
    os.umask(0o022)
    os.makedirs(sys.argv[1], exist_ok=True)
    try:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            for member in archive:
                land(archive, member, sys.argv[1])
    except tarfile.TarError as error:
        sys.exit("the wheels broke off on their way: " + str(error))
    except OSError as error:
        sys.exit((error.filename or sys.argv[1]) + ": " + str(error.strerror))


main()
