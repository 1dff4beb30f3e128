"""
Deploy what was pushed
======================

Called by ``salt/reactor/push.sls`` for each event ``kraftwerk/push/<project>``; the work is done by
``kraftwerk.pushdeploy``, and what became of it is told by events ``kraftwerk/deploy/<project>/…``:
``started``, ``finished``, ``failed``, ``superseded``, and ``tested``.

:depends: kraftwerk, installed beside Salt on the admin
"""

try:
    from kraftwerk import pushdeploy
    from kraftwerk.push import Push

    HAS_KRAFTWERK = True
except ImportError:
    HAS_KRAFTWERK = False


def __virtual__():
    """Load where kraftwerk is installed."""
    return HAS_KRAFTWERK or (False, "kw_deploy: kraftwerk is not installed for this Python")


def push(project, branch, commit, environment, delivery="", received=0.0, test=False):
    """
    Deploy a pushed commit, if it is the tip of its branch; one at a time for each project, the newest wins.

    CLI Example:

    .. code-block:: bash

        salt-run kw_deploy.push mysite main 0123456789abcdef0123456789abcdef01234567 production

    project
        A project of ``reactor.projects`` in config.yaml.
    branch
        The branch that it was pushed to.
    commit
        The whole commit id.
    environment
        The environment that it is deployed to.
    delivery : ""
        The sender's name for the push.
    received : 0.0
        When it arrived, in seconds since 1970; 0 for now.
    test : False
        Deploy nothing; tell whether the repository answers.
    """
    pushdeploy.receive(Push(project, branch, commit, environment, delivery, float(received), test))
    return True
