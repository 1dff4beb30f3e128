"""The application that a project serves: by wsgi or by asgi, and where its code lies."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kraftwerk.deployment import Deployment, Layer

KEYS = ("wsgi", "asgi")
METADATA = ("pyproject.toml", "setup.py", "setup.cfg")


def problems(file: str, layers: Sequence[Layer]) -> Iterator[str]:
    """Yield what is wrong with what files say of the application.

    Args:
        file: where it would stand, as it is printed.
        layers: what each file says.
    """
    named = [[key for key in KEYS if key in layer.values] for layer in layers]
    if not any(named):
        meaning = "the application, such as mysite.wsgi:application; or asgi, for one that is asynchronous"
        yield f"{file}:1: wsgi: missing; {meaning}"
    for layer, keys in zip(layers, named, strict=True):
        if len(keys) > 1:
            yield f"{layer.places['asgi',]}: asgi: wsgi is given, too; only one of them can be served"


def overruled(layers: Iterable[Layer]) -> set[str]:
    """Return which of wsgi and asgi count as not given, as a later file gives the other one."""
    named = [key for layer in layers for key in KEYS if key in layer.values]
    return set(named) - set(named[-1:])


def whole(name: str) -> str:
    """Return module:callable of what may be a module alone; nothing stays nothing."""
    return name if ":" in name or not name else f"{name}:application"


def is_installed(root: Path, given: Deployment) -> bool:
    """Tell whether the project itself is installed: as it says, else where its code is found in src/ only."""
    if given.install is not None:
        return given.install
    top = (given.wsgi or given.asgi).partition(":")[0].partition(".")[0]
    packaged = any((root / name).is_file() for name in METADATA)
    return packaged and not _holds(root / given.src, top) and _holds(root / "src", top)


def _holds(folder: Path, module: str) -> bool:
    """Tell whether a module or package lies in a folder."""
    return (folder / module).is_dir() or (folder / f"{module}.py").is_file()
