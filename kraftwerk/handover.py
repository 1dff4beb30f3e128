"""Workers, cron jobs and static files are the live release's: what a deploy changes of them waits for its switch."""

from collections.abc import Mapping
from dataclasses import replace

from kraftwerk import beside, highstate, pythons, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.rollout import Rollout
from kraftwerk.workers import WEB


def as_hosted(instance: Instance, hosted: Mapping[str, Instance]) -> Instance:
    """Return an instance with the workers, cron jobs and static files that it has on the node, if it is there."""
    there = hosted.get(instance.name)
    if there is None or not there.present:
        return instance
    return replace(
        instance,
        processes=there.processes,
        scale=there.scale,
        cron=there.cron,
        static=there.static,
        static_before=there.static_before,
    )


def going_back(run: Rollout) -> Instance:
    """Return the instance as it is once it has gone back: with the workers, cron jobs and static files it had then.

    All else stays as the node has it: what nobody deployed yet isn't converged by a rollback. Where the release is live
    already, or its record doesn't know them, they stay, too.
    """
    there, had = run.history.hosted.get(run.instance.name), run.release.beside
    if there is None or not there.present:
        return run.instance
    if run.release.number == run.history.live or not beside.others(had, there):
        return as_hosted(run.instance, run.history.hosted)
    scale = {name: count for name, count in there.scale.items() if name == WEB or name in had["processes"]}
    static = had.get("static", there.static)
    return replace(there, processes=had["processes"], cron=had["cron"], scale=scale, static=static, static_before={})


def before(run: Rollout) -> Instance:
    """Return the instance as it is until the switch: new in all else, with the workers and cron jobs of what is live.

    A deploy that fails before leaves them as they were; at the first one there is nothing to wait for. Of static files
    nginx knows the URLs of both: each release says itself which folder they lead to, if any.
    """
    if run.history.live is None:
        return run.instance
    there = as_hosted(run.instance, run.history.hosted)
    if run.back:
        return there
    wanted, known = run.instance.static, {**there.static_before, **there.static}
    left = {url: folder for url, folder in known.items() if url not in wanted}
    return replace(there, static=wanted, static_before=left)


def is_due(run: Rollout) -> bool:
    """Tell whether the node lacks, or has too much, of what the release that is live by now brings along."""
    return before(run) != run.instance


def take(run: Rollout) -> None:
    """Give the node the workers and cron jobs of the new release; those that it hasn't any more stop and go.

    Raises:
        KraftwerkError: as `converge`.
    """
    converge(run, run.instance)


def give_back(run: Rollout) -> None:
    """Give the node back what it had before, where the new release is taken back; what can't be is said."""
    try:
        converge(run, before(run))
    except KraftwerkError as error:
        screen.warn(f"{error.cause} → kraftwerk highstate {run.target.node.name}")


def converge(run: Rollout, instance: Instance) -> None:
    """Converge the node to an instance.

    Raises:
        KraftwerkError: a state failed, or the node can't be reached.
    """
    node, root = run.target.node, run.project.root
    outcome = highstate.converge(node, instance, project_root=root, deploying=True, on_progress=run.progress)
    for note in outcome.notes:
        screen.warn(note)
    if outcome.failed:
        if failed := pythons.failed(outcome, instance, run.history):
            raise failed
        raise KraftwerkError(highstate.failures(outcome), next_command=f"kraftwerk highstate {node.name}")
