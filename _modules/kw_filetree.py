"""
What lies below a folder, and in an archive that tar writes of it: counted, and made fit. For kw_files.
"""

import contextlib
import os
import platform
import re
import stat
import subprocess
import threading

__virtualname__ = "kw_filetree"
# What tar tells of a member: its kind, who owns it, its size.
LINE = re.compile(rb"([-hpcb])\S{9}\S* +\S+ +(\d+|\d+,\d+) ")
# Whoever owns what is walked through may put links in its place meanwhile: none is followed.
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def __virtual__():
    """Load on Linux only, as kw_files does."""
    if platform.system() != "Linux":
        return False, "kw_filetree: instances run on Linux nodes only"
    return __virtualname__


def tally(folder):
    """
    Count what lies below a folder.

    folder
        Its path. One that doesn't exist is empty.

    Returns ``counts`` (``files`` and their ``bytes``) and ``folders``, the same by folder of the first level as
    ``[files, bytes]``; what lies in no folder is under ``.``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_filetree.tally /web/mysite/uploads
    """
    found = _Tally()
    for above, status, _, _ in _walk(folder):
        found.add(above, status)
    return {"counts": found.counts, "folders": found.folders}


def settle(folder):
    """
    Make unpacked files fit to be served: folders hand their group on to new files, nothing runs with another's rights.

    What is neither file, folder nor link is removed.

    folder
        Its path.

    Returns the counts, as ``tally`` does.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_filetree.settle /web/mysite/uploads.kw.abcd1234.part
    """
    found = _Tally()
    owner = os.lstat(folder).st_uid
    for above, status, name, descriptor in _walk(folder):
        kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            os.unlink(name, dir_fd=descriptor)
            continue
        wanted = mode & 0o777 | (0o2000 if kind == stat.S_IFDIR else 0)
        if kind != stat.S_IFLNK and wanted != mode:
            _change(name, descriptor, FOLDER if kind == stat.S_IFDIR else FILE, owner, wanted)
        found.add(above, status)
    os.chmod(folder, 0o2750)  # noqa: S103 - nginx reads through the group
    return found.counts


def remove(path):
    """
    Remove a folder with all in it, however deep; does nothing where there is none. No link is followed.

    path
        Its path. Raises ``RuntimeError`` where something of it stays.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_filetree.remove /web/mysite/uploads.kw.abcd1234
    """
    done = subprocess.run(["rm", "--recursive", "--force", "--", path], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip().splitlines()[-1])


def index():
    """
    Count the members of an archive while tar writes it, for ``with``. Not for the command line.

    Yields an object with ``descriptor``, for tar's ``--index-file=/dev/fd/…`` with ``-vv`` and names escaped; after the
    body with ``counts``, and ``others``, the number of members that are neither file, folder nor link.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_filetree.index
    """
    return _Index()


def _walk(folder):
    """Each entry below a folder: what lies above it, its status, its name, and the open folder that it is in.

    What goes away meanwhile is left out. Folders are opened from the first one on, each in the one before.
    """
    pending = [()]
    while pending:
        above = pending.pop()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), _opened(folder, above) as descriptor:
            for entry in os.scandir(descriptor):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield above, status, entry.name, descriptor
                    if stat.S_ISDIR(status.st_mode):
                        pending.append((*above, entry.name))


@contextlib.contextmanager
def _opened(folder, names):
    """A folder below another one, open."""
    descriptor = os.open(folder, FOLDER)
    try:
        for name in names:
            above, descriptor = descriptor, os.open(name, FOLDER, dir_fd=descriptor)
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def _change(name, descriptor, flags, owner, mode):
    """Give an entry of an open folder a mode, if it is still what it was, and its owner's."""
    with contextlib.suppress(OSError):
        found = os.open(name, flags, dir_fd=descriptor)
        try:
            if os.fstat(found).st_uid == owner:
                os.fchmod(found, mode)
        finally:
            os.close(found)


class _Tally:
    """Counts files and their bytes, all together and by folder of the first level."""

    def __init__(self):
        self.seen = set()
        self.counts, self.folders = {"files": 0, "bytes": 0}, {}

    def add(self, above, status):
        """Count an entry below some folders. A second hard link brings no bytes, in an archive neither."""
        if not stat.S_ISREG(status.st_mode):
            return
        size = 0 if status.st_ino in self.seen else status.st_size
        if status.st_nlink > 1:
            self.seen.add(status.st_ino)
        one = self.folders.setdefault(above[0] if above else ".", [0, 0])
        one[0] += 1
        one[1] += size
        self.counts["files"] += 1
        self.counts["bytes"] += size


class _Index:
    """What tar tells of each member while it writes an archive, counted as it comes: memory stays flat."""

    def __enter__(self):
        self.counts, self.others = {"files": 0, "bytes": 0}, 0
        read, self.descriptor = os.pipe()
        self.thread = threading.Thread(target=self._count, args=[read])
        self.thread.start()
        return self

    def _count(self, read):
        with open(read, "rb") as lines:
            for line in lines:
                match = LINE.match(line)
                if match and match[1] in b"-h":
                    self.counts["files"] += 1
                    self.counts["bytes"] += int(match[2]) if match[1] == b"-" else 0
                elif match:
                    self.others += 1

    def __exit__(self, *exception):
        os.close(self.descriptor)
        self.thread.join()
