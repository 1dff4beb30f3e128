"""Which wheels a house can do without: old versions that nothing requires."""

from collections.abc import Collection

from packaging.version import Version

from kraftwerk.errors import KraftwerkError
from kraftwerk.project import Project
from kraftwerk.wheels import aim, wanted
from kraftwerk.wheels.house import House
from kraftwerk.wheels.wheel import Wheel


def surplus(house: House, keep: int, needed: Collection[Wheel]) -> list[Wheel]:
    """Return the wheels that go: all but the newest versions of each package, and records of lost files.

    Args:
        keep: how many versions stay.
        needed: stay in any case.
    """
    going = list(house.lost)
    for name in sorted({wheel.name for wheel in house.wheels}):
        known = [wheel for wheel in house.wheels if wheel.name == name]
        versions = sorted({Version(wheel.version) for wheel in known}, reverse=True)[:keep]
        going += [wheel for wheel in known if Version(wheel.version) not in versions and wheel not in needed]
    return going


def needed(house: House, here: Project | None, environment: str, node: str | None) -> list[Wheel]:
    """Return the wheels that a project requires just now, on the named node, else on all that it is on.

    Raises:
        KraftwerkError: some of these are missing, or a node can't be asked, so that it can't be told.
    """
    if here is None:
        return []
    lines, root = wanted.chosen(here, environment, (), ())
    try:
        targets = aim.every(here, environment, node)
        return [wheel for target in targets for wheel in house.resolve(lines, target, root)]
    except KraftwerkError as error:
        cause = f"what {here.name} requires can't be told, so nothing is deleted: {error.cause}"
        raise KraftwerkError(cause, next_command=error.next_command) from error
