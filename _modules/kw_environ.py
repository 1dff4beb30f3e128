"""
The environment of an instance: its env file, and the secrets that are made on the node and stay there.

A value that comes encrypted is read from pillar ``kraftwerk:secrets:<instance>``, which only the admin can decrypt;
where the admin couldn't, the node keeps the value that it has.

Values never leave this module by a return value, a log line or a state's changes: only the names of keys do.
"""

import grp
import os
import platform
import secrets
import shlex

__virtualname__ = "kw_environ"
SECRETS = "/etc/kraftwerk/secrets"
FOLLOW = "/var/lib/kraftwerk/follow"  # names of instances whose live release lacks what changed (remote/follow.sh)
GENERATED = ("SECRET_KEY",)
ENCRYPTED = "-----BEGIN AGE ENCRYPTED FILE-----"


def __virtual__():
    """Load on Linux only: files are owned by Linux users and groups."""
    if platform.system() != "Linux":
        return False, "kw_environ: instances run on Linux nodes only"
    return __virtualname__


def generate(instance, key="SECRET_KEY", test=False):
    """
    Make a secret of an instance unless it exists, in a file that only root can read.

    instance
        Name of the instance.
    key
        Name of the secret. Default: ``SECRET_KEY``.
    test
        Only say whether it would be made. Default: ``False``.

    Returns whether it was made. Raises ``ValueError`` for a name that isn't a plain one.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_environ.generate mysite
    """
    path = _secret_path(instance, key)
    if os.path.exists(path):
        return False
    if not test:
        __salt__["kw_textfile.replace"](path, secrets.token_urlsafe(50) + "\n")
    return True


def keys(name):
    """
    The names of the variables in an env file, sorted, without their values.

    name
        Path of the env file, such as ``/web/mysite/env``. One that doesn't exist has no keys.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_environ.keys /web/mysite/env
    """
    return sorted(_read(name))


def unreadable(instance, environ=None):
    """
    The names of the variables that came encrypted and that the admin couldn't decrypt, sorted.

    instance
        Name of the instance.
    environ
        The project's own variables, as they came. Default: none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_environ.unreadable mysite
    """
    known = _secrets(instance)
    encrypted = (key for key, value in (environ or {}).items() if _is_encrypted(value))
    return sorted(key for key in encrypted if f"environ.{key}" not in known)


def write(name, instance, services=(), environ=None, hosts=(), static_root="", urls=None, group="root", test=False):
    """
    Write an env file: what services say, generated secrets, hosts, addresses, and what the project says, which wins.

    name
        Path of the env file.
    instance
        Name of the instance.
    services
        Names of its services; each is asked by ``kw_<service>.environ``. Default: none.
    environ
        The project's own variables. Default: none.
    hosts
        Domains and aliases, for ``ALLOWED_HOSTS``. Default: none, and then the variable isn't set.
    static_root
        Folder in the release that static files are collected in, for ``STATIC_ROOT``. Default: not set.
    urls
        ``STATIC_URL`` and ``MEDIA_URL``, where a CDN has these files. Default: what services say.
    group
        Group that may read the file. Default: ``root``.
    test
        Only say what would change. Default: ``False``.

    Returns the changes as ``{key: "added" | "changed" | "removed"}``, and ``"permissions"`` where those were wrong.
    Raises ``KeyError`` for a service without a module and ``ValueError`` for a variable that can't be written, or
    that nobody can read here: neither the admin can decrypt it nor has the node a value already.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_environ.write /web/mysite/env mysite services='[files]' test=True
    """
    present = _read(name)
    environ = _decrypted(instance, environ or {}, present)
    wanted = _collect(instance, services, environ, hosts, static_root, urls, test)
    changes = _compare(present, wanted)
    gid = _gid(group)
    if not _has_permissions(name, gid):
        changes["permissions"] = f"root:{group} 0640"
    if changes and not test:
        text = "".join(f"{key}={_quote(key, value)}\n" for key, value in sorted(wanted.items()))
        if os.path.exists(os.path.join(os.path.dirname(name), "current", ".kraftwerk-env")):
            # First: whoever is cut off behind it finds the mark, and can have the live release follow later.
            __salt__["kw_textfile.replace"](os.path.join(FOLLOW, instance), "")
        __salt__["kw_textfile.replace"](name, text, mode=0o640, owner=(0, gid))
    return changes


def _secrets(instance):
    """The secrets of an instance that the admin decrypted, by their dotted paths."""
    return __pillar__.get("kraftwerk", {}).get("secrets", {}).get(instance, {})


def _is_encrypted(value):
    return isinstance(value, str) and value.lstrip().startswith(ENCRYPTED)


def _decrypted(instance, environ, present):
    """Variables with their secrets in plain text; what the admin couldn't decrypt is as it is at present."""
    known, kept = _secrets(instance), unreadable(instance, environ)
    lost = [key for key in kept if key not in present]
    if lost:
        raise ValueError(
            f"{', '.join(lost)}: encrypted, but not for this admin, and the node has no value yet; "
            "whoever can read it adds the admin's key to pillar/recipients.txt and calls kraftwerk config rekey"
        )
    found = {key: known.get(f"environ.{key}", value) for key, value in environ.items()}
    return {**found, **{key: present[key] for key in kept}}


def _collect(instance, services, environ, hosts, static_root, urls, test):
    """All variables of an instance; what comes later wins."""
    found = {}
    for service in services:
        function = f"kw_{service}.environ"
        if function not in __salt__:
            raise KeyError(f"service {service}: no module kw_{service} on this node")
        found.update(__salt__[function](instance))
    for key in GENERATED:
        if key not in environ:
            generate(instance, key, test=test)
            found[key] = _secret(instance, key)
    if hosts:
        found["ALLOWED_HOSTS"] = ",".join(hosts)
    if static_root:
        found["STATIC_ROOT"] = static_root
    found.update(urls or {})
    plain = {key: value for key, value in environ.items() if not _is_secret(instance, key)}
    given = {key: str(value) for key, value in {**found, **environ}.items()}
    return given | __salt__["kw_reference.resolved"](plain, {**given, **found})


def _is_secret(instance, key):
    """Whether a variable came encrypted: nothing in a password is a reference."""
    return f"environ.{key}" in _secrets(instance)


def _compare(old, new):
    """What differs between two environments, by key and never by value."""
    changes = {key: "added" for key in new if key not in old}
    changes.update({key: "removed" for key in old if key not in new})
    changes.update({key: "changed" for key in new if key in old and old[key] != new[key]})
    return changes


def _read(path):
    """The variables of an env file, as a shell would read them."""
    words = shlex.split(__salt__["kw_textfile.content"](path), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def _quote(key, value):
    """A value as one single-quoted shell word."""
    if not (key.isascii() and key.isidentifier()) or "\0" in value:
        raise ValueError(f"{key}: not a name or value that an environment can hold")
    return "'" + value.replace("'", "'\\''") + "'"


def _secret_path(instance, key):
    """Where a secret is kept. Both parts are plain names, so that none leads out of the folder."""
    for part in (instance, key):
        if not part.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{part!r} is not a plain name")
    return os.path.join(SECRETS, instance, key)


def _secret(instance, key):
    """A secret's value, or nothing while a test run doesn't make it."""
    return __salt__["kw_textfile.content"](_secret_path(instance, key)).strip()


def _gid(group):
    """The group's number; root's while a test run finds a node that lacks it."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return 0


def _has_permissions(path, gid):
    """Whether the file belongs to root and the group with mode 0640; one that doesn't exist yet gets that anyway."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return True
    return (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, gid, 0o640)
