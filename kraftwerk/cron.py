"""Cron jobs of a project: on which node they run, how they are, and how one is run by hand."""

from kraftwerk import health, oneoff, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.jobs import Run
from kraftwerk.project import Project
from kraftwerk.target import Target

PROGRAM = "/etc/kraftwerk/cron"  # a script for each instance (salt/project/files/job.jinja)


def place(project: Project, environment: str, node: str | None, by: str) -> Target:
    """Return where an environment's jobs run: on one of its nodes.

    Args:
        node: as the user gave it.
        by: how the command line names a node, for the error.

    Raises:
        KraftwerkError: as `target.deployed`; or none runs there (code 2).
    """
    elsewhere = target.cron_node(project, environment)
    named = node or elsewhere or None
    there = target.deployed(project, environment, named, by=by)
    if not there.instance.cron:
        where = f"on {there.node.name}; they run on {elsewhere}" if elsewhere not in ("", there.node.name) else ""
        raise KraftwerkError(
            f"{there.instance.name} has no cron jobs {where}".rstrip(),
            next_command="" if where else "`cron:` in kraftwerk.yaml names them, and kraftwerk deploy brings them",
            code=2,
        )
    return there


def last(there: Target) -> dict[str, Run]:
    """Return the last run of each job, as the node knows it.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    seen = health.look(there.node, deep=True)
    if seen.unreachable:
        raise KraftwerkError(seen.unreachable, next_command=seen.advice)
    return {name: seen.jobs.get((there.instance.name, name), Run()) for name in there.instance.cron}


def words(there: Target, name: str) -> list[str]:
    """Return the words that run a job on its node, as cron does, and print what it prints.

    Raises:
        KraftwerkError: there is no such job (code 2).
    """
    if name not in there.instance.cron:
        known = ", ".join(there.instance.cron)
        raise KraftwerkError(f"{there.instance.name} has no cron job {name}; there are {known}", code=2)
    return oneoff.words(there.instance, [f"{PROGRAM}/{there.instance.name}", name, "shown"], oneoff.ROOT)
