"""A save as a small deploy: what changed goes into a release beside the live one, which boots and takes its place.

There are two releases, and each save goes into the one that isn't live. So nothing changes under code that serves: a
template that is broken, or a module that is imported late, is seen only once it is live.
"""

from dataclasses import replace
from pathlib import PurePosixPath

from kraftwerk import cutover, deploy, migration, slot, steady, upload
from kraftwerk import lock as locks
from kraftwerk import release as releases
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.release import SERVED, Release
from kraftwerk.remote import script
from kraftwerk.rollout import Phase, Rollout
from kraftwerk.target import Target
from kraftwerk.workers import WEB

COLLECT = "collectstatic"  # the release commands that are run again when a file is saved that is no code
CODE = (".py", ".html", ".txt", ".md", ".toml", ".cfg", ".ini", ".yaml", ".yml")
WORKERS = 2
DRAIN = 1  # seconds that requests are given to finish: whoever saves again shall not wait for them


def lock(run: Rollout) -> None:
    """Keep others away, and see that none of them deployed."""
    held = locks.held(run.target.connection, run.instance.name, wait=run.patience, last=slot.idle())
    run.locks.enter_context(held)
    printed = run.target.connection.script(script("live"), run.instance.name).stdout  # which is live, and nothing else
    run.history = releases.parse(printed.decode(errors="replace"))
    if run.history.live != run.beside:
        cause = f"release {run.history.live} is live on {run.target.node.name} by now, not the one that was served"
        raise KraftwerkError(cause, next_command=f"kraftwerk releases {words_for(run.target, plain=True)}")


def mend(run: Rollout) -> None:
    """Have the release be as the live one, after a save that did not come to its end."""
    _mirror(run, run.beside, run.release)


def send(run: Rollout) -> None:
    """Have the release's files be as they are here."""
    folder = PurePosixPath(run.instance.release_folder(run.release.number))
    upload.follow(run.target.connection, run.project.root, run.files, folder)


def collect(run: Rollout) -> None:
    """Collect static files again, when one may have been saved."""
    commands = tuple(command for command in run.instance.release if COLLECT in command)
    if commands and any(not name.endswith(CODE) for name in run.files):
        migration.run(run.target.connection, replace(run.instance, release=commands), run.release.number)


def drain(run: Rollout) -> None:
    """Stop the old code."""
    if run.history.live_slot:
        slot.stop(run.target.connection, run.instance, run.history.live_slot, seconds=DRAIN)


def mirror(run: Rollout) -> None:
    """Have the release beside be as this one: the next save goes into it."""
    run.beside = run.beside or run.release.number + 1
    _mirror(run, run.release.number, replace(run.release, number=run.beside))


def _mirror(run: Rollout, number: int, into: Release) -> None:
    """Have the folder of a release be as another's is; of one that isn't there yet, the record is written, too."""
    arguments = (run.instance.name, str(number), str(into.number), replace(into, state=SERVED).as_json())
    run.target.connection.script(script("mirror"), *arguments)


def grow(run: Rollout) -> None:
    """Let the first worker have company, which nobody had to wait for."""
    project = run.project.instance(run.instance.environment, run.target.node.name)
    workers = run.instance.scale.get(WEB) or project.workers or WORKERS
    if workers > 1:
        slot.resize(run.target.connection, run.instance, workers)


def stand_by(run: Rollout) -> None:
    """Have the free slot begin, as far as it can without the project's code: the next save waits for that code only."""
    free, number = run.history.free_slot, run.release.number
    if run.switched:
        free, number = "b" if run.slot == "a" else "a", run.beside
    slot.stand_by(run.target.connection, run.instance, free, number)


def leave(run: Rollout) -> None:
    """Stop what stands by."""
    slot.stop(run.target.connection, run.instance, run.history.free_slot, seconds=DRAIN)


FIRST: tuple[Phase, ...] = (*deploy.DEPLOY[:-1], mirror, grow, stand_by, deploy.unlock)
SAVE: tuple[Phase, ...] = (
    lock, send, collect, cutover.boot, cutover.gate, cutover.switch, steady.workers, drain, mirror, grow, stand_by,
    deploy.unlock,
)  # fmt: skip
MENDED: tuple[Phase, ...] = (lock, mend, *SAVE[1:])
AGAIN: tuple[Phase, ...] = (lock, stand_by, deploy.unlock)  # after a mistake
END: tuple[Phase, ...] = (lock, leave, deploy.unlock)


def light(instance: Instance) -> Instance:
    """Return an instance that starts with one worker: each loads the application, and the first one is waited for.

    One whose web was scaled starts with as many as that: a node keeps it. Static files come from the site itself: a
    save is seen at once.
    """
    return replace(instance, workers=1, cdn={})


def words_for(target: Target, plain: bool = False) -> str:
    """Return the words that name a node and an environment for a command."""
    return f"{'' if plain else '--node '}{target.node.name} --env {target.instance.environment}"
