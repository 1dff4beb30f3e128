"""
Converge a node
===============

Called by ``salt/reactor/created.sls`` when salt-cloud has made a node.

:depends: kraftwerk, installed beside Salt on the admin
"""

try:
    from kraftwerk import events, job
    from kraftwerk.errors import KraftwerkError
    from kraftwerk.node import get_node
    from kraftwerk.paths import reactor_home

    HAS_KRAFTWERK = True
except ImportError:
    HAS_KRAFTWERK = False


def __virtual__():
    """Load where kraftwerk is installed."""
    return HAS_KRAFTWERK or (False, "kw_highstate: kraftwerk is not installed for this Python")


def converge(node):
    """
    Apply all states to a node, and tell by events ``kraftwerk/highstate/<node>/{started,finished,failed}``.

    CLI Example:

    .. code-block:: bash

        salt-run kw_highstate.converge blue

    node
        Its name in the roster.
    """
    try:
        name = get_node(node).name
        events.fire(f"kraftwerk/highstate/{name}/started", {"node": name})
        done = job.run(["highstate", name], log=reactor_home() / "highstates" / f"{name}.log")
        reason, last = job.reason(done) if done.code else "", done.lines[-1:]
    except KraftwerkError as error:
        name, reason, last = str(node), str(error), ()
    told = {"reason": reason} if reason else {"result": "".join(last)}
    events.fire(f"kraftwerk/highstate/{name}/{'failed' if reason else 'finished'}", {"node": name, **told})
    return not reason
