"""The walk: from the name to the answer, one step after the other, to the first break."""

from collections.abc import Iterator
from dataclasses import replace

from kraftwerk.errors import KraftwerkError
from kraftwerk.why import facts, inside, outside, page
from kraftwerk.why.case import Case, Step
from kraftwerk.why.facts import Facts


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
        answer = outside.ask(case)  # first, so that the log on the node has what became of it
        found = facts.look(case)
    except KraftwerkError as error:
        if error.code == 2:  # our own configuration is broken, not the node
            raise
        yield Step("node", error.cause, False, error.next_command)
        return
    yield from inside.steps(case, found)
    yield inside.answer(case, answer, found)
    if case.scheme == "http" and answer.location.startswith(f"https://{case.host}/"):
        secure = replace(case, url=answer.location)
        yield from _reached(secure, found)
        case, answer = secure, outside.ask(secure)
        yield inside.answer(case, answer, found)
    yield from page.steps(case, answer)


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
