"""Deploy: a flat list of named phases. Whatever fails before `switch` leaves the old release serving untouched."""

import re
import time
from contextlib import suppress
from dataclasses import replace

from kraftwerk import (
    balancer,
    beside,
    content,
    diskroom,
    handover,
    hooks,
    hosts,
    lead,
    migration,
    neighbours,
    nodevenv,
    places,
    pythons,
    savepoint,
    screen,
    secret,
    slot,
    steady,
    superuser,
    target,
)
from kraftwerk import cdn as delivery
from kraftwerk import lock as locks
from kraftwerk import plan as plans
from kraftwerk import release as releases
from kraftwerk import tls as certificates
from kraftwerk import upload as uploads
from kraftwerk.cutover import balance, boot, drain, gate, grow, stand_by, switch
from kraftwerk.errors import KraftwerkError
from kraftwerk.hooks import Hooks
from kraftwerk.instance import environment_words
from kraftwerk.landing import cdn, configure, upload, virtualenv
from kraftwerk.plan import Wanted
from kraftwerk.planning import shown
from kraftwerk.release import FAILED, NEW
from kraftwerk.rollout import SECONDS, Phase, Rollout
from kraftwerk.savepoint import Savepoint
from kraftwerk.wheels import cargo, store


def check(run: Rollout) -> None:
    """See that the project can be uploaded and what the node has, before anything is touched."""
    superuser.check(run.instance, run.project.is_django(run.instance.environment))
    places.check(run.instance, run.project.root)
    if run.instance.balancer:
        balancer.check(run.project, run.instance.environment)
    run.programs = programs(run)
    unread = not run.files
    if unread:
        run.source = uploads.source(run.folder)
        run.files = uploads.files(run.folder, run.source.tracked)
    hooks.check_sent(run.programs, run.files)
    delivery.check(run.project, run.instance, run.files)
    _learn(run)
    pythons.check(run.requirements, run.instance, run.history, run.target.node.name)
    if folder := run.wheels or run.project.wheels(run.instance.environment):
        run.cargo = cargo.pack(folder, run.requirements, run.target.connection, run.instance, run.history.python)
    if not run.history.surplus(run.instance.keep):
        _check_room(run)
    if unread:  # what doesn't fit, such as a forgotten image of a disk, would take minutes
        run.looked, run.hashes = time.time() - 1, content.hashes(run.folder, run.files)  # clocks of disks are coarse
    _begin(run)
    if lacking := secret.reveal(run.instance.as_dict())[1]:
        named = (re.sub(r"^options\.", "services.", path) for path in lacking)  # as files call them
        words = f"{', '.join(named)}: encrypted, but not for you; {run.target.node.name} keeps the values that it has"
        screen.warn(f"{words} → kraftwerk config recipients, and a colleague's kraftwerk config rekey")


def warn(run: Rollout) -> None:
    """Say what a plan would have to say at least, where nobody asks for one."""
    for line in shown.staying(plans.left(run.history, run.instance, run.target.node.name)):
        screen.warn(f"data of {line}")


def plan(run: Rollout) -> None:
    """Work out what would change."""
    wanted = Wanted(run.project.root, run.requirements, run.release, run.source, run.hashes, run.cargo)
    found = plans.make(
        run.target, run.history, wanted, converged=run.is_converged(run.instance), on_progress=run.progress
    )
    named = run.project.nodes(run.instance.environment)
    run.plan = replace(found, balancer=balancer.planned(run.instance, run.target.node, named, run.history.hosted))


def lock(run: Rollout) -> str:
    """Keep others away, and look again: somebody may have deployed since."""
    held = locks.held(
        run.target.connection, run.instance.name, wait=run.patience, last=slot.idle(), on_progress=run.progress
    )
    run.locks.enter_context(held)
    before = run.history.live
    _learn(run)
    if run.back and before != run.history.live:
        cause = f"release {run.history.live} went live on {run.target.node.name} meanwhile"
        raise KraftwerkError(cause, next_command="kraftwerk releases")
    if run.history.cut_off:
        steady.catch_up(run)
    begun = (old for old in run.history.releases.values() if old.state == NEW)
    lost = [replace(old, state=FAILED, reason="interrupted") for old in begun]
    if lost:
        releases.write(run.target.connection, run.instance, lost)
    return ""


def disk(run: Rollout) -> None:
    """See that the release fits on the node's disk, if need be without what is pruned anyway."""
    if diskroom.lacking(run.history.room, uploads.size(run.folder, run.files), len(run.files)):
        releases.prune(run.target.connection, run.instance, run.history)
        run.history = replace(run.history, room=releases.read(run.target.connection, run.instance).room)
        _check_room(run)


def wheels(run: Rollout) -> str | None:
    """Send the wheels that the node lacks; before it is converged, as uv may be among them."""
    if run.cargo is None:
        return None
    sent = cargo.bring(run.cargo, run.target.connection, run.progress)
    return f"{sent} sent in {SECONDS}" if sent else "as they are"


def node(run: Rollout) -> str:
    """Converge the node, unless that was done a short while ago or the plan just found nothing to change.

    Other nodes that hold data of it come first. Workers and cron jobs stay as they are until the switch.
    """
    places.converge(run.target, run.project.root, run.progress)
    wanted = handover.before(run)
    if run.is_converged(wanted) or (run.plan is not None and not run.plan.states):
        return "as it is"
    handover.converge(run, wanted)
    if not run.history.python:
        _learn(run)  # now that it is there, the virtualenv can be named
    return SECONDS


def tls(run: Rollout) -> str | None:
    """Have the site's certificate made or renewed; where that fails, the site stays as it is, no more."""
    name, node = run.instance.name, run.target.node.name
    try:
        found = certificates.certify(run.target.connection, {name: run.instance}).get(name)
    except KraftwerkError as error:
        screen.warn(str(error))
        return None
    if found is None or not found.cause:
        return SECONDS if found and found.new else None
    run.plain = not found.until
    screen.warn(found.told(run.instance, node))
    return None


def dump(run: Rollout) -> str | None:
    """Save the databases on the node, if the release may migrate them."""
    live, number, names = run.history.live, run.release.number, savepoint.services(run.project, run.instance)
    if run.undumped or run.served or run.follows or live is None or not names:
        return None
    if not savepoint.is_due(run.target.connection, run.instance, number, live, run.history.hosted):
        return None
    point = Savepoint(live, number)
    size, run.saved = savepoint.make(run.target, point, names, run.progress), point.back(run.target)
    return f"{screen.size(size)} in {SECONDS}"


def migrate(run: Rollout) -> str | None:
    """Run the release commands in the new release, once; then nothing that runs may change its static files."""
    applied = lead.commands(run.target.connection, run.instance, run.release.number, run.lead)
    if not run.served:
        migration.seal(run.target.connection, run.instance, run.release.number)
    if not run.instance.release:
        return None
    if run.lead is not None and run.follows:
        return f"as on {run.lead.node}"
    run.release = replace(run.release, migrations=applied)
    return str(applied) if applied else ""


def superusers(run: Rollout) -> str | None:
    """Make the superusers that are declared and missing."""
    if not run.instance.superusers or run.follows:
        return None
    made = superuser.create(run.target.connection, run.instance, run.release.number)
    return f"{made} created" if made else "as it is"


def record(run: Rollout) -> None:
    """Write down what became of the releases."""
    seconds = run.release.seconds if run.back else round(run.seconds, 1)
    had = run.release.beside if run.back else beside.of(run.instance)
    run.release = replace(run.release, seconds=seconds, beside=had)
    run.after, changed = releases.went_live(run.history, run.release, run.slot, rolled_back=run.back)
    releases.write(run.target.connection, run.instance, changed)
    with suppress(KraftwerkError):  # without privilege here, the site is live all the same
        if not run.instance.behind:
            hosts.follow(run.target.node.host, run.instance.domains)


def prune(run: Rollout) -> str:
    """Remove old releases, and virtualenvs that none needs."""
    gone = releases.prune(run.target.connection, run.instance, run.after)
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
    live = f"Release {run.release.number} is live {seconds}   {run.url}"
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
    run.programs = programs(run)
    run.back, run.history = True, releases.read(run.target.connection, run.instance)
    run.release = run.history.earlier(number)


BEFORE: tuple[Phase, ...] = (check, plan)
DEPLOY: tuple[Phase, ...] = (
    lock, disk, wheels, node, tls, upload, virtualenv, configure, stand_by, dump, migrate, superusers, cdn, boot, gate,
    switch, steady.workers, drain, grow, balance, record, prune, unlock,
)  # fmt: skip
ROLLBACK: tuple[Phase, ...] = (lock, stand_by, boot, gate, switch, steady.workers, drain, grow, record, unlock)


def programs(run: Rollout) -> Hooks:
    """Return the project's hooks, whatever phase they belong to."""
    return hooks.find(run.project.root, [phase.__name__ for phase in DEPLOY])


def _check_room(run: Rollout) -> None:
    needed = uploads.size(run.folder, run.files)
    if lack := diskroom.lacking(run.history.room, needed, len(run.files)):
        raise diskroom.refused(run.target.connection, run.instance, lack)


def _learn(run: Rollout) -> None:
    """Read the instance's state from the node, and number the release by it."""
    run.history = releases.read(run.target.connection, run.instance)
    if run.back:
        run.target = replace(run.target, instance=handover.going_back(run))
        return
    scaled = target.scaled(run.instance, run.history.hosted)
    arranged = balancer.arranged(scaled, run.target.node, run.history.hosted)
    run.target = replace(run.target, instance=arranged)
    neighbours.check(run.instance, run.history.hosted, run.target.node.name)
    _begin(run)


def _begin(run: Rollout) -> None:
    """Name the release, and the virtualenv that it needs."""
    number = run.history.next_number
    venv = nodevenv.name(run.requirements, run.history.python or run.instance.python, number, run.cargo)
    begun = releases.begin(number, run.source.commit, run.source.dirty, venv)
    held = "" if run.served else content.digest(run.hashes)
    run.release = replace(begun, served=run.served, content=held, mark=run.mark)
