"""Deploy: a flat list of named phases. Whatever fails before `switch` leaves the old release serving untouched."""

import re
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from kraftwerk import gate as gates
from kraftwerk import (
    highstate,
    hosts,
    migration,
    neighbours,
    nodevenv,
    places,
    pythons,
    screen,
    secret,
    slot,
    superuser,
    target,
)
from kraftwerk import lock as locks
from kraftwerk import plan as plans
from kraftwerk import release as releases
from kraftwerk import upload as uploads
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import environment_words
from kraftwerk.release import FAILED, NEW
from kraftwerk.remote import script
from kraftwerk.rollout import SECONDS, Phase, Rollout
from kraftwerk.wheels import cargo, store


def check(run: Rollout) -> None:
    """See that the project can be uploaded and what the node has, before anything is touched."""
    superuser.check(run.instance, run.project.is_django(run.instance.environment))
    places.check(run.instance, run.project.root)
    run.source = uploads.source(run.project.root)
    run.files = uploads.files(run.project.root, run.source.tracked)
    _learn(run)
    pythons.check(run.requirements, run.instance, run.history, run.target.node.name)
    if folder := run.wheels or run.project.wheels(run.instance.environment):
        run.cargo = cargo.pack(folder, run.requirements, run.target.connection, run.instance, run.history.python)
        _begin(run)
    uploads.check_space(run.history.free, uploads.size(run.project.root, run.files))
    if lacking := secret.reveal(run.instance.as_dict())[1]:
        named = (re.sub(r"^options\.", "services.", path) for path in lacking)  # as files call them
        words = f"{', '.join(named)}: encrypted, but not for you; {run.target.node.name} keeps the values that it has"
        screen.warn(f"{words} → kraftwerk config recipients, and a colleague's kraftwerk config rekey")


def warn(run: Rollout) -> None:
    """Say what a plan would have to say at least, where nobody asks for one."""
    for line in plans.staying(plans.left(run.history, run.instance, run.target.node.name)):
        screen.warn(f"data of {line}")


def plan(run: Rollout) -> None:
    """Work out what would change."""
    found = (run.project, run.target, run.history, run.requirements, run.release)
    run.plan = plans.make(*found, converged=run.converged, cargo=run.cargo, on_progress=run.progress)


def lock(run: Rollout) -> str:
    """Keep others away, and look again: somebody may have deployed since."""
    held = locks.held(run.target.connection, run.instance.name, wait=run.patience, last=script("idle"))
    run.locks.enter_context(held)
    _learn(run)
    begun = (old for old in run.history.releases.values() if old.state == NEW)
    lost = [replace(old, state=FAILED, reason="interrupted") for old in begun]
    if lost:
        releases.write(run.target.connection, run.instance, lost)
    return ""


def wheels(run: Rollout) -> str | None:
    """Send the wheels that the node lacks; before it is converged, as uv may be among them."""
    if run.cargo is None:
        return None
    sent = cargo.bring(run.cargo, run.target.connection, run.progress)
    return f"{sent} sent in {SECONDS}" if sent else "as they are"


def node(run: Rollout) -> str:
    """Converge the node, unless that was done a short while ago or the plan just found nothing to change.

    Other nodes that hold data of it come first.
    """
    places.converge(run.target, run.project.root, run.progress)
    if run.converged or (run.plan is not None and not run.plan.states):
        return "as it is"
    outcome = highstate.converge(run.target.node, run.instance, project_root=run.project.root, on_progress=run.progress)
    for note in outcome.notes:
        screen.warn(note)
    if outcome.failed:
        if failed := pythons.failed(outcome, run.instance, run.history):
            raise failed
        raise KraftwerkError(highstate.failures(outcome), next_command=f"kraftwerk highstate {run.target.node.name}")
    if not run.history.python:
        _learn(run)  # now that it is there, the virtualenv can be named
    return SECONDS


def upload(run: Rollout) -> str:
    """Send the project's files into the new release's folder."""
    connection, instance, number = run.target.connection, run.instance, str(run.release.number)
    connection.script(script("prepare"), instance.name, number)
    before = instance.release_folder(run.history.live) if run.history.live else None
    part = PurePosixPath(f"{instance.root}/releases/{number}.part")
    uploads.send(connection, run.project.root, run.files, part, before)
    connection.script(script("land"), instance.name, number, run.release.as_json())
    run.landed = True
    return SECONDS


def virtualenv(run: Rollout) -> str:
    """Make the virtualenv, unless an earlier release needed the same."""
    number, name = run.release.number, run.release.virtualenv
    made = nodevenv.build(run.target.connection, run.instance, run.requirements, number, name, run.cargo)
    return SECONDS if made else "as it is"


def configure(run: Rollout) -> None:
    """Give the release its virtualenv and a place for static files."""
    instance = run.instance
    arguments = (str(run.release.number), run.release.virtualenv, instance.src, *instance.static.values())
    run.target.connection.script(script("configure"), instance.name, *arguments)


def migrate(run: Rollout) -> str | None:
    """Run the release commands in the new release, once."""
    if not run.instance.release:
        return None
    applied = migration.run(run.target.connection, run.instance, run.release.number)
    if not run.served:
        migration.seal(run.target.connection, run.instance, run.release.number)
    run.release = replace(run.release, migrations=applied)
    return str(applied) if applied else ""


def superusers(run: Rollout) -> str | None:
    """Make the superusers that are declared and missing."""
    if not run.instance.superusers:
        return None
    made = superuser.create(run.target.connection, run.instance, run.release.number)
    return f"{made} created" if made else "as it is"


def boot(run: Rollout) -> None:
    """Start the release beside the one that serves."""
    run.slot, run.booting, run.booted = run.history.free_slot, time.monotonic(), True
    run.log_size = slot.boot(run.target.connection, run.instance, run.slot, run.release.number)


def gate(run: Rollout) -> str:
    """Let nothing pass that doesn't answer."""
    more = 0 if run.served else gates.SECOND_THOUGHTS  # whoever saves a mistake wants to hear of it at once
    answer, reason = gates.check(run.target.connection, run.instance, run.slot, more)
    if reason:
        log = slot.log(run.target.connection, run.instance, run.slot, run.log_size)
        raise KraftwerkError("\n".join([reason, *(f"  {line}" for line in log.splitlines())]))
    return f"{answer} in {time.monotonic() - run.booting:.1f}s"


def switch(run: Rollout) -> str:
    """Make it the live one: a rename, so that no request fails; then workers follow."""
    slot.switch(run.target.connection, run.instance, run.slot, run.release.number)
    run.switched = True
    slot.restart_workers(run.target.connection, run.instance)
    return ""


def drain(run: Rollout) -> None:
    """Let the old one finish its requests, then stop it; a deploy leaves places that only the old one's data had."""
    if run.history.live_slot:
        slot.stop(run.target.connection, run.instance, run.history.live_slot)
    if run.back:
        return  # the node is as it was: kraftwerk.yaml may name other places by now
    try:
        places.leave_earlier(run.target, run.project.root, run.progress)
    except KraftwerkError as error:  # the site is live all the same, and the next deploy tries again
        screen.warn(error.cause)


def record(run: Rollout) -> None:
    """Write down what became of the releases."""
    seconds = run.release.seconds if run.back else round(run.seconds, 1)
    run.release = replace(run.release, seconds=seconds)
    after = {**run.history.releases, run.release.number: run.release}
    changed = releases.went_live(replace(run.history, releases=after), run.release.number, rolled_back=run.back)
    releases.write(run.target.connection, run.instance, changed)
    with suppress(KraftwerkError):  # without privilege here, the site is live all the same
        hosts.follow(run.target.node.host, run.instance.domains)


def prune(run: Rollout) -> str:
    """Remove old releases, and virtualenvs that none needs."""
    history = releases.read(run.target.connection, run.instance)
    gone = releases.prune(run.target.connection, run.instance, history)
    if run.cargo is not None:
        store.prune(run.target.connection)
    return f"{gone} removed" if gone else ""


def unlock(run: Rollout) -> None:
    """Let others in again."""
    run.locks.close()


def told(run: Rollout, *, alone: bool = True) -> str:
    """Return the line that says what is live now, and the command that takes it back.

    Args:
        alone: it went to no other node, so that the command may do without naming this one.
    """
    seconds = f"again in {run.seconds:.1f}s" if run.back else f"in {run.seconds:.0f}s"
    live = f"Release {run.release.number} is live {seconds}   {run.instance.url}"
    return f"{live.ljust(51)}  undo: {_undo(run, alone)}"


def _undo(run: Rollout, alone: bool) -> str:
    """Return the command that takes it back; the first deploy can only be removed."""
    environment, node = run.instance.environment, run.target.node
    name = "" if alone and target.is_obvious(run.project, environment, node) else node.name
    at = name and f"--node {name}"
    if not run.history.live:
        words = ["destroy", name]
    elif run.back and run.left.served:
        words = ["deploy", name]
    else:
        words = ["rollback", str(run.history.live) if run.back else "", at]
    return " ".join(filter(None, ["kraftwerk", *words, *environment_words(environment)]))


def warn_of_migrations(run: Rollout) -> None:
    """Say that a rollback leaves the database as the release made it that was live."""
    if run.left.migrations:
        screen.warn(f"release {run.left.number} applied {run.left.migrations} migrations; the database stays as it is")


def find_earlier(run: Rollout, number: int | None) -> None:
    """Find the release to go back to: the one with that number, or the one that was live before.

    Raises:
        KraftwerkError: there is none, it is live already, or it never was healthy.
    """
    run.back, run.history = True, releases.read(run.target.connection, run.instance)
    run.release = run.history.earlier(number)


BEFORE: tuple[Phase, ...] = (check, plan)
DEPLOY: tuple[Phase, ...] = (
    lock, wheels, node, upload, virtualenv, configure, migrate, superusers, boot, gate, switch, drain, record, prune,
    unlock,
)  # fmt: skip
ROLLBACK: tuple[Phase, ...] = (lock, boot, gate, switch, drain, record, unlock)


def _learn(run: Rollout) -> None:
    """Read the instance's state from the node, and number the release by it."""
    run.history = releases.read(run.target.connection, run.instance)
    if run.back:
        return
    neighbours.check(run.instance, run.history.hosted, run.target.node.name)
    _begin(run)


def _begin(run: Rollout) -> None:
    """Name the release, and the virtualenv that it needs."""
    number = run.history.next_number
    venv = nodevenv.name(run.requirements, run.history.python or run.instance.python, number, run.cargo)
    begun = releases.begin(number, run.source.commit, run.source.dirty, venv)
    run.release = replace(begun, served=run.served)
