"""
Pruning of backup points: the plan, and its carrying out.
"""

import datetime
import platform

__virtualname__ = "kw_prune"
STAMP = "%Y%m%dT%H%M%S"
ABANDONED = datetime.timedelta(days=1)  # after which parts without an index are nobody's any more


def __virtual__():
    """Load on Linux only, as all that uses it."""
    if platform.system() != "Linux":
        return False, "kw_prune: backups are made on Linux only"
    return __virtualname__


def plan(store, instance, policy, node=""):
    """
    What would be kept and deleted of an instance's points, and of what killed backups left.

    store
        As ``kw_store`` takes it.
    instance
        Name of the instance.
    policy
        As ``kw_keep.reasons`` takes it; it counts for each node by itself.
    node
        Of this node only. Default: of all that have points.

    Returns a list of ``{instance, node, point, action, why, size}``, oldest first. ``action`` is ``keep``, ``remove``
    or ``clear`` (parts without an index, older than a day: no backup that still runs).

    CLI Example:

    .. code-block:: bash

        salt '*' kw_prune.plan '{"url": "local:/var/backups/kraftwerk"}' mysite 7d,4w,12m
    """
    points = __salt__["kw_point.found"](store, instance, node)
    nodes = sorted({*(each["node"] for each in points), *([node] if node else [])})
    lines = []
    for name in nodes:
        known = {each["point"]: each for each in points if each["node"] == name}
        kept = __salt__["kw_keep.reasons"]({point: bool(known[point]["verified"]) for point in known}, policy)
        for point, each in known.items():
            size = sum(part["size"] for part in each["parts"])
            action, why = ("keep", ", ".join(kept[point])) if point in kept else ("remove", f"{policy} doesn't keep it")
            lines.append(_line(instance, name, point, action, why, size))
        for point, size in __salt__["kw_point.leftovers"](store, instance, name).items():
            if _age(point) > ABANDONED:
                lines.append(_line(instance, name, point, "clear", "left by a backup that was killed", size))
    return sorted(lines, key=lambda line: (line["point"], line["node"]))


def carry_out(store, lines):
    """
    Delete what a plan says, and nothing that has come since.

    store
        As ``kw_store`` takes it.
    lines
        The plan.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_prune.carry_out '{"url": "local:/var/backups/kraftwerk"}' '[]'
    """
    for line in lines:
        if line["action"] != "keep":
            __salt__["kw_point.discard"](store, line)


def _line(instance, node, point, action, why, size):
    return {"instance": instance, "node": node, "point": point, "action": action, "why": why, "size": size}


def _age(point):
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)  # noqa: UP017 - Python 3.10
    return now - datetime.datetime.strptime(point, STAMP)
