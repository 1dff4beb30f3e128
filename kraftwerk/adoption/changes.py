"""What adopting a project adds and changes: whole texts of files, worked out before any is written."""

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2

from kraftwerk import project, textfile
from kraftwerk.adoption import describe
from kraftwerk.deployment import FILE, LABEL
from kraftwerk.detect.finding import Detection
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import NAME_LIMIT
from kraftwerk.newproject import layers

IGNORED = {
    "*.kw": "dumps of `kraftwerk dump`",
    "__pycache__/": "bytecode",
}
IGNORE_HEAD = "# Added by `kraftwerk adopt`; none of it is deployed."


@dataclass(frozen=True)
class Change:
    """A file that is added or changed.

    Attributes:
        path: from the project's root.
        before, after: its whole text; None where it isn't there.
        reason: why.
    """

    path: str
    before: str | None
    after: str
    reason: str

    def added(self) -> list[str]:
        """Return the lines that are new in it."""
        lines = difflib.ndiff((self.before or "").splitlines(), self.after.splitlines())
        return [line[2:] for line in lines if line.startswith("+ ")]

    def summary(self) -> str:
        """Return what becomes of it, in a few words."""
        if self.before is None:
            return f"new, {len(self.after.splitlines())} lines: {self.reason}"
        return f"+{len(self.added())} lines: {self.reason}"


def plan(found: Detection, root: Path, name: str) -> list[Change]:
    """Return all changes.

    Args:
        found: what the project is.
        root: its folder.
        name: what it will be called.

    Raises:
        KraftwerkError: what would be written isn't valid, or a file is in the way (code 2).
    """
    text = describe.text(found, name)
    project.parse(root, {root / FILE: text})
    wanted = {FILE: (text, "what the project is")}
    wanted |= {path: (code, "read instead of the project's own, which stays") for path, code in found.additions.items()}
    wanted |= {path: (code, "what is different there") for path, code in _pillar(found, name).items()}
    for path in wanted:
        if os.path.lexists(root / path):
            raise KraftwerkError(f"{path} is here already, and isn't kraftwerk's", code=2)
    changes = [Change(path, None, code, reason) for path, (code, reason) in wanted.items()]
    ignored = _ignore(root)
    return [*changes, ignored] if ignored else changes


def name_of(root: Path, wanted: str) -> tuple[str, str]:
    """Return a project's name and why it has that: the one that is wanted, or what its folder's comes to.

    Raises:
        KraftwerkError: there is none (code 2).
    """
    name = wanted or root.name
    reason = "--name" if wanted else "its folder"
    if not wanted and not re.fullmatch(LABEL, name):
        bare = re.sub(r"[-_.]v?\d+(\.\w+)+$", "", name.lower())
        name = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")[:NAME_LIMIT].rstrip("-")
        reason = f"the folder's name, {root.name}, without what a name can't have"
    if not re.fullmatch(LABEL, name) or len(name) > NAME_LIMIT:
        said = f"{name!r} can't be a project's name: lower-case letters, digits and dashes, at most {NAME_LIMIT}"
        raise KraftwerkError(said, next_command="--name NAME", code=2)
    return name, reason


def _pillar(found: Detection, name: str) -> dict[str, str]:
    """Return the commented samples of pillar/, as `init` writes them."""
    source = layers.SHIPPED / layers.COMMON / "pillar"
    engine = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701 - no HTML
    variables = {"name": name, "django": found.framework == "django"}
    samples = sorted(source.glob("*.sls.jinja"))
    return {f"pillar/{each.stem}": engine.from_string(each.read_text()).render(variables) for each in samples}


def _ignore(root: Path) -> Change | None:
    """Return what .gitignore lacks."""
    path = root / ".gitignore"
    before = textfile.content(path) if path.is_file() else None
    known = set((before or "").splitlines())
    lacking = [each for each in IGNORED if not known & {each, f"/{each}", each.rstrip("/")}]
    if not lacking:
        return None
    head = "" if not before or before.endswith("\n") else "\n"
    after = (before or "") + head + ("\n" if before else "") + "\n".join([IGNORE_HEAD, *lacking]) + "\n"
    return Change(".gitignore", before, after, " and ".join(IGNORED[pattern] for pattern in lacking))
