"""What --template means: files in layers, or a whole template, here or in git."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kraftwerk import clone, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import layers
from kraftwerk.schema import suggestion
from kraftwerk.webaddress import bare


@dataclass(frozen=True)
class Source:
    """Where a project's files come from.

    Attributes:
        label: what people call it.
        folder: the template's; None for one whose files lie over what all projects have, found by the label.
        structure: copier.yml, cookiecutter.json, or "" for a folder that asks nothing: its files are used as they are.
        address: of the repository that it was fetched from; "" for one on this machine.
        own: it is the admin's, as the states are that run on servers: what it runs needn't be asked for.
    """

    label: str
    folder: Path | None = None
    structure: str = ""
    address: str = ""
    own: bool = False


@contextmanager
def opened(template: str, ref: str = "", *, ask: bool = False) -> Iterator[Source]:
    """Yield what a template is; one from git is on this machine as long as this lasts.

    A template of copier's is taken at its newest release and one of cookiecutter's at its main branch, as those do.

    Args:
        template: a template's name, a folder, or the address of a git repository.
        ref: its branch, tag or commit.
        ask: whether git may ask for passwords on the terminal.

    Raises:
        KraftwerkError: there is no such template (code 2), or it can't be fetched.
    """
    check(template)
    if template in layers.names():
        if ref:
            raise KraftwerkError(f"--ref is for templates in git, and {template} is on this machine", code=2)
        yield _named(template)
        return
    folder = Path(template).expanduser()
    if clone.is_address(template) or (ref and (folder / ".git").exists()):
        with TemporaryDirectory(prefix="kraftwerk-template-") as place:
            yield _fetched(template, ref, Path(place) / "template", ask=ask)
        return
    if ref:
        raise KraftwerkError(f"--ref is for templates in git, and {template} is none", code=2)
    yield Source(folder.resolve().name, folder.resolve(), layers.structure(folder))


def check(template: str) -> None:
    """See that a template is one, as far as that is known before it is fetched.

    Raises:
        KraftwerkError: there is no such template (code 2); near ones are named.
    """
    known = layers.names()
    if template in known or clone.is_address(template) or Path(template).expanduser().is_dir():
        return
    if "/" in template:
        raise KraftwerkError(f"there is no folder {template}", code=2)
    near = suggestion(template, known) or f"; there are: {', '.join(known)}"
    kinds = "a folder or a git address does as well"
    raise KraftwerkError(f"no template is called {template}{near}; {kinds}", code=2)


def _named(template: str) -> Source:
    """Return a shipped template, or one of the admin's; a whole one of the admin's replaces a shipped one."""
    folder = layers.admins() / template
    structure = layers.structure(folder)
    return Source(template, folder if structure else None, structure, own=True)


def _fetched(template: str, ref: str, folder: Path, *, ask: bool) -> Source:
    address = clone.expanded(template) if clone.is_address(template) else str(Path(template).expanduser().resolve())
    screen.say(f"Fetching the template from {bare(address)} …")
    clone.clone(address, folder, ask=ask)
    if ref:
        clone.checkout(folder, ref)
    elif layers.structure(folder).startswith("copier") and (tag := clone.newest_release(folder)):
        clone.checkout(folder, tag)
    label = address.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")
    return Source(label, folder, layers.structure(folder), bare(address))
