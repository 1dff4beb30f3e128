"""The walk: from the name to the answer, one step after the other, to the first break."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urljoin

from kraftwerk.errors import KraftwerkError
from kraftwerk.why import facts, inside, outside, page
from kraftwerk.why.case import Case, Step
from kraftwerk.why.facts import Facts
from kraftwerk.why.outside import Answer

FRONT = "/"


def walk(case: Case) -> Iterator[Step]:
    """Yield the steps as they are made; one that is broken is the last."""
    for step in _steps(case):
        yield step
        if not step.ok:
            return


def _steps(case: Case) -> Iterator[Step]:
    """Yield the steps; who sees a broken one asks for no more."""
    try:
        yield _named(case)
        yield from _reached(case, None)
        asked = _asked(case)  # first, so that the log on the node has what became of it
        front = _front(*asked[-1])
        found = facts.look(case)
    except KraftwerkError as error:
        if error.code == 2:  # our own configuration is broken, not the node
            raise
        yield Step("node", error.cause, False, error.next_command)
        return
    yield from inside.steps(case, found)
    for each, answer in asked:
        if each.scheme != case.scheme:
            case = each
            yield from _reached(case, found)
        yield inside.answer(each, answer, found)
    if front:
        yield _fronted(*front, found)
    yield from page.steps(*(front or asked[-1]))


def _asked(case: Case) -> list[tuple[Case, Answer]]:
    """Ask for the address, and for what it leads to by https."""
    answer = outside.ask(case)
    asked = [(case, answer)]
    if case.scheme == "http" and answer.location.startswith(f"https://{case.host}/"):
        secure = replace(case, url=answer.location)
        asked.append((secure, outside.ask(secure)))
    return asked


def _front(case: Case, answer: Answer) -> tuple[Case, Answer] | None:
    """Ask for the front page, too, where the gate asks for something else: visitors see that one."""
    if not (answer.status and case.is_gates and case.path != FRONT):
        return None
    front = replace(case, url=urljoin(case.url, FRONT))
    return front, outside.ask(front)


def _fronted(front: Case, answer: Answer, found: Facts) -> Step:
    """Return how the front page answers; there may rightly be none."""
    step = inside.answer(front, answer, found)
    if 400 <= answer.status < 500:
        return Step("answer", f"GET {FRONT} {answer.status}, which may be meant", seconds=step.seconds)
    return step


def _named(case: Case) -> Step:
    """Return how the name is; a node may be reached by another address than the one that visitors know."""
    step = outside.name(case)
    if step.ok or not (found := outside.addresses(case.host)):
        return step
    try:
        its_own = facts.look(case).addresses
    except KraftwerkError as error:
        if error.code == 2:
            raise
        return step
    return replace(step, ok=True, text=f"{case.host} is {', '.join(found)}") if set(found) & set(its_own) else step


def _reached(case: Case, found: Facts | None) -> Iterator[Step]:
    step = outside.port(case)
    yield step if step.ok else outside.shut(case, step, found or facts.look(case))
    if case.scheme == "https":
        yield outside.certificate(case)
