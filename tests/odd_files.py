"""Files of every kind that a file system knows, and what tells two folders of them apart.

Also a program for nodes: `odd_files.py make FOLDER`, `odd_files.py describe FOLDER`.
"""

import contextlib
import hashlib
import os
import stat
import sys

NAMES = (b"bad \xff\xfe", b"-rf", b" lead", b"back\\slash", b"n" * 255, b"*", b"./x", b'quo"te', b"new\nline")
MANY = 2000


def make(folder):
    """Make files of every kind in a folder: odd names and modes, old times, holes, links, attributes."""
    folder = os.fsencode(folder)
    for name in NAMES:
        _write(os.path.join(folder, name), name)
    _make_sparse(os.path.join(folder, b"sparse"))
    os.makedirs(os.path.join(folder, b"a folder", b"below"))
    os.mkdir(os.path.join(folder, b"empty"))
    old = os.path.join(folder, b"a folder", "ä 'b'.txt".encode())
    _write(old, b"old")
    with contextlib.suppress(OSError):  # some file systems know no attributes
        os.setxattr(old, "user.origin", b"camera\x00\xff")
    os.link(old, os.path.join(folder, b"hard"))
    os.chmod(old, 0o6755)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    for name, target in ((b"soft", b"a folder"), (b"absolute", b"/etc/hostname"), (b"dangling", b"nowhere/at/all")):
        os.symlink(target, os.path.join(folder, name))
    _write(os.path.join(folder, b"private"), b"p")
    os.chmod(os.path.join(folder, b"private"), 0o600)


def _make_sparse(path):
    _write(path, b"start")
    with open(path, "r+b") as stream:
        stream.truncate(5_000_000)
        stream.seek(0, os.SEEK_END)
        stream.write(b"end")
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))


def make_many(folder, count=MANY):
    """Make many small files, a hundred to a folder."""
    for number in range(count):
        path = os.path.join(folder, "many", f"{number // 100:04}", f"{number:06}.txt")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, b"%d\n" % number * (number % 50))


def _write(path, content):
    with open(path, "wb") as stream:
        stream.write(content)


def describe(folder):
    """Return all that is to come through, by path: kind, mode, time, links, bytes, holes and attributes.

    Rights that come from setuid and setgid bits are no part of it: a load takes them away.
    """
    top, found = os.fsencode(folder), {}
    for parent, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            about = [oct(status.st_mode & ~0o6000), status.st_mtime_ns]
            if stat.S_ISLNK(status.st_mode):
                about.append(os.readlink(path))
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    digest = hashlib.sha256(stream.read()).hexdigest()
                attributes = [(key, os.getxattr(path, key)) for key in os.listxattr(path) if key.startswith("user.")]
                about += [status.st_nlink, status.st_size, status.st_blocks, digest, sorted(attributes)]
            found[os.path.relpath(path, top)] = about
    return found


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
        make_many(sys.argv[2])
    else:
        for name, about in sorted(describe(sys.argv[2]).items()):
            print(name, *about)
