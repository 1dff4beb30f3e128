"""
What is to be backed up, where to, and what opens the store: a file for each instance that only root can read.

Credentials come from pillar ``kraftwerk:secrets:<instance>``, which only the admin can decrypt; where the admin
couldn't, the node keeps those that it has. They never leave this module by a log line or a state's changes.
"""

import json
import os
import platform

__virtualname__ = "kw_backupconfig"
FOLDER = "/etc/kraftwerk/backup"
KEYS = ("access_key", "secret_key")
ENCRYPTED = "-----BEGIN AGE ENCRYPTED FILE-----"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_backupconfig: instances run on Linux nodes only"
    return __virtualname__


def read(instance):
    """
    What is to be done for an instance, credentials and all: ``instance node store keep recipients verify``.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where nothing was set up. Not for the command line, where it would be shown.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backupconfig.read mysite
    """
    try:
        with open(_path(instance), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise RuntimeError(f"backups of {instance} are not set up on this node; a deploy does that") from None


def write(instance, node, settings, test=False):
    """
    Write what is to be done for an instance.

    instance
        Name of the instance.
    node
        What this node is called in stores.
    settings
        ``store`` (its address), ``keep``, ``recipients``, ``verify``, and ``access_key`` and ``secret_key`` as they
        came: encrypted ones are looked up.
    test
        Only say what would change. Default: ``False``.

    Returns the names of what changed. Raises ``ValueError`` for an address that makes no sense.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backupconfig.write mysite blue '{"store": "local:/b", "keep": "7d", …}'
    """
    __salt__["kw_store.parse"](settings["store"])
    present = read(instance) if os.path.exists(_path(instance)) else {}
    store = {"url": settings["store"], **_credentials(instance, settings, present.get("store", {}))}
    plain = {key: settings[key] for key in ("keep", "recipients", "verify")}
    wanted = {"instance": instance, "node": node, "store": store, **plain}
    changes = sorted(key for key in {*wanted, *present} if wanted.get(key) != present.get(key))
    if changes and not test:
        __salt__["kw_textfile.replace"](_path(instance), json.dumps(wanted, indent=1))
    return changes


def kept(instance, settings):
    """
    The credentials that this admin couldn't decrypt, by name; they stay as the node has them.

    instance
        Name of the instance.
    settings
        As in ``write``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backupconfig.kept mysite '{}'
    """
    known = _secrets(instance)
    return [key for key in KEYS if _is_encrypted(settings.get(key)) and f"backup.{key}" not in known]


def _credentials(instance, settings, present):
    """What opens the store: from pillar, as it was written, or as the node has it."""
    known = _secrets(instance)
    found = {}
    for key in KEYS:
        given = settings.get(key) or ""
        if f"backup.{key}" in known:
            found[key] = known[f"backup.{key}"]
        else:
            found[key] = present.get(key, "") if _is_encrypted(given) else given
    return {key: value for key, value in found.items() if value}


def _secrets(instance):
    """The secrets of an instance that the admin decrypted, by their dotted paths."""
    return __pillar__.get("kraftwerk", {}).get("secrets", {}).get(instance, {})


def _is_encrypted(value):
    return isinstance(value, str) and value.lstrip().startswith(ENCRYPTED)


def _path(instance):
    return os.path.join(FOLDER, f"{__salt__['kw_name.plain'](instance)}.json")
