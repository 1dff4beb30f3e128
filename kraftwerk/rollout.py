"""A deploy or a rollback on its way through its phases, and what is undone when one fails."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from kraftwerk import converged, hooks, lock, requirements, screen, slot
from kraftwerk import release as releases
from kraftwerk.errors import KraftwerkError
from kraftwerk.hooks import Hooks
from kraftwerk.instance import Instance, environment_words
from kraftwerk.lead import Lead
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
        release: the one that shall be live at the end; mark: what tells that it is ours.
        back: it is an older one, gone back to.
        history, after: what the node had before, and has once the release is live; who holds the lock needn't ask.
        source, files, hashes: what git says of the project, the files that are sent, and what they hold; looked: when
            that was looked at, in seconds.
        copy: where these are taken from, in place of the project's folder (fleet/parcel.py).
        lead: what another node made of the same release, which this one follows.
        served: its files change as they are saved (see serve/full.py).
        beside: the served release whose place it takes, and that the save after this one goes into.
        slot: where it boots; log_size: how large that slot's log was before; missing: workers that start later.
        landed, booted, switched: how far it came, for what has to be undone; unsure: it was about to be switched.
        ready: the virtualenv that was found whole when the release landed.
        patience: seconds to wait for another deploy, dump or load of the instance; the default is as long as it takes
            to stop what a deploy left running that was killed.
        wheels: the folder of wheels to install from, in place of an index; cargo: what is taken along of it.
        undumped: nothing is saved before it migrates; saved: the command that brings back what was.
        hooks: functions called before and after phases, by `before-migrate` and so on; programs: the project's own.
        plain: it has no certificate, so that its visitors come by http.
        undo: leads visitors back after the switch, for as long as the release that was live still runs.
        complaints: what failed after that, and stopped nothing.
    """

    project: Project
    target: Target
    release: Release = field(default_factory=lambda: Release(0))
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    back: bool = False
    served: bool = False
    beside: int = 0
    history: History = field(default_factory=History)
    after: History = field(default_factory=History)
    source: Source = field(default_factory=Source)
    files: list[str] = field(default_factory=list)
    hashes: Mapping[str, str] = field(default_factory=dict)
    looked: float = 0.0
    copy: Path | None = None
    lead: Lead | None = None
    wanted: Requirements | None = None
    plan: Plan | None = None
    slot: str = ""
    log_size: int = 0
    booting: float = 0.0
    missing: int = 0
    landed: bool = False
    ready: str = ""
    booted: bool = False
    switched: bool = False
    unsure: bool = False
    patience: float = 3
    undumped: bool = False
    plain: bool = False
    saved: str = ""
    started: float = field(default_factory=time.monotonic)
    hooks: Mapping[str, Sequence[Callable[["Rollout"], None]]] = field(default_factory=dict)
    programs: Hooks = field(default_factory=dict)
    undo: Callable[["Rollout"], None] | None = None
    complaints: list[str] = field(default_factory=list)
    locks: ExitStack = field(default_factory=ExitStack)
    wheels: Path | None = None
    cargo: Cargo | None = None
    progress: Callable[[str], None] = unheard
    say: Callable[[str], None] = unheard

    @property
    def left(self) -> Release:
        """Return the release that was live before."""
        return self.history.releases.get(self.history.live or 0, Release(0))

    @property
    def instance(self) -> Instance:
        """Return the instance that is deployed."""
        return self.target.instance

    @property
    def url(self) -> str:
        """Return the address that a browser opens: without a certificate, by http."""
        return self.instance.url.replace("https://", "http://", 1) if self.plain else self.instance.url

    @property
    def folder(self) -> Path:
        """Return where the files are that are sent."""
        return self.copy or self.project.root

    @property
    def follows(self) -> bool:
        """Tell whether release commands ran for it on another node, which has the same databases."""
        return self.lead is not None and self.lead.collected is not None

    def is_converged(self, instance: Instance) -> bool:
        """Tell whether the node was converged to just this instance a short while ago."""
        hosted = {**self.history.hosted, instance.name: instance}
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
    run.progress, run.say = tokens.progress, tokens.line
    run.started = time.monotonic()  # the user's time for the answer doesn't count
    with run.locks:
        for phase in phases:
            name, began = phase.__name__, time.monotonic()
            tokens.begin(SHOWN_AS.get(name, name))
            try:
                lock.check()
                _call(run, f"before-{name}")
                note = phase(run)
                _call(run, f"after-{name}")
            except KraftwerkError as error:
                _abandon(run, error.cause, name)
                how = _rest(run, name) if run.unsure else error.next_command or _rest(run, name)
                raise KraftwerkError(_told(run, error), next_command=how, code=error.code) from error
            except BaseException as error:
                _abandon(run, "interrupted" if isinstance(error, KeyboardInterrupt) else repr(error), name)
                how = _rest(run, name)
                screen.warn(_told(run, KraftwerkError(f"{name} was interrupted")) + (how and f" → {how}"))
                raise
            tokens.done(SHOWN_AS.get(name, name), note and note.replace(SECONDS, _shown(time.monotonic() - began)))
    if run.complaints:
        raise KraftwerkError("\n".join([*run.complaints, f"release {run.release.number} is live all the same"]))


def _call(run: Rollout, moment: str) -> None:
    """Call the hooks of a moment. Where one fails after the switch, visitors are led back if they still can be."""
    for hook in run.hooks.get(moment, ()):
        hook(run)
    try:
        hooks.call(run, moment)
    except KraftwerkError as error:
        if run.switched and run.undo is not None:
            run.undo(run)
        if not run.switched:
            raise
        run.complaints.append(error.cause)


def _abandon(run: Rollout, reason: str, phase: str) -> None:
    """Leave nothing of a failed release running, and tell the project's hook of failures."""
    with suppress(KraftwerkError):  # the node can't be reached, or is another one's by now: the next deploy cleans up
        lock.check()
        _clean_up(run, reason, phase)
    try:
        hooks.call(run, hooks.FAILURE, KRAFTWERK_PHASE=phase, KRAFTWERK_ERROR=reason)
    except KraftwerkError as error:
        screen.warn(error.cause)


def _clean_up(run: Rollout, reason: str, phase: str) -> None:
    """Stop what was booted. The folder of the release stays for a look, or to go on with, until the next one."""
    if run.switched:
        return
    if run.booted:
        slot.stop(run.target.connection, run.instance, run.slot, seconds=3)
        run.unsure = False  # a live one is not stopped
    if run.landed:
        first, seconds = reason.splitlines()[0].rstrip(":"), round(run.seconds, 1)
        failed = replace(run.release, state=FAILED, phase=phase, reason=first, seconds=seconds)
        releases.write(run.target.connection, run.instance, [failed])


def _told(run: Rollout, error: KraftwerkError) -> str:
    """Return what failed, with what serves now."""
    if run.switched:
        return f"{error.cause}\nrelease {run.release.number} is live, but not all was cleaned up"
    if run.unsure:
        return f"{error.cause}\nwhether release {run.release.number} is live by now can't be told from here"
    if run.history.live is not None and (run.landed or run.booted):
        saved = f"\nthe data as it was before it migrated: {run.saved}" if run.saved else ""
        return f"{error.cause}\nrelease {run.history.live} serves on, untouched{saved}"
    return error.cause


def _rest(run: Rollout, phase: str) -> str:
    """Return the command that shows what is live, where that isn't known; or does what was left after a switch."""
    words = [run.target.node.name, *environment_words(run.instance.environment)]
    if run.unsure:
        return " ".join(["kraftwerk releases", *words])
    if not run.switched or run.served:
        return ""
    if run.back:  # the lock's end stopped what was left; workers may run the other release still
        return " ".join(["kraftwerk restart --node", *words])
    return " ".join(["kraftwerk deploy", *words, "--from", "workers" if phase == "switch" else phase])


def _shown(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"
