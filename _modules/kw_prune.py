"""
Pruning of backup points: the plan, and its carrying out.
"""

import contextlib
import datetime
import platform

__virtualname__ = "kw_prune"
STAMP = "%Y%m%dT%H%M%S"
ABANDONED = datetime.timedelta(days=1)  # after which parts without an index are nobody's any more, on their own node
ELSEWHERE = datetime.timedelta(days=7)  # the same, seen from where nobody knows what the node does just now


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
    or ``clear`` (parts without an index, so old that no backup still writes them).

    CLI Example:

    .. code-block:: bash

        salt '*' kw_prune.plan '{"url": "local:/var/backups/kraftwerk"}' mysite 7d,4w,12m
    """
    points = __salt__["kw_point.found"](store, instance, node)
    lines = abandoned(store, instance, node)
    for name in sorted({each["node"] for each in points}):
        known = {each["point"]: each for each in points if each["node"] == name}
        kept = __salt__["kw_keep.reasons"]({point: bool(known[point]["verified"]) for point in known}, policy)
        for point, each in known.items():
            size = sum(part["size"] for part in each["parts"])
            action, why = ("keep", ", ".join(kept[point])) if point in kept else ("remove", f"{policy} doesn't keep it")
            lines.append(_line(instance, name, point, action, why, size))
    return sorted(lines, key=lambda line: (line["point"], line["node"]))


def abandoned(store, instance, node=""):
    """
    Of a plan, what killed backups left: after a day on the node itself, which makes one backup at a time; after a week
    of any node, whose backup may still be under way.

    store
        As ``kw_store`` takes it.
    instance
        Name of the instance.
    node
        Of this node only, which calls this. Default: of all.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_prune.abandoned '{"url": "local:/var/backups/kraftwerk"}' mysite blue
    """
    oldest, why = ABANDONED if node else ELSEWHERE, "left by a backup that was killed"
    return [
        _line(instance, name, point, "clear", why, size)
        for name, points in __salt__["kw_point.leftovers"](store, instance, node).items()
        for point, size in points.items()
        if _age(point) > oldest
    ]


def clear(store, instance, node):
    """
    Delete what killed backups of a node left, where that is allowed.

    store
        As ``kw_store`` takes it.
    instance
        Name of the instance.
    node
        Name of the node.

    Raises ``RuntimeError`` where the store can't be read.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_prune.clear '{"url": "local:/var/backups/kraftwerk"}' mysite blue
    """
    lines = abandoned(store, instance, node)
    with contextlib.suppress(RuntimeError):  # a key that can't delete: pruning says so
        carry_out(store, lines)


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
