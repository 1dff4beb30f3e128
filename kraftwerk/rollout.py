"""A deploy or a rollback on its way through its phases, and what is undone when one fails."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from kraftwerk import converged, requirements, screen, slot
from kraftwerk import release as releases
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.plan import Plan
from kraftwerk.project import Project
from kraftwerk.release import FAILED, History, Release
from kraftwerk.requirements import Requirements
from kraftwerk.target import Target
from kraftwerk.tokens import Tokens
from kraftwerk.upload import Source
from kraftwerk.wheels.cargo import Cargo

SECONDS = "{seconds}"  # in a phase's note: how long it took
SHOWN_AS = {"gate": "boot"}  # what a phase is called when its tick is printed


def unheard(text: str) -> None:
    """Tell nobody what is being done."""


@dataclass
class Rollout:
    """One deploy or rollback on its way through the phases; each phase adds what it found.

    Attributes:
        project, target: what goes where.
        release: the one that shall be live at the end.
        back: it is an older one, gone back to.
        served: its files change as they are saved (see serve/full.py).
        beside: the served release whose place it takes, and that the save after this one goes into.
        slot: where it boots; log_size: how large that slot's log was before.
        landed, booted, switched: how far it came, for what has to be undone.
        patience: seconds to wait for another deploy, dump or load of the instance; the default is as long as it takes
            to stop what a deploy left running that was killed.
        wheels: the folder of wheels to install from, in place of an index; cargo: what is taken along of it.
        hooks: functions called before and after phases, by `before-migrate` and so on.
    """

    project: Project
    target: Target
    release: Release = field(default_factory=lambda: Release(0))
    back: bool = False
    served: bool = False
    beside: int = 0
    history: History = field(default_factory=History)
    source: Source = field(default_factory=Source)
    files: list[str] = field(default_factory=list)
    wanted: Requirements | None = None
    plan: Plan | None = None
    slot: str = ""
    log_size: int = 0
    booting: float = 0.0
    landed: bool = False
    booted: bool = False
    switched: bool = False
    patience: float = 3
    started: float = field(default_factory=time.monotonic)
    hooks: Mapping[str, Sequence[Callable[["Rollout"], None]]] = field(default_factory=dict)
    locks: ExitStack = field(default_factory=ExitStack)
    wheels: Path | None = None
    cargo: Cargo | None = None
    progress: Callable[[str], None] = unheard

    @property
    def left(self) -> Release:
        """Return the release that was live before."""
        return self.history.releases.get(self.history.live or 0, Release(0))

    @property
    def instance(self) -> Instance:
        """Return the instance that is deployed."""
        return self.target.instance

    @property
    def converged(self) -> bool:
        """Tell whether the node was converged to just this a short while ago."""
        hosted = {**self.history.hosted, self.instance.name: self.instance}
        return self.history.converged == converged.digest(self.target.node, hosted, self.project.root)

    @property
    def requirements(self) -> Requirements:
        """Return what the release needs installed."""
        if self.wanted is None:
            self.wanted = requirements.find(self.project.root, self.instance)
        return self.wanted

    @property
    def seconds(self) -> float:
        """Return how long it has taken."""
        return time.monotonic() - self.started


Phase = Callable[[Rollout], str | None]


def go(run: Rollout, phases: Sequence[Phase], tokens: Tokens) -> None:
    """Run phases one after the other; when one fails, undo what is half-done and say what serves.

    Raises:
        KraftwerkError: a phase failed.
    """
    run.progress, run.started = tokens.progress, time.monotonic()  # the user's time for the answer doesn't count
    with run.locks:
        for phase in phases:
            name, began = phase.__name__, time.monotonic()
            tokens.begin(SHOWN_AS.get(name, name))
            try:
                for hook in run.hooks.get(f"before-{name}", ()):
                    hook(run)
                note = phase(run)
                for hook in run.hooks.get(f"after-{name}", ()):
                    hook(run)
            except KraftwerkError as error:
                _abandon(run, error.cause)
                raise KraftwerkError(_told(run, error), next_command=error.next_command, code=error.code) from error
            except BaseException as error:
                _abandon(run, "interrupted" if isinstance(error, KeyboardInterrupt) else repr(error))
                screen.warn(_told(run, KraftwerkError(f"{name} was interrupted")))
                raise
            tokens.done(SHOWN_AS.get(name, name), note and note.replace(SECONDS, _shown(time.monotonic() - began)))


def _abandon(run: Rollout, reason: str) -> None:
    """Leave nothing of a failed release running. Its folder stays for a look, until the next one."""
    if run.switched:
        return
    try:
        if run.booted:
            slot.stop(run.target.connection, run.instance, run.slot, seconds=3)
        if run.landed:
            failed = replace(run.release, state=FAILED, reason=reason.splitlines()[0], seconds=round(run.seconds, 1))
            releases.write(run.target.connection, run.instance, [failed])
    except KraftwerkError:
        pass  # the node can't be reached any more; the next deploy cleans up


def _told(run: Rollout, error: KraftwerkError) -> str:
    """Return what failed, with what serves now."""
    if run.switched:
        return f"{error.cause}\nrelease {run.release.number} is live, but not all was cleaned up"
    if run.history.live is not None and (run.landed or run.booted):
        return f"{error.cause}\nrelease {run.history.live} serves on, untouched"
    return error.cause


def _shown(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"
