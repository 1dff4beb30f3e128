"""Replace data of an instance: laid beside the old on the node, compared, and swapped in while requests wait.

Until the swap everything is as it was, whatever fails or is killed. The swap itself runs to its end on the node even
where we are killed in the middle of it (docs/decisions/0018).
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from kraftwerk import hold, lock, nodeprogram, screen
from kraftwerk.anonymize import Hooks
from kraftwerk.arrival import Arrive
from kraftwerk.counts import Comparison, Counts, compare, counts_of, headline
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest
from kraftwerk.replacement import Plan, check_versions, holdings, of_archive
from kraftwerk.screen import OnProgress, OnStep
from kraftwerk.target import Target

UNTOUCHED = "still has its old data, all of it"  # in the errors of a load that changed nothing


@dataclass(frozen=True)
class Outcome:
    """What a load did.

    Attributes:
        manifest: of what landed.
        comparisons: each count of the manifest beside the one that was found before the swap.
        later: those that were others after it, when the site served again: it may have written since.
        counts: what each service holds now, where hooks changed it.
        hold: how long requests waited, and how many.
    """

    manifest: Manifest
    comparisons: tuple[Comparison, ...]
    later: tuple[Comparison, ...] = ()
    counts: Mapping[str, Counts] = field(default_factory=dict)
    hold: "hold.Hold | None" = None

    @property
    def told(self) -> str:
        """Return the comparisons as they are printed: `31/31 rows, 23/23 files`."""
        told = [line for line in self.comparisons if line.told]
        often = Counter(line.name for line in told)
        return ", ".join(f"{line.service} {line}" if often[line.name] > 1 else str(line) for line in told)


def load(
    target: Target,
    plan: Plan,
    arrive: Arrive,
    *,
    back: str,
    hooks: Hooks | None = None,
    step: OnStep = screen.step,
    then: Callable[[], None] = lambda: None,
) -> Outcome:
    """Replace the data of an instance by what arrives.

    Args:
        plan: from `replacement.plan`.
        arrive: brings the data to the node.
        back: the command that brings the old data back, for when something fails in the middle; empty if none does.
        hooks: what anonymizes it before anybody can reach it.
        step: shows a step of it by its name, for as long as it takes.
        then: what is to be done once the data is swapped, before requests go on.

    Raises:
        KraftwerkError: somebody else works on the instance; it did not arrive, is of another kind than planned, can't
            be loaded or isn't what its manifest says, or a hook failed: then all is as it was. Or the swap failed:
            which services are old, which new, and how to go back.
    """
    run = _Run(target, plan, secrets.token_hex(6), step, back, then)
    with _watched(run, hooks), lock.held(target.connection, plan.instance.name), _tidy(run):
        with step("receive") as shown:
            manifest = run.untouched(lambda: arrive(run.token, shown.progress))
        run.untouched(lambda: _check(run, manifest))
        comparisons = run.untouched(lambda: _prepare(run, manifest))
        if hooks:
            with step("anonymize") as shown:
                run.untouched(lambda: hooks.run(target, run.token, run.environ, shown.progress))
        with step("switch") as shown:
            held, found = _switch(run, manifest, shown.progress)
            shown.note = _waited(held)
        comparisons += found
        with step("check"):
            counts, later = _look_again(run, manifest, bool(hooks))
        with step("clean up"):
            run.clean()
    return Outcome(manifest, tuple(comparisons), tuple(later), counts, held)


@dataclass
class _Run:
    """One load on its way.

    Attributes:
        token: what it is called on the node.
        prepared: services whose new data lies beside the old.
        at_once: services whose modules can only load in one piece.
        environ: variables that lead to the prepared data.
        done: services whose data is the new one.
        cleaned: nothing of it is left on the node but that.
    """

    target: Target
    plan: Plan
    token: str
    step: OnStep
    back: str
    then: Callable[[], None]
    prepared: list[str] = field(default_factory=list)
    at_once: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    cleaned: bool = False

    @property
    def place(self) -> str:
        """Return what is loaded into, for errors."""
        return f"{self.plan.instance.name} on {self.target.node.name}"

    def call(self, function: str, *arguments: Any, on_progress: OnProgress | None = None) -> Any:
        """Call a function of the node for the instance."""
        name = self.plan.instance.name
        return nodeprogram.call(self.target.connection, function, name, *arguments, on_progress=on_progress)

    def folder(self, service: str) -> PurePosixPath:
        """Return where a service's members lie on the node."""
        return self.plan.instance.root / "dump" / self.token / service

    def now(self, services: Sequence[str]) -> dict[str, Counts]:
        """Return what the instance holds now."""
        found = holdings(self.target.connection, self.plan.instance, services)
        return {service: found[service].counts for service in services}

    def clean(self) -> None:
        """Remove what lies on the node because of it, the replaced data too."""
        for words in self.call("kw_load.discard", self.token, list(self.plan.services)):
            screen.warn(f"{self.place}: {words}")
        self.cleaned = True

    def untouched(self, work: Callable[[], Any]) -> Any:
        """Do what touches no present data; say so when it fails."""
        try:
            return work()
        except KraftwerkError as error:
            raise KraftwerkError(
                f"{error.cause}\n{self.place} {UNTOUCHED}",
                next_command=error.next_command or "mend that and try again",
                code=error.code,
            ) from error


@contextmanager
def _tidy(run: _Run) -> Iterator[None]:
    """Remove what is left on the node at the end: members, and what was prepared and not swapped in."""
    try:
        yield
    finally:
        if not run.cleaned:
            with suppress(KraftwerkError):  # a node that can't be reached now is cleaned by the next load
                run.clean()


@contextmanager
def _watched(run: _Run, hooks: Hooks | None) -> Iterator[None]:
    """Have the node itself remove what isn't anonymized yet, should we die on the way."""
    if hooks is None:
        yield
        return
    words = (run.plan.instance.name, run.token, list(run.plan.services))
    with nodeprogram.start(run.target.connection, "kw_load.watch", *words, feeds=True) as watcher:
        try:
            yield
        finally:
            with suppress(OSError):
                watcher.stdin.write(b"done")
                watcher.stdin.flush()


def _check(run: _Run, manifest: Manifest) -> None:
    """See that what landed is what was planned: of a live instance it may have changed since."""
    landed = {one.service: one for one in of_archive(manifest)[1]}
    for service in run.plan.services:
        if service not in landed:
            raise KraftwerkError(f"what arrived holds no {service}")
    check_versions(run.target.node.name, [landed[service] for service in run.plan.services], run.plan.current)


def _prepare(run: _Run, manifest: Manifest) -> list[Comparison]:
    """Lay each service's data beside its present data, and compare what lies there with the manifest."""
    comparisons = []
    for service in run.plan.services:
        wanted = manifest.service(service)
        with run.step(service) as shown:
            source = str(run.folder(service))
            try:
                found = run.call("kw_load.prepare", service, source, run.token, on_progress=shown.progress)
            except KraftwerkError as error:
                raise KraftwerkError(f"{service} could not be loaded: {error.cause}") from error
            if found is None:
                run.at_once.append(service)
                continue
            shown.note = wanted.headline
            run.prepared.append(service)
            run.environ |= found.get("environ") or {}
        for note in found.get("notes") or ():
            screen.warn(f"{service}: {note}")
        lines = compare(service, wanted.counts, counts_of(found))
        if wrong := _wrong(lines):
            raise KraftwerkError(f"what was loaded is not what the manifest says: {wrong}")
        comparisons += lines
    return comparisons


def _switch(run: _Run, manifest: Manifest, on_progress: OnProgress) -> tuple[hold.Hold, list[Comparison]]:
    """Swap the new data in while requests wait."""
    with ExitStack() as stack:
        holding = hold.held(run.target.connection, run.plan.instance, on_progress=on_progress)
        held = run.untouched(lambda: stack.enter_context(holding))
        comparisons = _load_at_once(run, manifest)
        _activate(run)
        run.then()
    return held, comparisons


def _waited(held: hold.Hold) -> str:
    refused = f", {held.refused} of them too long" if held.refused else ""
    return f"{held.waited} requests waited, {held.seconds:.1f}s at most{refused}" if held.waited else ""


def _load_at_once(run: _Run, manifest: Manifest) -> list[Comparison]:
    """Load the services whose modules can't prepare: first, so that what they can't do is no half of the whole."""
    comparisons = []
    for service in run.at_once:
        try:
            found = run.call(f"kw_{service}.load", str(run.folder(service)))
        except KraftwerkError as error:
            raise _halfway(run, f"{service} could not be loaded: {error.cause}") from error
        run.done.append(service)
        counts = counts_of(found) if isinstance(found, dict) else run.now([service])[service]
        lines = compare(service, manifest.service(service).counts, counts)
        if wrong := _wrong(lines):
            raise _halfway(run, f"{run.place} does not hold what the manifest says: {wrong}")
        comparisons += lines
    return comparisons


def _activate(run: _Run) -> None:
    try:
        answer = run.call("kw_load.activate", run.token, run.prepared)
    except KraftwerkError as error:
        cause = f"{error.cause}\nthe swap goes on by itself on {run.target.node.name}, if it still runs"
        raise KraftwerkError(cause, next_command="try again when it can be reached") from error
    run.done += answer["activated"]
    if answer["error"]:
        raise _halfway(run, answer["error"])


def _halfway(run: _Run, cause: str) -> KraftwerkError:
    """Return the error for a swap that failed: what is new, what is old, and the way back."""
    old = [service for service in run.plan.services if service not in run.done]
    if not run.done:
        state, command = f"{run.place} {UNTOUCHED}", "mend that and try again"
    else:
        still = f", {', '.join(old)} still as before" if old else ""
        state = f"{', '.join(run.done)} on {run.target.node.name} already new{still}"
        command = run.back or "mend that and try again; there is no safety dump to go back to (--no-backup)"
    return KraftwerkError(f"{cause}\n{state}", next_command=command)


def _look_again(run: _Run, manifest: Manifest, changed: bool) -> tuple[dict[str, Counts], list[Comparison]]:
    """Return what the services hold now and, unless hooks changed it, where that is not what was loaded."""
    found = run.now(run.plan.services)
    lines = [line for one in run.plan.services for line in compare(one, manifest.service(one).counts, found[one])]
    return (found, []) if changed else ({}, [line for line in lines if line.found != line.wanted])


def _wrong(lines: Sequence[Comparison]) -> str:
    """Return the first counts that are not the manifest's."""
    return ", ".join([f"{line.service} {line}" for line in lines if line.found != line.wanted][:5])


def tell(outcome: Outcome, back: str = "") -> None:
    """Print how a load ended, and `back`, the command that brings the old data back."""
    for line in outcome.later[:5]:
        screen.warn(f"{line.service}: {line} since; the site has written, or look into it")
    screen.say(f"loaded and checked against the manifest ✓ {outcome.told}".rstrip())
    if outcome.counts:
        held = (headline(service, counts) for service, counts in outcome.counts.items())
        screen.say(f"anonymized: {' · '.join(held)}")
    if back:
        screen.say(f"undo: {back}")
