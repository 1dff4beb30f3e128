"""Which wheels of a house meet requirements: uv decides, as pip would, and sees nothing but the house."""

import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kraftwerk import process, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements import Argv, parse_pins
from kraftwerk.wheels import gap, origin
from kraftwerk.wheels.gap import Gap
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import Wheel, best

PATIENCE = 120  # seconds; it reads a few dozen files of this machine
SEVERAL = 8  # gaps that are named before the rest is counted


def argv(uv: str, python: str, folder: str, target: Target, constraints: str) -> Argv:
    """Return the command that prints the versions for the requirements on its stdin; no index is asked.

    Args:
        uv, python: the programs; this Python only reads files, whatever the target's is.
        folder: the wheels that there are.
        target: what they have to fit.
        constraints: a file of them.
    """
    plain = ("--quiet", "--no-annotate", "--no-header", "--no-config", "--no-sources", "--no-python-downloads")
    only = ("--offline", "--no-index", "--find-links", folder, "--constraints", constraints)
    return (uv, "pip", "compile", *plain, *only, "--python", python, *target.uv_words, "-")


def resolve(wheels: Sequence[Wheel], requirements: Sequence[str], target: Target, root: Path | None) -> list[Wheel]:
    """Return the wheels for requirements and all that these require, sorted by name.

    Args:
        wheels: those that count.
        requirements: lines of a requirements.txt.
        target: what the wheels have to fit.
        root: the folder that paths in the lines are relative to; folders there are read, and built on the node.

    Raises:
        KraftwerkError: some are missing, or don't go together.
    """
    split = origin.split(requirements, root)
    forks = {address: origin.wheel(address, wheels, target) for address in split.addresses}
    if None in forks.values():
        raise lacking(gap.find(wheels, requirements, target, root), target)
    pins = [f"{fork.name}{address.extras}=={fork.version} {address.rest}" for address, fork in forks.items() if fork]
    chosen = [fork for fork in forks.values() if fork]
    others = [wheel for wheel in wheels if wheel.name not in {fork.name for fork in chosen}]
    done = _compile([*others, *chosen], [*split.names, *pins, *split.folders], split.constraints, target, root)
    if done.returncode:
        gaps = gap.find(wheels, requirements, target, root)
        raise lacking(gaps, target) if gaps else _conflict(done.stderr.decode(errors="replace"))
    versions = parse_pins(done.stdout.decode())
    fitting = [wheel for wheel in [*others, *chosen] if versions.get(wheel.name) == wheel.version]
    found = {wheel.name: best([each for each in fitting if each.name == wheel.name], target) for wheel in fitting}
    if lost := sorted(name for name, version in versions.items() if "/" not in version and not found.get(name)):
        raise KraftwerkError(f"no wheel is what uv chose: {', '.join(f'{name}=={versions[name]}' for name in lost)}")
    return [wheel for _, wheel in sorted(found.items()) if wheel]


def lacking(gaps: Sequence[Gap], target: Target) -> KraftwerkError:
    """Return the error that names what is missing, and the command that builds it."""
    where = f"{target.name} ({target.words})" if target.name else target.words
    lines = [f"wheels are missing for {where}; nothing was touched:", *(f"  {each}" for each in gaps[:SEVERAL])]
    if rest := len(gaps) - SEVERAL:
        lines += [f"  and {rest} more: kraftwerk wheels missing"] if rest > 0 else []
    return KraftwerkError("\n".join(lines), next_command=command(gaps, target))


def command(gaps: Sequence[Gap], target: Target) -> str:
    """Return the command that builds what is missing."""
    named = " ".join(shlex.quote(each) for each in dict.fromkeys(each.requirement for each in gaps))
    return f"kraftwerk wheels build {named}{f' --for {target.name}' if target.name else ''}"


def _compile(
    wheels: Sequence[Wheel], lines: Sequence[str], constraints: Sequence[str], target: Target, root: Path | None
) -> process.Completed:
    """Run uv on just these wheels."""
    with gathered(wheels) as folder:
        limits = Path(folder, "constraints.txt")
        limits.write_text("\n".join([*constraints, ""]))
        words = argv(virtualenv.uv_program(), sys.executable, folder, target, str(limits))
        text = "\n".join([*lines, ""]).encode()
        return process.run(words, input=text, cwd=root, timeout=PATIENCE, env={"VIRTUAL_ENV": ""}, check=False)


@contextmanager
def gathered(wheels: Sequence[Wheel]) -> Iterator[str]:
    """Yield a folder with just these wheels: what else lies in their own was never recorded."""
    with tempfile.TemporaryDirectory(prefix="kraftwerk-wheels-") as folder:
        for wheel in wheels:
            Path(folder, wheel.path.name).symlink_to(wheel.path.absolute())
        yield folder


def _conflict(said: str) -> KraftwerkError:
    """Return the error for wheels that don't go together, in uv's words."""
    lines = [line.strip(" ×╰├▶─│").removeprefix("cause: ") for line in said.splitlines()]
    words = [line for line in lines if line and not line.startswith(("error: No solution", "No solution", "warning:"))]
    return KraftwerkError(f"the wheels don't go together: {' '.join(words[:4]) or 'uv said nothing'}")
