"""The sites that mksite made, and where their source is: for rmsite, and for a mksite that was interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from kraftwerk import flock
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home, write_atomic


@dataclass(frozen=True)
class Site:
    """A site that mksite made.

    Attributes:
        name: the project's and the instance's.
        node: the name of the node that serves it.
        folder: its source, on the computer where mksite was called.
    """

    name: str
    node: str
    folder: Path


def file() -> Path:
    """Return the file's path."""
    return config_home() / "sites"


def all_sites() -> dict[str, Site]:
    """Return the sites by name.

    Raises:
        KraftwerkError: the file isn't what it should be (code 2).
    """
    try:
        entries = yaml.safe_load(file().read_text()) or {}
        return {name: Site(name, str(each["node"]), Path(each["folder"])) for name, each in entries.items()}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        cause = f"{file()}: must name sites, such as `mysite: {{node: blue, folder: /srv/mysite}}`"
        raise KraftwerkError(cause, code=2) from error


def save(site: Site) -> None:
    """Remember a site."""
    with _changed() as sites:
        sites[site.name] = site


def forget(name: str, node: str) -> None:
    """Forget a node's site; it is no error if there is none. Another node's of that name stays."""
    with _changed() as sites:
        if name in sites and sites[name].node == node:
            del sites[name]


@contextmanager
def _changed() -> Iterator[dict[str, Site]]:
    with flock.held(config_home() / ".sites.lock", busy=f"another kraftwerk is writing {file()}"):
        sites = all_sites()
        yield sites
        entries = {each.name: {"node": each.node, "folder": str(each.folder)} for each in sites.values()}
        write_atomic(file(), yaml.safe_dump(entries, sort_keys=True))
