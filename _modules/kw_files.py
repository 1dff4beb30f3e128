"""
The service files: what users of a site upload, in one folder per instance that nginx serves.

Every function takes the instance's name. Errors of tar and zstd are raised as ``RuntimeError`` with their last words.
"""

import contextlib
import ctypes
import glob
import grp
import os
import platform
import pwd
import secrets
import shutil

__virtualname__ = "kw_files"
MEMBER = "uploads.tar.zst"
ROOT = "/web"
# pax: times to the nanosecond. Attributes: those that users set. What the index says of a member comes on one line.
CREATE = ["tar", "--create", "--file=-", "--format=pax", "--pax-option=delete=atime,delete=ctime", "--sparse"]
CREATE += ["--xattrs", "--xattrs-include=user.*", "--numeric-owner", "-vv", "--quoting-style=escape"]
CREATE += ["--blocking-factor=128"]  # larger writes into the pipe: half of tar's work
# Modes as they were, but for those that lend rights: with umask 0 that is what this means.
EXTRACT = ["tar", "--extract", "--file=-", "--no-same-permissions", "--no-same-owner", "--xattrs"]
EXTRACT += ["--xattrs-include=user.*"]
SERVED_BY = "www-data"
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of fcntl.h and linux/fs.h


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
    return _environ(_folder(instance))


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


def inspect(instance, detail=False):
    """
    What is uploaded now: version of the archiver, size in bytes, and counts of files and their bytes.

    instance
        Name of the instance.
    detail
        Also the largest folders, as ``detail: {"folders": [{"name", "count" of files, "size" in bytes}, …]}``; what
        lies in no folder is under ``.``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.inspect mysite detail=true
    """
    tally = __salt__["kw_filetree.tally"](_folder(instance))
    found = {"version": _version(), "size": tally["counts"]["bytes"], "counts": tally["counts"]}
    if detail:
        counts, sizes = ({name: pair[at] for name, pair in tally["folders"].items()} for at in (0, 1))
        found["detail"] = {"folders": __salt__["kw_look.largest"](counts, sizes)}
    return found


def dump(instance, target):
    """
    Archive the uploads. What is counted is what the archive holds, told by tar as it writes it.

    instance
        Name of the instance.
    target
        Folder on the node for the member file, or the stream of an archive.

    Returns ``version``, ``members``, ``counts`` and ``consistency``, which also says what is left out. Raises
    ``RuntimeError`` where tar fails.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.dump mysite /web/mysite/dump/20261120T1012
    """
    folder = _healed(instance)
    with __salt__["kw_member.writing"](target, MEMBER) as member, __salt__["kw_filetree.index"]() as index:
        options = [f"--index-file=/dev/fd/{index.descriptor}", f"--directory={folder}"]
        # 1: a file changed or went while it was read, which is what uploads do.
        said = member.run([*CREATE, *options, "."], accepted=(0, 1), pass_fds=[index.descriptor], filter="zstd")
    left_out = index.others + said.count(": socket ignored")
    consistency = "each file as it was read" + (f"; {left_out} that are no files are left out" if left_out else "")
    return {"version": _version(), "members": [member.describe()], "counts": index.counts, "consistency": consistency}


def prepare(instance, source, token):
    """
    Unpack archived uploads beside the present ones. What loads before this one left is removed.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member file.
    token
        Names this load: 8 to 16 letters and digits.

    Returns ``counts`` and ``environ``, the variables that address what was unpacked. Raises ``RuntimeError`` where tar
    fails or a member would lie outside.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.prepare mysite /web/mysite/dump/20261120T1012/files abcd1234
    """
    folder = _healed(instance)
    if os.path.ismount(folder):
        raise RuntimeError(
            f"{folder} is a mount point, which can't be swapped: mount it elsewhere and link to a folder in it"
        )
    discard(instance, token)
    new = _beside(folder, token)
    part = f"{new}.part"
    owner, group = pwd.getpwnam(_user(instance)), grp.getgrnam(SERVED_BY).gr_gid
    os.mkdir(part, 0o700)
    try:
        os.chown(part, owner.pw_uid, group)
        os.chmod(part, 0o2700)  # what is made in it has its group
        # As the instance's own user: an archive can do no more than a visitor of the site could, and all has its owner.
        identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        with __salt__["kw_member.reading"](source, MEMBER) as pipe:
            __salt__["kw_process.run"](EXTRACT, stdin=pipe, cwd=part, umask=0, **identity)
        counts = __salt__["kw_filetree.settle"](part)
        os.symlink(str(os.stat(part).st_ino), f"{new}.inode")
        os.rename(part, new)
    except BaseException:
        _remove(part)
        raise
    return {"counts": counts, "environ": _environ(new)}


def activate(instance, token):
    """
    Put what was prepared in the place of the present uploads, which stay aside until ``discard``. The two folders swap
    names in one step where the file system can (``renameat2``): at no moment is there none.

    instance
        Name of the instance.
    token
        The load's.

    Returns whether it was done now: a second call has nothing to do. Raises ``RuntimeError`` where nothing is prepared.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.activate mysite abcd1234
    """
    folder = _folder(instance)
    new = _beside(folder, token)
    if not os.path.isdir(new):
        if os.path.isdir(f"{new}.old") and os.path.isdir(folder):
            return False
        raise RuntimeError(f"no load {token} is prepared")
    swapped = False
    if os.path.isdir(folder):
        # After a kill the old folder may have the new one's name already: the inode tells them apart.
        swapped = str(os.stat(folder).st_ino) == os.readlink(f"{new}.inode") or _swap(new, folder)
        os.rename(new if swapped else folder, f"{new}.old")
    if not swapped:
        os.rename(new, folder)
    return True


def discard(instance, token):
    """
    Remove what loads made or replaced: all but the present uploads.

    instance
        Name of the instance.
    token
        The load's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_files.discard mysite abcd1234
    """
    folder = _healed(instance)
    for leftover in (_beside(folder, token), *glob.glob(f"{glob.escape(folder)}.kw.*")):
        _remove(leftover)


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
    token = secrets.token_hex(4)
    try:
        counts = prepare(instance, source, token)["counts"]
        activate(instance, token)
    finally:
        discard(instance, token)
    return counts


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
    __salt__["kw_service.check_part"](what, ("tables", "database", "owner"))
    folder = _healed(instance)
    if what == "owner" or not os.path.isdir(folder):
        return False
    found = [folder] if what == "database" else [entry.path for entry in os.scandir(folder)]
    for path in found:
        __salt__["kw_filetree.remove"](path)
    return bool(found)


def _healed(instance):
    """The folder of uploads; when a load was killed between its two renames the old one comes back."""
    folder = _folder(instance)
    if not os.path.isdir(folder):
        for old in glob.glob(f"{glob.escape(folder)}.kw.*.old"):
            os.rename(old, folder)
            break
    return folder


def _swap(one, other):
    """Have two folders swap their names at once; returns whether the file system can."""
    paths = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    return ctypes.CDLL(None).renameat2(*paths, RENAME_EXCHANGE) == 0


def _remove(folder):
    """Remove what a load has left; one that goes on may still write there."""
    with contextlib.suppress(RuntimeError):
        __salt__["kw_filetree.remove"](folder)


def _beside(folder, token):
    """Where a load unpacks: on the same file system, so that a rename puts it in its place."""
    return f"{folder}.kw.{__salt__['kw_name.token'](token)}"


def _environ(folder):
    return {"UPLOADS_PATH": folder, "MEDIA_ROOT": folder, "MEDIA_URL": "/uploads/"}


def _version():
    """The archiver's version, such as ``tar 1.34``."""
    return "tar " + __salt__["kw_process.run"](["tar", "--version"]).splitlines()[0].split()[-1]


def _folder(instance):
    """Where uploads are; a link may lead to a larger disk."""
    return os.path.realpath(os.path.join(ROOT, __salt__["kw_name.plain"](instance), "uploads"))


def _user(instance):
    """The system user that the instance runs as."""
    return f"web-{instance}"
