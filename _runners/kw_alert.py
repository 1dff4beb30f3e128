"""
Tell people
===========

By mail, webhook and whatever else apprise knows: the addresses are ``reactor.alerts`` in config.yaml. The reactor
delivers; a channel that fails is tried again for a day.

:depends: kraftwerk, installed beside Salt on the admin
"""

try:
    from kraftwerk import alert
    from kraftwerk.problem import Problem

    HAS_KRAFTWERK = True
except ImportError:
    HAS_KRAFTWERK = False


def __virtual__():
    """Load where kraftwerk is installed."""
    return HAS_KRAFTWERK or (False, "kw_alert: kraftwerk is not installed for this Python")


def cleared(node, problem, detail="", since=""):
    """
    Tell that a problem is over.

    CLI Example:

    .. code-block:: bash

        salt-run kw_alert.cleared blue service/postgres

    node
        The node's name.
    problem
        Its name, such as ``service/postgres``.
    detail : ""
        What it was.
    since : ""
        When it was first seen.
    """
    alert.send(alert.cleared(node, Problem(problem, detail), since))
    return True


def send(title, body="", good=False):
    """
    Tell anything, for reactions of your own.

    CLI Example:

    .. code-block:: bash

        salt-run kw_alert.send "The backup is late" "The last one is of Monday."

    title
        One line.
    body : ""
        What more there is to say.
    good : False
        Whether it is good news.
    """
    alert.send(alert.Alert(title, body, good))
    return True
