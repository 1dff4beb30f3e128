"""The Python of a project on its node: the node's own, or another that is fetched (salt/python/managed.sls)."""

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kraftwerk import highstate
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome
from kraftwerk.instance import Instance
from kraftwerk.release import History
from kraftwerk.requirements import Requirements

DEBIANS = "3"  # whatever the node's own is
STATE = "python/managed/"
KNOWN = ("3.13", "3.12", "3.14", "3.11", "3.10", "3.9", "3.8")  # to propose: what most packages are made for first
MIRROR = "`kraftwerk: {settings: {python: {mirror: URL}}}` in the node's pillar"


def check(wanted: Requirements, instance: Instance, history: History, node: str) -> None:
    """Refuse a project that says that it can't run with the node's own Python; one that it names is fetched.

    Args:
        wanted: what the project's files say.
        history: from the node.
        node: its name.

    Raises:
        KraftwerkError: it asks for another version (code 2).
    """
    if instance.python != DEBIANS:
        return
    if not history.python:
        raise KraftwerkError(f"{node} has no python3", next_command=f"kraftwerk highstate {node}")
    if not _fits(wanted.python, history.python):
        proposed = next((each for each in KNOWN if _fits(wanted.python, f"{each}.0")), "3.x")
        cause = f"{wanted.files[0]} asks for Python {wanted.python}, and {node} has {history.python}"
        raise KraftwerkError(cause, next_command=f'python: "{proposed}" in kraftwerk.yaml', code=2)


def failed(outcome: Outcome, instance: Instance, history: History) -> KraftwerkError | None:
    """Return why a version of Python couldn't be fetched and what would help, if that is what failed.

    Args:
        outcome: of the node's states.
        history: from the node, before.
    """
    found = next((result for result in highstate.causes(outcome) if result.id.startswith(STATE)), None)
    if found is None:
        return None
    version = found.id.removeprefix(STATE)
    said = [line.strip() for line in highstate.reason(found).splitlines() if line.strip()]
    cause = f"{outcome.node} has Python {', '.join(history.pythons)}, and {version} can't be fetched: {_telling(said)}"
    remedy = f'python: "3" in kraftwerk.yaml, or a mirror: {MIRROR}' if version == instance.python else MIRROR
    return KraftwerkError(cause, next_command=remedy)


def _telling(said: list[str]) -> str:
    """Return of uv's words those that tell most: what failed, and the last cause."""
    causes = [line.removeprefix("cause: ") for line in said if line.startswith(("error: ", "cause: "))]
    return "; ".join(dict.fromkeys([*causes[:1], *causes[-1:]])).removeprefix("error: ") or said[-1]


def _fits(wanted: str, version: str) -> bool:
    try:
        return SpecifierSet(wanted).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
