"""
Mend what is wrong with a node
==============================

Called by ``salt/reactor/raised.sls`` and ``persists.sls``; the work is done by ``kraftwerk.mend``: a stopped service or
process is started, a full disk gets room, each problem at most three times within an hour. What was done is told by
the event ``kraftwerk/node/<node>/mended`` and, once, by an alert.

:depends: kraftwerk, installed beside Salt on the admin
"""

import logging

try:
    from kraftwerk import alert, events, mend
    from kraftwerk.errors import KraftwerkError
    from kraftwerk.node import get_node
    from kraftwerk.problem import Problem

    HAS_KRAFTWERK = True
except ImportError:
    HAS_KRAFTWERK = False

log = logging.getLogger("kraftwerk.health")


def __virtual__():
    """Load where kraftwerk is installed."""
    return HAS_KRAFTWERK or (False, "kw_node: kraftwerk is not installed for this Python")


def raised(node, problem, detail="", advice="", since="", run="", tell=True):
    """
    Do what helps against a problem, and tell both. Returns what was done, as a sentence.

    CLI Example:

    .. code-block:: bash

        salt-run kw_node.raised blue service/postgres

    node
        Its name in the roster.
    problem
        Its name, such as ``service/postgres``, ``process/mysite-web``, ``site/mysite``, ``nginx`` or ``disk``.
    detail : ""
        What was seen.
    advice : ""
        The command that tells more.
    since : ""
        When it was first seen.
    run : ""
        A shell command to run on the node as root instead of what kraftwerk does.
    tell : True
        Whether to send an alert.
    """
    done = _mend(node, problem, run)
    if tell:
        alert.send(alert.raised(node, Problem(problem, detail, advice), since, done))
    return done


def persists(node, problem, run=""):
    """
    Try again to mend a problem that is still there, without an alert. Returns what was done, as a sentence, or nothing.

    CLI Example:

    .. code-block:: bash

        salt-run kw_node.persists blue service/postgres

    node, problem, run
        As in ``kw_node.raised``.
    """
    return _mend(node, problem, run) if run or mend.possible(problem) else ""


def _mend(node, problem, run):
    """Mend a problem, and fire what was done."""
    try:
        there = get_node(node)
        done = mend.command(there, problem, run) if run else mend.mend(there, problem)
    except KraftwerkError as error:
        done = str(error)
    except Exception as error:  # of ours: what went wrong with the node is told all the same
        log.exception("%s on %s", problem, node)
        done = f"kraftwerk could not mend it, by a mistake of its own: {error!r}"
    events.fire(f"kraftwerk/node/{node}/mended", {"node": node, "problem": problem, "done": done})
    return done
