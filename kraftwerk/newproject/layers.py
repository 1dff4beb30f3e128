"""Templates in layers: what all projects have, the template's own files, and over both the admin's."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from kraftwerk.newproject import copies
from kraftwerk.newproject.answers import Answers
from kraftwerk.newproject.choice import Choice
from kraftwerk.paths import PACKAGE, config_home

SHIPPED = PACKAGE / "templates"
SAMPLE = "kraftwerk.yaml"  # the one commented sample: init writes it, the docs show it, a test parses it
COMMON = "_project"  # what every template begins with
STRUCTURE = ("copier.yml", "copier.yaml", "cookiecutter.json")  # with one of these a folder is a template as a whole
SETTINGS = """_envops: {trim_blocks: true, lstrip_blocks: true, undefined: jinja2.StrictUndefined}
"""  # a line with a condition leaves no empty line behind; a misspelt variable is an error


def admins() -> Path:
    """Return the folder of the admin's own templates and of what lies over the shipped ones."""
    return config_home() / "templates"


def names() -> list[str]:
    """Return the templates' names, shipped ones and the admin's own."""
    folders = [path for root in (SHIPPED, admins()) if root.is_dir() for path in root.iterdir() if path.is_dir()]
    return sorted({path.name for path in folders if path.name[0] not in "_."})


def structure(folder: Path) -> str:
    """Return the file that makes a folder a whole template, of copier's or cookiecutter's kind; "" where none does."""
    return next((name for name in STRUCTURE if (folder / name).is_file()), "")


def write(choice: Choice, folder: Path) -> int:
    """Write the files of a choice into a folder, which may be missing; return how many were written.

    Raises:
        KraftwerkError: a template is broken; its file and line are named.
    """
    before = _files(folder)
    for root in (SHIPPED, admins()):
        files = sources(root, choice.template)
        if files:
            _render(files, choice, folder)
    written = _files(folder) - before
    for path in written:
        with path.open("rb") as file:
            path.chmod(0o755 if file.read(2) == b"#!" else 0o644)
    return len(written)


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def sources(root: Path, template: str) -> dict[str, Path]:
    """Return the files below a root that make up a template, by their path in it; its own win over the common ones."""
    found = {f"{SAMPLE}{copies.ENDING}": root / SAMPLE} if (root / SAMPLE).is_file() else {}
    return {**found, **_below(root / COMMON), **_below(root / template)}


def _below(folder: Path) -> dict[str, Path]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    found = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: path for name, path in found.items() if not {"__pycache__", ".git"} & set(name.split("/"))}


def sample(choice: Choice) -> str:
    """Return the commented kraftwerk.yaml of a choice, as the documentation shows it."""
    with TemporaryDirectory(prefix="kraftwerk-init-") as folder:
        _render({f"{SAMPLE}{copies.ENDING}": SHIPPED / SAMPLE}, choice, Path(folder))
        return (Path(folder) / SAMPLE).read_text()


def _render(files: dict[str, Path], choice: Choice, folder: Path) -> None:
    """Lay files together to one template and have it rendered, over what is there."""
    with TemporaryDirectory(prefix="kraftwerk-init-") as name:
        stage = Path(name)
        for path, source in files.items():
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, stage / path)
        (stage / "copier.yml").write_text(SETTINGS)
        copies.render(stage, folder, Answers(choice.variables(), {}), shown=files)
