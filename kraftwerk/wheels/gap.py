"""What a wheelhouse lacks: requirements that no wheel in it meets, whoever has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from kraftwerk.requirements_text import normal
from kraftwerk.webaddress import bare
from kraftwerk.wheels import origin
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import Wheel, best


@dataclass(frozen=True)
class Gap:
    """A requirement that no wheel meets.

    Attributes:
        requirement: such as `django>=5.2`, or the address of a repository.
        by: the wheel that requires it, as `name==version`; empty for the project itself.
        reason: why what is there doesn't do.
        target: what a wheel has to fit.
    """

    requirement: str
    by: str
    reason: str
    target: Target

    @property
    def command(self) -> str:
        """Return the command that builds a wheel for it."""
        on = f" --for {self.target.name}" if self.target.name else ""
        return f"kraftwerk wheels build {quote(self.requirement)}{on}"

    def __str__(self) -> str:
        """Return it as one line."""
        by = f" (for {self.by})" if self.by else ""
        return f"{self.requirement}{by}: {self.reason}"


def find(wheels: Sequence[Wheel], requirements: Sequence[str], target: Target, root: Path | None = None) -> list[Gap]:
    """Return all gaps, following what the wheels require themselves, each taken in the newest version that does.

    Args:
        wheels: what there is.
        requirements: lines of a requirements.txt.
        target: what wheels have to fit.
        root: the folder that paths in the lines are relative to.
    """
    return list(_Walk(wheels, target).gaps(requirements, root))


class _Walk:
    """A walk through requirements and what they require; each package and extra is visited once for each range."""

    def __init__(self, wheels: Sequence[Wheel], target: Target) -> None:
        self.wheels, self.target = wheels, target
        self.ranges: dict[str, SpecifierSet] = {}
        self.seen: set[tuple[str, str, str]] = set()

    def gaps(self, lines: Sequence[str], root: Path | None) -> Iterator[Gap]:
        split = origin.split(lines, root)
        for line in split.constraints:
            requirement = Requirement(line)
            self.ranges[normal(requirement.name)] = requirement.specifier
        for address in split.addresses:
            if origin.wheel(address, self.wheels, self.target) is None:
                yield Gap(bare(address.line), "", origin.reason(address, self.wheels, self.target), self.target)
        yield from self._visit([(line, "", "") for line in split.names])

    def _visit(self, waiting: list[tuple[str, str, str]]) -> Iterator[Gap]:
        while waiting:
            line, by, extra = waiting.pop(0)
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue  # uv says what is wrong with it
            environment = {**self.target.environment, "extra": extra}
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            gap, found = self._step(requirement, by)
            if gap is not None:
                yield gap
            waiting += found

    def _step(self, requirement: Requirement, by: str) -> tuple[Gap | None, list[tuple[str, str, str]]]:
        """Return the gap at a requirement, or what the wheel for it requires."""
        name = normal(requirement.name)
        wanted = self.ranges[name] = self.ranges.get(name, SpecifierSet()) & requirement.specifier
        new = [each for each in ("", *sorted(requirement.extras)) if (name, each, str(wanted)) not in self.seen]
        if not new:
            return None, []
        self.seen |= {(name, each, str(wanted)) for each in new}
        known = [wheel for wheel in self.wheels if wheel.name == name]
        within = set(wanted.filter([wheel.version for wheel in known]))
        chosen = best([wheel for wheel in known if wheel.version in within], self.target)
        if chosen is None:
            shown = f"{name}{wanted}"
            return Gap(shown, by, _reason(known, within, self.target), self.target), []
        return None, [(line, chosen.pin, extra) for extra in new for line in chosen.requires]


def _reason(known: Sequence[Wheel], within: set[str], target: Target) -> str:
    if not known:
        return "no wheel of it"
    fitting = [wheel for wheel in known if wheel.version in within]
    if fitting:
        return f"{fitting[0].path.name} is not for {target.words}"
    return f"there is {', '.join(sorted({wheel.version for wheel in known}))} only"
