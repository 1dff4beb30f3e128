"""
The service sqlite: database files of an instance, in a folder of its own, ``/web/<instance>/sqlite``.

Every function takes the instance's name. All that opens a database runs as the instance's own user. Errors of sqlite3
and tar are raised as ``RuntimeError`` with their last words.
"""

import contextlib
import os
import platform
import pwd
import re
import shutil

__virtualname__ = "kw_sqlite"
MEMBER, MAIN = "sqlite.tar.zst", "db.sqlite3"
ROOT = "/web"
SUFFIXES = (".sqlite3", ".sqlite", ".db")
BESIDE = ("-wal", "-shm", "-journal")  # files that a database in use has beside it
TOKEN = re.compile(r"[a-z0-9]{8,16}")
PARTS = ("tables", "database", "owner")


def __virtual__():
    """Load on Linux only: files are owned by Linux users and groups."""
    if platform.system() != "Linux":
        return False, "kw_sqlite: instances run on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says about its database.

    instance
        Name of the instance. ``DATABASE_URL`` is this one unless the instance has a server's database as well.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.environ mysite
    """
    return _environ(instance, _folder(instance))


def health(instance):
    """
    Whether the folder is there and belongs to the instance's user, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.health mysite
    """
    folder = _folder(instance)
    try:
        owner = pwd.getpwuid(os.stat(folder).st_uid).pw_name
        count = len(_file("databases", folder))
    except (OSError, KeyError, RuntimeError) as error:
        return {"ok": False, "detail": f"{folder}: {error}"}
    if owner != _user(instance):
        return {"ok": False, "detail": f"{folder} belongs to {owner}, not to {_user(instance)}"}
    return {"ok": True, "detail": f"{count} databases"}


def inspect(instance, detail=False):
    """
    What is there now: version of the library, size in bytes, and counts of databases, tables and rows.

    instance
        Name of the instance.
    detail
        Also list the largest tables, with their rows and bytes. Default: ``False``.

    Raises ``RuntimeError`` where a database can't be read.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.inspect mysite detail=True
    """
    folder = _folder(instance)
    paths = [os.path.join(folder, name) for name in _file("databases", folder)]
    size = sum(os.path.getsize(path + end) for path in paths for end in ("", "-wal") if os.path.exists(path + end))
    found = {"version": _version(instance), "size": size, "counts": _file("counts", _user(instance), folder)}
    if detail:
        sizes = _file("sizes", _user(instance), folder)
        found["detail"] = {"tables": __salt__["kw_look.largest"](found["counts"]["rows_by_table"], sizes)}
    return found


def dump(instance, target):
    """
    Copy each database as it is at one moment, while it may be written to, check the copy and archive it.

    instance
        Name of the instance.
    target
        Folder on the node that the member is written into, or the stream of an archive.

    Returns ``version``, ``members`` (``name``, ``size`` in bytes, ``sha256``), ``counts`` and ``consistency``. Raises
    ``RuntimeError`` where a database is damaged or can't be read; the half-written member is removed then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.dump mysite /web/mysite/dump/20261120T1012
    """
    _heal(instance)
    folder, copies = _folder(instance), f"{_folder(instance)}.dump.{os.getpid()}"
    _check_room(folder)
    _make(instance, copies)
    try:
        for name in _file("databases", folder):
            _file("copy", _user(instance), os.path.join(folder, name), os.path.join(copies, name))
        counts = _file("counts", _user(instance), copies, check=True)
        with __salt__["kw_member.writing"](target, MEMBER) as member:
            tar = ["tar", "--create", "--directory", copies, "."]
            member.run(tar, user=_user(instance), filter="zstd")
    finally:
        _remove(copies)
    moment = "one moment" if counts["databases"] == 1 else "each database at one moment"
    return {"version": _version(instance), "members": [member.describe()], "counts": counts, "consistency": moment}


def prepare(instance, source, token):
    """
    Unpack dumped databases beside the present ones, which stay as they are, and check them.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member.
    token
        A word for this load: 8 to 16 lower-case letters and digits.

    Returns ``counts`` and the ``environ`` by which the instance's own user reaches what was unpacked. Raises
    ``RuntimeError`` where anything fails; nothing is left of it then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.prepare mysite /web/mysite/dump/20261120T1012 0123456789ab
    """
    new, _ = _places(instance, token)
    _heal(instance)
    _make(instance, new)
    try:
        with __salt__["kw_member.reading"](source, MEMBER) as stream:
            _file("run", _user(instance), ["tar", "--extract", "--no-same-owner", "--directory", new], stdin=stream)
        counts = _file("counts", _user(instance), new, check=True)
        os.chmod(new, 0o750)  # noqa: S103 - as the folder is that it replaces
    except BaseException:
        _remove(new)
        raise
    return {"counts": counts, "environ": _environ(instance, new)}


def activate(instance, token):
    """
    Let loaded databases take the present ones' place. A second call does nothing.

    instance
        Name of the instance.
    token
        The word that ``prepare`` was given.

    Whoever has a database open goes on with the old one, with its journal, until it is opened anew.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.activate mysite 0123456789ab
    """
    (new, old), folder = _places(instance, token), _folder(instance)
    if os.path.isdir(new):
        if os.path.isdir(folder) and not os.path.isdir(old):
            os.rename(folder, old)
        os.rename(new, folder)
    if os.path.isdir(old) and not os.path.isdir(folder):
        os.rename(old, folder)  # somebody took the new one away
    if os.path.isdir(old):
        _keep_others(instance, old, folder)
        _remove(old)


def discard(instance, token):
    """
    Remove what ``prepare`` made. Does nothing where there is nothing.

    instance
        Name of the instance.
    token
        The word that ``prepare`` was given.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.discard mysite 0123456789ab
    """
    new, old = _places(instance, token)
    if os.path.isdir(old):
        activate(instance, token)  # it had begun, and ends
    _remove(new)


def load(instance, source):
    """
    Replace the databases by dumped ones: they are unpacked beside the old ones, then the folders swap names.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member.

    Returns the counts of what is there then. Raises ``RuntimeError`` where anything fails; the old data is left then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.load mysite /web/mysite/dump/20261120T1012
    """
    token = os.urandom(6).hex()
    counts = prepare(instance, source, token)["counts"]
    activate(instance, token)
    return counts


def script(instance, token, text):
    """
    Run SQL on the main database that ``prepare`` unpacked, as the instance's own user.

    instance
        Name of the instance.
    token
        The word that ``prepare`` was given.
    text
        SQL for ``db.sqlite3``. It ends at the first error.

    Raises ``RuntimeError`` with what sqlite3 said.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.script mysite 0123456789ab "UPDATE auth_user SET email = 'nobody@example.com'"
    """
    _file("sql", _user(instance), os.path.join(_places(instance, token)[0], MAIN), text)


def console(instance):
    """
    The interactive client for the main database: ``argv``, ``environ`` and the ``user`` that runs it.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.console mysite
    """
    return {"argv": ["sqlite3", os.path.join(_folder(instance), MAIN)], "environ": {}, "user": _user(instance)}


def remnants(instance):
    """
    What is still there of an instance's data: ``tables`` for databases, ``database`` for their folder.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.remnants mysite
    """
    folder = _folder(instance)
    return ["tables"] * bool(_file("names", folder)) + ["database"] * os.path.isdir(folder)


def drop(instance, what):
    """
    Delete the databases of an instance for good.

    instance
        Name of the instance.
    what
        ``tables`` deletes them, ``database`` their folder; ``owner`` has no meaning here, and does nothing.

    Returns whether there was something. Raises ``ValueError`` for another word.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlite.drop mysite database
    """
    __salt__["kw_service.check_part"](what, PARTS)
    _heal(instance)
    if what not in remnants(instance):
        return False
    folder = _folder(instance)
    if what == "database":
        __salt__["kw_filetree.remove"](folder)
        return True
    names = [name + end for name in _file("names", folder) for end in ("", *BESIDE)]
    _file("run", _user(instance), ["rm", "--force", "--", *(os.path.join(folder, name) for name in names)])
    return True


def _check_room(folder):
    """Copies stand beside the databases for a while."""
    needed = sum(os.path.getsize(os.path.join(folder, name)) for name in _file("names", folder))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RuntimeError(
            f"{folder}: copies of the databases need {needed // 2**20} MB, and {free // 2**20} MB are free"
        )


def _keep_others(instance, old, folder):
    """Move what is no database from the old folder into the new one, as the user: links can't lead us astray."""
    databases = tuple(suffix + end for suffix in SUFFIXES for end in ("", *BESIDE))
    others = [name for name in os.listdir(old) if not name.endswith(databases)]
    if others:
        _file(
            "run",
            _user(instance),
            ["mv", "--no-clobber", "--target-directory", folder, "--", *(f"{old}/{name}" for name in others)],
        )


def _heal(instance):
    """Clear up after loads and dumps that were interrupted: a swap that has begun ends."""
    parent, start = os.path.split(_folder(instance))
    found = [name for name in os.listdir(parent) if name.startswith(f"{start}.")] if os.path.isdir(parent) else []
    for name in found:
        token, _, kind = name.removeprefix(f"{start}.").rpartition(".")
        if kind == "old" and TOKEN.fullmatch(token):
            activate(instance, token)
    for name in found:
        _remove(os.path.join(parent, name))


def _make(instance, folder):
    """An empty folder of the instance's user."""
    owner = pwd.getpwnam(_user(instance))
    os.mkdir(folder, 0o700)
    os.chown(folder, owner.pw_uid, owner.pw_gid)


def _remove(folder):
    """Remove a folder of the user's, who may still write there."""
    with contextlib.suppress(RuntimeError):
        __salt__["kw_filetree.remove"](folder)


def _places(instance, token):
    """The folders of a load: of what it brings, and of what was there before."""
    beside = f"{_folder(instance)}.{__salt__['kw_name.token'](token)}"
    return f"{beside}.new", f"{beside}.old"


def _environ(instance, folder):
    """The variables that lead to the databases in a folder."""
    path = os.path.join(folder, MAIN)
    others = {"postgres", "mysql"} & set(__salt__["kw_service.names"](instance))
    return {"SQLITE_PATH": path} | ({} if others else {"DATABASE_URL": f"sqlite:///{path}"})


def _version(instance):
    """The library's version, such as ``3.40.1``."""
    return _file("run", _user(instance), ["sqlite3", "--version"]).split()[0]


def _folder(instance):
    """Where the databases are."""
    return os.path.join(ROOT, __salt__["kw_name.plain"](instance), "sqlite")


def _user(instance):
    """The system user that the instance runs as."""
    return f"web-{instance}"


def _file(function, *arguments, **keywords):
    """Call a function of kw_sqlitefile."""
    return __salt__[f"kw_sqlitefile.{function}"](*arguments, **keywords)
