"""Servers of services that this computer can run beside the project, for as long as it is served."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from kraftwerk.ports import free_port


@dataclass(frozen=True)
class Embedded:
    """A server: its argv, and the variables that lead to it."""

    words: tuple[str, ...]
    environ: Mapping[str, str]


def choose(services: Collection[str], folder: Path) -> tuple[dict[str, Embedded], list[str]]:
    """Return the servers that can be run here, by service; and the services that need one that isn't here.

    Args:
        services: of the project.
        folder: for their data, which goes with them.
    """
    found = {name: make(folder) for name, (program, make) in KNOWN.items() if name in services and which(program)}
    missing = [name for name in services if name in (*KNOWN, "couchdb") and name not in found]
    return found, missing


def _redis(folder: Path) -> Embedded:
    port = free_port()
    words = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "")
    url = f"redis://127.0.0.1:{port}/0"
    return Embedded((*words, "--loglevel", "warning"), {"REDIS_URL": url, "CELERY_BROKER_URL": url})


def _memcached(folder: Path) -> Embedded:
    port = free_port()
    words = ("memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody")
    return Embedded(words, {"MEMCACHED_URL": f"127.0.0.1:{port}"})


KNOWN: Mapping[str, tuple[str, Callable[[Path], Embedded]]] = {
    "redis": ("redis-server", _redis),
    "memcached": ("memcached", _memcached),
}
