"""What a project requires, as lines that wheels are found by, whatever file it stands in."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from kraftwerk import process, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements import Requirements
from kraftwerk.wheels import origin

PATIENCE = 60


def lines(needed: Requirements) -> list[str]:
    """Return a project's requirements as lines of a requirements.txt, with the server that kraftwerk adds.

    Of a lock, versions count; hashes don't, as a wheel that was built here has another than the index's.

    Raises:
        KraftwerkError: the files can't be read.
    """
    return [*_own(needed), *needed.extra]


def folders(found: Sequence[str], root: Path) -> tuple[str, ...]:
    """Return the folders among requirements: they lie in the release, and are built on the node."""
    return tuple(origin.split(found, root).folders)


def _own(needed: Requirements) -> list[str]:
    if needed.kind == "uv.lock":
        return _locked(needed.root)
    if needed.kind == "pyproject.toml":
        project = tomllib.loads((needed.root / needed.kind).read_text()).get("project", {})
        return [str(line) for line in project.get("dependencies", [])]
    return list(needed.content)


def _locked(root: Path) -> list[str]:
    """Return what a uv.lock holds; uv reads it without any index."""
    flags = ("--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-annotate", "--no-header", "--quiet")
    done = process.run((virtualenv.uv_program(), "export", *flags), cwd=root, timeout=PATIENCE, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["uv said nothing"]
        raise KraftwerkError(f"uv.lock can't be read: {said[0]}", code=2)
    return done.stdout.decode().splitlines()
