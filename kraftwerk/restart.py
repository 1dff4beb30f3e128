"""A restart: web in the free slot, as a deploy of the release that is live; workers as they wish to be stopped."""

from collections.abc import Sequence
from dataclasses import replace

from kraftwerk import cutover, deploy, handover, lock, registry, release, rollout, steady
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.project import Project
from kraftwerk.rollout import Phase, Rollout
from kraftwerk.target import Target, not_deployed
from kraftwerk.tokens import Tokens
from kraftwerk.workers import WEB

RESTART: tuple[Phase, ...] = (
    deploy.lock, cutover.boot, cutover.gate, cutover.switch, cutover.drain, cutover.grow, deploy.unlock,
)  # fmt: skip


def found(there: Target) -> Target:
    """Return where an instance is, with the workers that it has there: kraftwerk.yaml may name others by now.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    return replace(there, instance=handover.as_hosted(there.instance, registry.sync(there.connection)))


def chosen(instance: Instance, names: Sequence[str]) -> list[str]:
    """Return the processes that are meant, as runit calls them after the instance's name; all, if none is named.

    Raises:
        KraftwerkError: there is none of that name (code 2).
    """
    known = [WEB, *instance.processes]
    if unknown := [name for name in names if name not in known]:
        raise KraftwerkError(f"no process is called {', '.join(unknown)}; there are {', '.join(known)}", code=2)
    meant = dict.fromkeys(names or known)
    return [unit for name in meant for unit in ([WEB] if name == WEB else instance.units_of(name))]


def carry_out(project: Project, there: Target, processes: Sequence[str], tokens: Tokens) -> None:
    """Restart processes of an instance, as `chosen` named them. No request fails meanwhile.

    Raises:
        KraftwerkError: web doesn't answer in its new slot, so that the old one serves on; or a worker doesn't stay up.
    """
    if WEB in processes:
        _web(project, there, tokens)
    units = tuple(unit for unit in processes if unit != WEB)
    if not units:
        return
    tokens.begin("workers")
    with lock.held(there.connection, there.instance.name, wait=3):
        steady.restart(there.connection, there.instance, units)
        unsteady = steady.look(there.connection, there.instance, units)
    if unsteady:
        raise KraftwerkError(steady.told(unsteady), next_command=steady.advice(there.instance, unsteady[0]))
    tokens.done("workers", ", ".join(units))


def _web(project: Project, there: Target, tokens: Tokens) -> None:
    run = Rollout(project, there, back=True)
    run.history = release.read(there.connection, there.instance)
    if run.history.live is None:
        raise not_deployed(there)
    run.release = run.left
    rollout.go(run, RESTART, tokens)
