"""
The external pillar of kraftwerk: a node's instances, as the admin's registry holds them.

It turns the registry's mirror (one JSON file for each instance) and the roster into
``kraftwerk:instances`` and ``kraftwerk:node``, the same for kraftwerk and for plain Salt.
Configured by the master file that kraftwerk generates:

.. code-block:: yaml

    ext_pillar:
      - kw_instances: {mirror: /path/instances, roster: /path/nodes, index_url: "", only: []}
"""

import json
from pathlib import Path

import yaml


def __virtual__():
    """Return True: it needs nothing that Salt does not bring."""
    return True


def ext_pillar(minion_id, pillar, mirror, roster, index_url="", only=()):
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
        Names of projects; empty for all.
    """
    entries = yaml.safe_load(Path(roster).read_text()) if Path(roster).exists() else {}
    entry = (entries or {}).get(minion_id, {})
    instances = (json.loads(path.read_text()) for path in sorted(Path(mirror, minion_id).glob("*.json")))
    return {
        "kraftwerk": {
            "node": {
                "name": minion_id,
                "address": entry.get("host", ""),
                "provider": entry.get("provider", "ssh"),
            },
            "index_url": index_url,
            "instances": {
                instance["name"]: instance for instance in instances if not only or instance["project"] in only
            },
        }
    }
