"""
The service files: what users of a site upload, in one folder per instance that nginx serves.

Every function takes the instance's name. Errors of tar and zstd are raised as ``RuntimeError`` with their last words.
"""

import glob
import grp
import os
import platform
import pwd
import shutil
import stat
import subprocess
import tarfile

__virtualname__ = "kw_files"
MEMBER = "uploads.tar.zst"
ROOT = "/web"
SERVED_BY = "www-data"


def __virtual__():
    """Load on Linux only: files are owned by Linux users and groups."""
    if platform.system() != "Linux":
        return False, "kw_files: instances run on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says about uploads.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.environ mysite
    """
    folder = _folder(instance)
    return {"UPLOADS_PATH": folder, "MEDIA_ROOT": folder, "MEDIA_URL": "/uploads/"}


def health(instance):
    """
    Whether the folder is there and belongs to the instance's user, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.health mysite
    """
    folder = _folder(instance)
    try:
        owner = pwd.getpwuid(os.stat(folder).st_uid).pw_name
    except (OSError, KeyError) as error:
        return {"ok": False, "detail": f"{folder}: {error}"}
    if owner != _user(instance):
        return {"ok": False, "detail": f"{folder} belongs to {owner}, not to {_user(instance)}"}
    return {"ok": True, "detail": f"{shutil.disk_usage(folder).free // 2**20} MB free for uploads"}


def inspect(instance):
    """
    What is uploaded now: version of the archiver, size in bytes, and counts of files and their bytes.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.inspect mysite
    """
    counts, seen = {"files": 0, "bytes": 0}, set()
    for folder, _, names in os.walk(_folder(instance)):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(status.st_mode):
                counts["files"] += 1
                # A second hard link brings no bytes, in an archive neither.
                counts["bytes"] += 0 if status.st_ino in seen else status.st_size
                seen.add(status.st_ino)
    return {"version": _version(), "size": counts["bytes"], "counts": counts}


def dump(instance, target):
    """
    Archive the uploads into a folder on the node. What is counted is what the archive holds.

    instance
        Name of the instance.
    target
        Folder that the member file is written into; it exists.

    Returns ``version``, ``members`` (``name``, ``size`` in bytes, ``sha256``) and ``counts``. Raises ``RuntimeError``
    where tar fails; the half-written member is removed then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.dump mysite /web/mysite/dump/20261120T1012
    """
    _heal(instance)
    path = os.path.join(target, MEMBER)
    command = ["tar", "--create", "--zstd", "--sparse", "--file", path, "--directory", _folder(instance), "."]
    try:
        # 1: a file changed or went while it was read, which is what uploads do.
        _run(command, accepted=(0, 1))
        counts = _counts(path)
    except BaseException:
        if os.path.exists(path):
            os.unlink(path)
        raise
    return {"version": _version(), "members": [__salt__["kw_member.describe"](path)], "counts": counts}


def load(instance, source):
    """
    Replace the uploads by archived ones: they are unpacked beside the old ones, then the folders swap names.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member file.

    Returns the counts of what is there then. Raises ``RuntimeError`` where anything fails; the old files are left then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.load mysite /web/mysite/dump/20261120T1012
    """
    _heal(instance)
    folder = _folder(instance)
    # A load that lost its admin goes on, and must not meet this one's.
    new, old = f"{folder}.load.{os.getpid()}", f"{folder}.old"
    owner, group = pwd.getpwnam(_user(instance)).pw_uid, grp.getgrnam(SERVED_BY).gr_gid
    os.mkdir(new, 0o700)
    try:
        options = ["--same-permissions", "--no-same-owner", "--directory", new]
        _run(["tar", "--extract", "--zstd", "--file", os.path.join(source, MEMBER), *options])
        _own(new, owner, group)
    except BaseException:
        shutil.rmtree(new)
        raise
    if os.path.isdir(folder):
        os.rename(folder, old)
    os.rename(new, folder)
    _heal(instance)
    return inspect(instance)["counts"]


def remnants(instance):
    """
    What is still there of an instance's uploads: ``database``, the word for a service's data, or nothing.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.remnants mysite
    """
    return ["database"] if os.path.isdir(_folder(instance)) else []


def drop(instance, what):
    """
    Delete the uploads of an instance for good.

    instance
        Name of the instance.
    what
        ``tables`` empties the folder, ``database`` removes it; ``owner`` has no meaning here, and does nothing.

    Returns whether there was something. Raises ``ValueError`` for another word.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.drop mysite database
    """
    if what not in ("tables", "database", "owner"):
        raise ValueError(f"{what!r}: what to drop is one of tables, database, owner")
    _heal(instance)
    folder = _folder(instance)
    if what == "owner" or not os.path.isdir(folder):
        return False
    if what == "database":
        shutil.rmtree(folder)
        return True
    entries = list(os.scandir(folder))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    return bool(entries)


def _heal(instance):
    """Clear up after an interrupted load: the old folder comes back if the new one didn't get there."""
    folder = _folder(instance)
    old = f"{folder}.old"
    if os.path.isdir(old) and not os.path.isdir(folder):
        os.rename(old, folder)
    for leftover in (old, *glob.glob(f"{glob.escape(folder)}.load*")):
        if os.path.isdir(leftover):
            shutil.rmtree(leftover, ignore_errors=True)  # a load that goes on may still write there


def _own(folder, owner, group):
    """Give unpacked files to the instance's user and nginx's group; folders hand the group on to new files."""
    for parent, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode & 0o777
            os.chown(path, owner, group, follow_symlinks=False)
            if name in folders and not os.path.islink(path):
                os.chmod(path, mode | 0o2000)
    os.chown(folder, owner, group)  # last: until then only root can come in, and put no link in the way
    os.chmod(folder, 0o2750)  # noqa: S103 - nginx reads through the group


def _counts(path):
    """Files and bytes in an archive, which streams through: memory stays flat."""
    counts = {"files": 0, "bytes": 0}
    command = ["zstd", "--decompress", "--stdout", "--quiet", path]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            if member.isreg() or member.islnk():
                counts["files"] += 1
                counts["bytes"] += member.size
    return counts


def _version():
    """The archiver's version, such as ``tar 1.34``."""
    return "tar " + _run(["tar", "--version"]).splitlines()[0].split()[-1]


def _folder(instance):
    """Where uploads are."""
    if not instance or "/" in instance or instance.startswith("."):
        raise ValueError(f"{instance!r} is not the name of an instance")
    return os.path.join(ROOT, instance, "uploads")


def _user(instance):
    """The system user that the instance runs as."""
    return f"web-{instance}"


def _run(command, accepted=(0,)):
    """Run a program, and return its output."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode not in accepted:
        words = " / ".join(done.stderr.strip().splitlines()[-3:]) or "failed without a word"
        raise RuntimeError(f"{command[0]}: {words.removeprefix(f'{command[0]}: ')}")
    return done.stdout
