"""Deploy what was pushed: one at a time for each project, the newest wins, and events say what became of it."""

import re
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kraftwerk import admin, events, flock, job, push, repository
from kraftwerk.deployment import LABEL
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import instance_name
from kraftwerk.paths import reactor_home, write_atomic
from kraftwerk.push import Push
from kraftwerk.reactorconfig import BRANCH, Source
from kraftwerk.webhook import COMMIT

LIVE = re.compile(r"Release (?P<release>\d+) is live in \S+ +(?P<url>\S+)")
PATIENCE = 3600  # seconds that a push waits for a dump, a load or somebody else's deploy to end
STOPPING = 15  # seconds in which a reactor that is stopped has ended
LATE = 3  # seconds: a host may tell of a push a moment before its repository has it


class Superseded(Exception):
    """The commit isn't the branch's tip any more; `tip` is."""

    def __init__(self, tip: str) -> None:
        super().__init__(tip)
        self.tip = tip


def work(project: str) -> None:
    """Deploy all that waits to be deployed of a project; return at once when that is being done already.

    Whoever does it looks again after it has let go, so that nothing is left that came meanwhile.
    """
    while push.pending(project):
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(flock.held(push.at_work(project), busy="at work", timeout=0.1))
            except KraftwerkError:
                return
            while waiting := push.pending(project):
                try:
                    _deploy(waiting[0], lock)
                finally:
                    push.finish(waiting[0])


def stranded() -> set[str]:
    """Return the projects with pushes that nobody works on: the reactor was ended in between, or an event was lost."""
    return {each.project for each in push.pending() if not flock.is_held(push.at_work(each.project))}


def log_file(project: str, environment: str) -> Path:
    """Return the file with the output of the last deploy."""
    return reactor_home() / "deploys" / f"{instance_name(project, environment)}.log"


def record_file(project: str, environment: str) -> Path:
    """Return the file that tells what became of the last deploy, as an event."""
    return log_file(project, environment).with_suffix(".json")


def receive(this: Push) -> None:
    """Take a push: deploy it, or leave it to whoever is at work on its project.

    Args:
        this: fired by hand it has no time; then it arrived now. A minion can fire such an event, too.

    Raises:
        KraftwerkError: it isn't one that the webhook could have made (code 2).
    """
    if not _is_sound(this):
        raise KraftwerkError("this is no push: a project, a branch, a whole commit and an environment", code=2)
    this = this if 0 < this.received <= time.time() else replace(this, received=time.time())
    if this.test:
        _try(this)
    else:
        push.note(this)
        work(this.project)


def _try(this: Push) -> None:
    """Tell what would be done with a push: whether its repository answers, and what stands at the branch's tip."""
    try:
        tip = repository.tip(_source(this).repository, this.branch)
        _tell(this, "tested", {"tip": tip, "would": f"kraftwerk deploy --env {this.environment} --yes"})
    except Exception as error:
        _tell(this, "tested", {"reason": str(error)})


def _is_sound(this: Push) -> bool:
    """Tell whether a push's words are what they should be: two of them become names of files."""
    shapes = ((this.project, LABEL), (this.environment, LABEL), (this.branch, BRANCH), (this.commit, COMMIT))
    return all(isinstance(word, str) and re.fullmatch(shape, word) for word, shape in shapes)


def _deploy(this: Push, lock: int) -> None:
    """Deploy one push, and tell by events; no exception leaves this.

    Args:
        lock: of the project's work tree; the deploy holds it too, should this process be killed before it.
    """
    try:
        folder = _prepare(this)
        _tell(this, "started", {})
        _tell(this, "finished", _run(this, folder, lock))
    except Superseded as newer:
        _tell(this, "superseded", {"tip": newer.tip})
    except Exception as error:
        _tell(this, "failed", {"reason": str(error)})


def _source(this: Push) -> Source:
    source = admin.load().reactor.projects.get(this.project)
    if source is None:
        raise KraftwerkError(f"{admin.config_file()}: reactor.projects has no {this.project}")
    if source.branches.get(this.branch) != this.environment:
        cause = f"branch {this.branch} is not deployed to {this.environment}"
        raise KraftwerkError(f"{admin.config_file()}: reactor.projects.{this.project}: {cause}")
    return source


def _prepare(this: Push) -> Path:
    """Fetch the pushed commit and return a work tree of it.

    Raises:
        Superseded: there is a newer one.
        KraftwerkError: the repository can't be read, or the commit isn't on the branch.
    """
    source = _source(this)
    tip = repository.fetch(this.project, source.repository, this.branch)
    if tip != this.commit and not repository.contains(this.project, tip, this.commit):
        time.sleep(LATE)
        tip = repository.fetch(this.project, source.repository, this.branch)
    if tip != this.commit:
        raise _not_the_tip(this, source, tip)
    return repository.check_out(this.project, this.commit)


def _not_the_tip(this: Push, source: Source, tip: str) -> Exception:
    if repository.contains(this.project, tip, this.commit):
        return Superseded(tip)
    return KraftwerkError(f"{this.commit} is not on branch {this.branch} of {source.repository}, whose tip is {tip}")


def _run(this: Push, folder: Path, lock: int) -> dict[str, Any]:
    """Run the deploy and return what its event tells.

    Raises:
        KraftwerkError: it failed, with the last lines that it printed.
    """
    log = log_file(this.project, this.environment)
    words = ["deploy", "--env", this.environment, "--wait", str(PATIENCE), "--yes"]
    done = job.run(words, log=log, cwd=folder, keep=(lock,))
    if done.code == -signal.SIGTERM:
        time.sleep(STOPPING)  # `reactor stop` ends all of it: then nobody comes back from this, and the push waits
    if done.code:
        raise KraftwerkError(job.reason(done))
    live = LIVE.search("\n".join(done.lines))
    return live.groupdict() if live else {}


def _tell(this: Push, what: str, more: dict[str, Any]) -> None:
    """Fire what became of a push, with the seconds since it arrived, and write it down for `status`."""
    data = {**this.as_dict(), **more, "seconds": round(time.time() - this.received, 1)}
    if what in ("finished", "failed"):
        with suppress(OSError):  # a full disk may be why it failed, and that is told all the same
            write_atomic(record_file(this.project, this.environment), events.Event(events.now(), what, data).text())
    events.fire(f"kraftwerk/deploy/{this.project}/{what}", data)
