"""
The external pillar of kraftwerk: a node's instances, as the admin's registry holds them.

It turns the registry's mirror (one JSON file for each instance) and the roster into
``kraftwerk:instances``, ``kraftwerk:data`` (what services there hold for instances on other nodes) and
``kraftwerk:node``, the same for kraftwerk and for plain Salt.
Encrypted values stay so there; decrypted they stand in ``kraftwerk:secrets:<instance>`` only, by their
dotted paths, and those that this admin can't decrypt are named in ``kraftwerk:unreadable:<instance>``.
Configured by the master file that kraftwerk generates:

.. code-block:: yaml

    ext_pillar:
      - kw_instances: {mirror: /path/instances, roster: /path/nodes, identity: /path/age.txt, index_url: "", only: []}
"""

import json
from pathlib import Path

import yaml


def __virtual__():
    """Return True: it needs nothing that Salt does not bring."""
    return True


def ext_pillar(minion_id, pillar, mirror, roster, index_url="", only=(), identity=""):
    """
    Return the pillar of a node.

    minion_id
        The node's name.
    mirror
        The folder with ``<node>/<instance>.json``.
    roster
        The roster file, in Salt's own format.
    index_url
        The package index that nodes use; empty for pip's default.
    only
        Names of projects; empty for all. Instances of the rest come as ``kraftwerk:others``: they stay as they are.
    identity
        The file of the admin's age identity; empty for the one that kraftwerk finds.
    """
    entries = yaml.safe_load(Path(roster).read_text()) if Path(roster).exists() else {}
    entry = (entries or {}).get(minion_id, {})
    hosted = {instance["name"]: instance for instance in _read(Path(mirror, minion_id))}
    instances = {name: each for name, each in hosted.items() if not only or each["project"] in only}
    parts = {part["name"]: part for part in _read(Path(mirror, minion_id, "data"))}
    secrets, unreadable = {}, {}
    for each in (*instances.values(), *parts.values()):
        found, lost = _reveal(each, identity)
        if found:
            secrets.setdefault(each["name"], {}).update(found)
        if lost:
            unreadable.setdefault(each["name"], []).extend(lost)
    return {
        "kraftwerk": {
            "node": {
                "name": minion_id,
                "address": entry.get("host", ""),
                "provider": entry.get("provider", "ssh"),
            },
            "index_url": index_url,
            "instances": instances,
            "others": {name: each for name, each in hosted.items() if name not in instances},
            "data": parts,
            "secrets": secrets,
            "unreadable": unreadable,
        }
    }


def _read(folder):
    """The instances in a folder of the mirror."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def _reveal(instance, identity):
    """The secrets of an instance by their paths, and the paths of those that can't be decrypted here."""
    try:
        from kraftwerk import admin, secret, storekeys
    except ImportError:  # a Salt that lives elsewhere: nodes keep what they have
        return {}, []
    found, unreadable = secret.reveal(instance, Path(identity) if identity else None)
    keys = storekeys.shared(instance.get("backup", {}), admin.load().stores)
    return {**{f"backup.{key}": value for key, value in keys.items()}, **found}, unreadable
