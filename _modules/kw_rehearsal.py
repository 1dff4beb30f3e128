"""
Rehearsals of a restore: an archive is laid beside an instance's present data, compared with its manifest, and removed.
"""

import os
import platform
import secrets

__virtualname__ = "kw_rehearsal"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_rehearsal: instances run on Linux nodes only"
    return __virtualname__


def run(instance, descriptor):
    """
    Rehearse a restore of an archive; the present data is untouched. The caller holds the instance's lock.

    instance
        Name of the instance.
    descriptor
        Of the archive, open for reading.

    Returns what was checked, as phrases. Raises ``RuntimeError`` where the archive, or what came of it, isn't what its
    manifest says.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_rehearsal.run mysite 3
    """
    token = secrets.token_hex(6)
    manifest = __salt__["kw_receipt.receive"](instance, token, descriptor=descriptor)
    return compare(instance, token, manifest)


def compare(instance, token, manifest):
    """
    Lay what ``kw_archive.receive`` left beside the present data, compare the counts, and remove both.

    instance
        As they were given to ``kw_archive.receive``.
    token
        As they were given to ``kw_archive.receive``.
    manifest
        What that returned.

    Returns and raises as ``run`` does.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_rehearsal.compare mysite a1b2c3d4 '{"services": []}'
    """
    services = [each["service"] for each in manifest["services"]]
    folder = os.path.join(__salt__["kw_archive.folder"](instance), token)
    try:
        phrases = [f"{_told('services', len(services))}, all checksums right"]
        for each in manifest["services"]:
            __salt__["kw_call.progress"](each["service"])
            source = os.path.join(folder, each["service"])
            phrases.append(_one(each, __salt__["kw_load.prepare"](instance, each["service"], source, token)))
        return phrases
    finally:
        __salt__["kw_load.discard"](instance, token, services)


def _one(dump, prepared):
    """What is to be said of one service that was prepared."""
    if prepared is None:
        return f"{dump['service']}: not loaded, since its module can't do that beside present data"
    found, wanted = _flat(prepared["counts"]), _flat(dump["counts"])
    wrong = [f"{name} {found.get(name, 0)} of {count}" for name, count in wanted.items() if found.get(name) != count]
    if wrong:
        raise RuntimeError(f"{dump['service']} was loaded, but is not what its manifest says: {', '.join(wrong[:5])}")
    told = [_told(name, count) for name, count in wanted.items() if ": " not in name and name != "bytes"]
    return f"{dump['service']}: loaded, {', '.join(told) or 'nothing'} as in the manifest"


def _told(name, count):
    """A count with its name: ``1,034 files``, ``1 file``."""
    return f"{count:,} {name[:-1] if count == 1 and name.endswith('s') else name}"


def _flat(counts):
    """Counts with those by name as ``tables: auth_user``."""
    flat = {}
    for key, value in counts.items():
        named = isinstance(value, dict)
        flat.update({f"{key}: {name}": count for name, count in value.items()} if named else {key: value})
    return flat
