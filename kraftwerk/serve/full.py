"""The full stack: what is saved here is on a node within a second, behind its nginx, with its services and workers.

The release that is served is deployed like any other. A save is a small deploy from then on, into a release beside it:
the new code boots beside the old one, and goes live once it answers. See docs/decisions/0029.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from kraftwerk import deploy, project, rollout, target
from kraftwerk.browser import show
from kraftwerk.errors import KraftwerkError
from kraftwerk.release import Release
from kraftwerk.rollout import Phase, Rollout
from kraftwerk.serve.log import Log
from kraftwerk.serve.nodelog import NodeLog, said_anyway
from kraftwerk.serve.save import AGAIN, END, FIRST, MENDED, SAVE, light, words_for
from kraftwerk.serve.saved import Saved
from kraftwerk.target import Target
from kraftwerk.tokens import Quiet, Tokens

STATES = "salt/"
PATIENCE = 15  # seconds to wait for a dump or another deploy
MIGRATION = "/migrations/"


@dataclass
class Full:
    """A project that is served from a node.

    Attributes:
        release: the one that is live; beside: the number of the one that the next save goes into.
        alike: the one beside is as the live one, but for what is pending.
        earlier: the number of the release that was live before, to go back to.
        pending: files that were saved and aren't live yet, as an attempt failed.
    """

    there: Target
    saved: Saved
    log: Log
    release: Release = field(default_factory=lambda: Release(0))
    beside: int = 0
    alike: bool = True
    wanted: object = None
    earlier: int | None = None
    followed: NodeLog | None = None
    pending: set[str] = field(default_factory=set)

    def deploy(self, there: Target) -> None:
        """Deploy what is here, as a release whose files follow.

        Args:
            there: the instance as its files say it by now.

        Raises:
            KraftwerkError: a phase failed; what was live serves on.
        """
        run = Rollout(project.parse(self.saved.root), there, served=True, patience=PATIENCE)
        deploy.check(run)
        deploy.warn(run)
        left = run.left
        with Tokens() as tokens:
            self._go(run, FIRST, tokens)
        self.there, self.wanted = there, run.requirements
        self.earlier = self.earlier if left.served else left.number or None
        self.follow()

    def follow(self) -> None:
        """Print what the processes say on the node, from now on."""
        if self.followed:
            self.followed.stop()
        self.followed = NodeLog(self.there.connection, self.there.instance, self.log)

    def take(self, names: Sequence[str]) -> None:
        """Have the node follow files that were saved; what goes wrong is told, and what was live serves on."""
        self.pending |= set(names)
        run = None
        try:
            run = self._begun()
            why = self._beyond(run, sorted(self.pending))
            if why:
                self.log.say(f"{why} changed: deploying again", fg="yellow")
                self.deploy(run.target)
                self.log.say("live again", fg="green")
            else:
                self._send(run, sorted(self.pending))
            self.pending.clear()
        except KraftwerkError as error:
            if run and run.history.live not in (None, run.beside):
                raise  # somebody else deployed
            if run and run.switched:
                self.pending.clear()
                self.log.fail(error.cause)
                return
            first, *rest = error.cause.splitlines()  # most of the rest stands above: the processes' own log
            more = [
                line for line in rest if line.startswith(" ") and not self.log.knows(line) and not said_anyway(line)
            ]
            self.log.fail("\n".join([first, *more]))
            self.log.say("what was live before serves on; the next save tries again", fg="yellow")
            self.quietly(AGAIN)

    def quietly(self, phases: Sequence[Phase]) -> None:
        """Run phases that only make later ones quicker, or clean up: when they fail, nothing is amiss."""
        with suppress(KraftwerkError):
            run = self._begun()
            run.patience = 0  # nobody waits for these
            rollout.go(run, phases, Quiet())

    def _begun(self) -> Rollout:
        here = project.parse(self.saved.root)
        instance = light(target.instance_on(here, self.there.instance.environment, self.there.node))
        release = replace(self.release, number=self.beside)
        run = Rollout(here, replace(self.there, instance=instance), release, back=True, served=True, patience=PATIENCE)
        run.beside = self.release.number
        return run

    def _beyond(self, run: Rollout, names: Sequence[str]) -> str:
        """Return what changed that takes a whole deploy, or nothing."""
        if run.instance != self.there.instance:
            return ", ".join(name for name in names if name.endswith((".yaml", ".sls"))) or "the configuration"
        if run.requirements != self.wanted:
            return ", ".join(name for name in names if name in run.requirements.files) or "what is required"
        return next((name for name in names if name.startswith(STATES)), "")

    def _send(self, run: Rollout, names: Sequence[str]) -> None:
        run.files = [name for name in names if name not in self.saved.aside]
        if not run.files:
            return
        if self.followed and self.followed.ended:
            self.follow()
        began = time.monotonic()

        def tell(_: Rollout) -> None:
            self.log.say(f"{shown(names)} → live in {time.monotonic() - began:.1f}s", fg="green")

        run.hooks = {"after-switch": [tell]}
        self._go(run, SAVE if self.alike else MENDED, Quiet())
        if any(MIGRATION in name for name in names):
            command = f"kraftwerk run {words_for(run.target)} -- python manage.py migrate"
            self.log.say(f"migrations changed → {command}", fg="yellow")

    def _go(self, run: Rollout, phases: Sequence[Phase], tokens: Tokens) -> None:
        finished = False
        try:
            rollout.go(run, phases, tokens)
            finished = True
        finally:
            if run.switched:
                self.release, self.alike = run.release, finished
                self.beside = run.beside or run.release.number + 1


def serve(here: project.Project, there: Target, log: Log, *, browser: bool = False) -> None:
    """Deploy a project to a node, and have it follow what is saved, until Ctrl-C.

    Args:
        browser: open one, where there is a display.

    Raises:
        KraftwerkError: it can't be deployed, or somebody else deployed it in between.
    """
    saved = Saved(here.root)
    full = Full(replace(there, instance=light(there.instance)), saved, log)
    full.deploy(full.there)
    log.say(f"{there.instance.url} on {there.node.name} follows what you save; Ctrl-C ends it", fg="green")
    if browser:
        show(there.instance.url)
    try:
        with suppress(KeyboardInterrupt):
            for names in saved.watch():
                full.take(names)
    finally:
        if full.followed:
            full.followed.stop()
        full.quietly(END)
    log.say(farewell(full))


def farewell(full: Full) -> str:
    """Return what stays, and how to go on from it."""
    where = words_for(full.there, plain=True)
    back = f", or back to release {full.earlier}: kraftwerk rollback {words_for(full.there)}" if full.earlier else ""
    name = f"{full.there.instance.name} on {full.there.node.name}"
    return f"{name} stays as it was saved last\nnext: kraftwerk deploy {where}{back}"


def shown(names: Sequence[str]) -> str:
    """Return the names of some files for a line: the first ones."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
