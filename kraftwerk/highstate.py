"""Converge a node: all that its states model, for all the projects that it hosts."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kraftwerk import balancer, converged, lock, process, registry, saltconf, saltssh, tls
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection
from kraftwerk.transport.engine import SENDING
from kraftwerk.webaddress import bare

COMPLETED = re.compile(r"\[INFO\s*\] Completed state \[(?P<name>.*)\] at time \S+ \(duration_in_ms=(?P<ms>[\d.]+)\)")
LOCK = lock.NODE
ENVIRONMENT = "project/env/"  # how the ID of an instance's environment begins
TRACEBACK = re.compile(r"An exception occurred in this state: Traceback.*:\n(?:[ \t].*\n)+")  # its last line tells
REQUISITE = "One or more requisite failed"  # what Salt says of a state that never ran
WAIT = 600  # seconds that a highstate waits for another one on the same node: they queue rather than fail


@dataclass(frozen=True)
class StateResult:
    """What became of one state.

    Attributes:
        id: the state's ID; sls: the file that it stands in, dotted as Salt names it.
        result: True done or nothing to do, False failed, None would change (with test).
        changes: what changed or would change, as the state reports it.
        seconds: how long it took.
        notes: what it has to say beside, such as what it left as somebody made it by hand.
    """

    id: str
    sls: str
    name: str
    function: str
    result: bool | None
    comment: str
    changes: Mapping[str, Any]
    seconds: float
    order: int
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Tell whether it changed something, or would."""
        return self.result is not False and (bool(self.changes) or self.result is None)

    @property
    def failed(self) -> bool:
        """Tell whether it failed."""
        return self.result is False


@dataclass(frozen=True)
class Outcome:
    """What became of a whole highstate on a node.

    Attributes:
        lacking: a line for each site that wants a certificate, or a newer one, and got none.
    """

    node: str
    results: tuple[StateResult, ...]
    seconds: float
    test: bool
    lacking: tuple[str, ...] = ()

    @property
    def changed(self) -> list[StateResult]:
        """Return the states that changed something, or would, in the order in which they ran."""
        return [result for result in self.results if result.changed]

    @property
    def unchanged(self) -> list[StateResult]:
        """Return the states that had nothing to do."""
        return [result for result in self.results if not result.changed and not result.failed]

    @property
    def notes(self) -> list[str]:
        """Return what states have to say beside."""
        return [*(note for result in self.results for note in result.notes), *self.lacking]

    @property
    def failed(self) -> list[StateResult]:
        """Return the states that failed."""
        return [result for result in self.results if result.failed]


@dataclass(frozen=True)
class PartChange:
    """What becomes of the part that an instance has on another node (see part.py): `change` makes the new one of it."""

    name: str
    change: Callable[[Instance | None], Instance]


def converge(
    node: Node,
    instance: Instance | None = None,
    *,
    part: PartChange | None = None,
    test: bool = False,
    only: tuple[str, ...] = (),
    project_root: Path | None = None,
    deploying: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Apply the highstate to a node.

    Args:
        instance: one to add or change before; it is recorded for the node's registry, but not by a test.
        deploying: it gets a release of its own for what changes, so that its live one keeps its environment.
        part: the same for the data of an instance on another node.
        test: change nothing, tell what would change.
        only: converge these projects' instances only, instead of all.
        project_root: a project whose own states and files (`salt/` in it) go before the shipped ones.
        on_progress: is called with the count and the name of each state as it completes.

    Raises:
        KraftwerkError: the node can't be reached, or the states don't render.
    """
    connection, start = Connection(node), time.monotonic()
    saltssh.prepare(node)
    with lock.held(connection, LOCK, wait=WAIT, on_progress=on_progress or (lambda text: None)):
        registry.sync(connection)
        before = _record(node, instance, part)
        stamp = "" if test else converged.digest(node, registry.instances(node), project_root)
        if not test:
            converged.forget(connection)
        try:
            value = saltssh.call(
                node, "state.highstate", test=test, on_line=_progress(on_progress), options=_options(only, project_root)
            )
        finally:
            if test:
                _restore(node, before)
        outcome = Outcome(node.name, parse(node, value), time.monotonic() - start, test)
        if not test:
            whole = not only and not outcome.failed
            _follow(connection, outcome, instance.name if instance and deploying else "", stamp if whole else "")
        if not (test or deploying or outcome.failed):
            hosted = registry.instances(node)
            lacking = (*tls.warnings(connection, hosted), *balancer.back(node, hosted.values()))
            outcome = replace(outcome, lacking=lacking)
    return outcome


def _follow(connection: Connection, outcome: Outcome, but: str, stamp: str) -> None:
    """Give live releases the environment that their instances have by now, where that changed, now or before.

    With a stamp, note what the node was converged to, in the same round trip.
    """
    changed = (each.id.removeprefix(ENVIRONMENT) for each in outcome.changed if each.id.startswith(ENVIRONMENT))
    connection.script(script("follow"), stamp, but, *(name for name in changed if "/" not in name and name != but))


Before = dict[tuple[str, str], Instance | None]  # what the mirror had, by kind and name


def _record(node: Node, instance: Instance | None, part: PartChange | None) -> Before:
    """Put what shall be on the node into the mirror, and return what was there."""
    before: Before = {}
    if instance is not None:
        before[registry.HOSTED, instance.name] = registry.instances(node).get(instance.name)
        registry.record(node, instance)
    if part is not None:
        known = registry.instances(node, registry.DATA).get(part.name)
        before[registry.DATA, part.name] = known
        registry.record(node, part.change(known), registry.DATA)
    return before


def _restore(node: Node, before: Before) -> None:
    """Undo in the mirror what a test put there."""
    for (kind, name), known in before.items():
        if known is None:
            registry.forget(node, name, kind)
        else:
            registry.record(node, known, kind)


def _options(only: tuple[str, ...], project_root: Path | None) -> dict[str, Any]:
    options: dict[str, Any] = {"ext_pillar": saltconf.external_pillar(only)} if only else {}
    return options | ({"file_roots": saltconf.file_roots(project_root)} if project_root else {})


def _progress(on_progress: OnProgress | None) -> process.OnLine:
    count = 0

    def on_line(line: str) -> None:
        nonlocal count
        match = COMPLETED.search(line)
        if on_progress is None:
            return
        if match:
            count += 1
            on_progress(f"{count} {match['name']}")
        elif line.startswith(SENDING):
            on_progress(line)

    return on_line


def parse(node: Node, value: Any) -> tuple[StateResult, ...]:
    """Return the results, in the order in which they ran, from what Salt returned.

    Raises:
        KraftwerkError: it isn't the return of states but a list of errors, or there is none in it.
    """
    if value == {}:  # so stock salt-ssh answers when its archive is gone from the node
        raise KraftwerkError(f"{node.name}: no state ran", next_command=f"kraftwerk highstate {node.name}")
    if not isinstance(value, dict):
        errors = "; ".join(str(error) for error in value) if isinstance(value, list) else str(value)
        raise KraftwerkError(f"{node.name}: the states don't render: {errors}")
    results = (_result(key, entry) for key, entry in value.items())
    return tuple(sorted(results, key=lambda result: result.order))


def _result(key: str, entry: Mapping[str, Any]) -> StateResult:
    module, identifier, name, function = key.split("_|-")
    return StateResult(
        id=str(entry.get("__id__") or identifier),
        sls=str(entry.get("__sls__") or ""),
        name=str(entry.get("name") or name),
        function=f"{module}.{function}",
        result=entry.get("result"),
        comment=str(entry.get("comment") or "").strip(),
        changes=entry.get("changes") or {},
        seconds=float(entry.get("duration") or 0) / 1000,
        order=int(entry.get("__run_num__") or 0),
        notes=tuple(map(str, entry.get("warnings") or ())),
    )


def report(outcome: Outcome, *, details: bool = False) -> list[str]:
    """Return the lines that tell what changed and what failed, and the sums last.

    Args:
        details: show each change, with the diff where there is one; a test always does.
    """
    verb = "would change" if outcome.test else "changed"
    show = _changes if details or outcome.test else lambda _: []
    lines = [line for result in outcome.changed for line in [f"  {verb}  {_title(result)}", *show(result)]]
    lines += [f"  note     {note}" for note in outcome.notes]
    for result in causes(outcome):
        lines += [f"  failed   {_title(result)}", *_indented(reason(result))]
    sums = f"{len(outcome.changed)} {verb}, {len(outcome.unchanged)} unchanged, {len(outcome.failed)} failed"
    return [*lines, f"{outcome.node}: {sums} in {outcome.seconds:.1f}s"]


def causes(outcome: Outcome) -> list[StateResult]:
    """Return the states that failed by themselves, without those that only needed one of them."""
    return [result for result in outcome.failed if not result.comment.startswith(REQUISITE)] or outcome.failed


def failures(outcome: Outcome) -> str:
    """Return why states failed, each with its ID and file."""
    return "\n".join(f"{result.id} ({result.sls}): {reason(result)}" for result in causes(outcome))


def reason(result: StateResult) -> str:
    """Return why a state failed: its comment, and what the program that it ran had to say."""
    said = (str(result.changes.get(stream) or "").strip() for stream in ("stdout", "stderr"))
    comment = TRACEBACK.sub("", result.comment)
    return "\n".join(filter(None, [comment, *said])) or "no comment"


def _title(result: StateResult) -> str:
    return f"{result.id}  ({result.sls.replace('.', '/')}.sls, {result.function})  {result.seconds:.1f}s"


def _changes(result: StateResult) -> list[str]:
    diff = result.changes.get("diff")
    if isinstance(diff, str):
        return _indented(diff)
    told = {key: value for key, value in result.changes.items() if value not in ("", None) and key != "pid"}
    shown = bare("\n".join(f"{key}: {_short(value)}" for key, value in told.items()), "…@")  # an index's, for example
    return _indented(shown or result.comment)


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) <= {"old", "new"}:
        return f"{value.get('old') or '-'} → {value.get('new') or '-'}"
    return str(value)


def _indented(text: str) -> list[str]:
    return [f"           {line}" for line in text.splitlines()]
