"""The reactor: a Salt master of the user's own with a webhook, engines that watch, and files that answer events."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from kraftwerk import admin, project, reactions, saltconf, saltmaster
from kraftwerk.errors import KraftwerkError
from kraftwerk.localproc import wait_until
from kraftwerk.paths import config_home, private, reactor_home, share
from kraftwerk.reactorconfig import Source

WEBHOOK_TIMEOUT = 60  # seconds after the master's start; it takes a half, and more where the computer is busy
HEARS_TIMEOUT = 10  # seconds until one that runs has heard an event, or is begun anew


def write() -> Path:
    """Write the configuration of the reactor's master and return its file.

    Raises:
        KraftwerkError: config.yaml has mistakes, or a reaction doesn't name its events (code 2).
    """
    config = admin.ensure().reactor
    extra: dict[str, Any] = {"reactor": reactions.mapping(reactions.find(trees()).values()), "engines": engines()}
    ports = {"publish_port": config.publish_port, "return_port": config.return_port}
    saltconf.write()  # salt-cloud of this home tells it of new nodes
    return saltmaster.write(reactor_home(), interface=config.interface, **ports, extra=extra)


def trees() -> list[str]:
    """Return the state trees that reactions are looked for in: of the project that one stands in, admin's, shipped."""
    root = project.find_root(Path.cwd())
    own = [str(config_home() / "salt"), str(share("salt"))]
    return saltconf.file_roots(root)["base"] if root else own


def in_force() -> dict[str, Path]:
    """Return the reactions that the reactor was started with, by name."""
    settings = yaml.safe_load((reactor_home() / "master").read_text())["reactor"]
    return {Path(path).name: Path(path) for each in settings for paths in each.values() for path in paths}


def engines() -> list[Mapping[str, Any]]:
    """Return the setting `engines`: all that are shipped; each reads config.yaml by itself."""
    return [{path.stem: {}} for path in sorted(share("_engines").glob("kw_*.py"))]


def start() -> bool:
    """Start the reactor in the background, where it lives on when the terminal is closed.

    Returns:
        False when it ran already; one that hears no events is ended before.

    Raises:
        KraftwerkError: a port is taken, its webhook doesn't answer, or config.yaml has mistakes.
    """
    if (there := saltmaster.status(reactor_home())) and there.whole:
        if wait_until(lambda: saltmaster.hears(reactor_home()), timeout=HEARS_TIMEOUT):
            return False
        stop()
    _prepare()
    saltmaster.start(reactor_home())
    if not wait_until(webhook_answers, timeout=WEBHOOK_TIMEOUT):
        log = saltmaster.log_file(reactor_home())
        raise KraftwerkError("the reactor runs, but its webhook doesn't answer", next_command=f"tail {log}")
    return True


def run() -> NoReturn:
    """Become the reactor, for systemd or runit.

    Raises:
        KraftwerkError: it runs already, or as `start`.
    """
    _prepare()
    saltmaster.run(reactor_home())


def stop() -> bool:
    """End the reactor and all that it started, deploys as well; return whether it ran.

    A deploy that is ended so leaves the live release serving; it is done again when the reactor is back.
    """
    return saltmaster.stop(private(reactor_home()))


def source(project: str) -> Source:
    """Return where a project's pushes come from.

    Raises:
        KraftwerkError: config.yaml has no such project (code 2).
    """
    projects = admin.load().reactor.projects
    if project not in projects:
        known = f" ({', '.join(projects)})" if projects else ""
        cause = f"the reactor has no project {project}{known}"
        raise KraftwerkError(cause, next_command=f"kraftwerk reactor add {project}, in it", code=2)
    return projects[project]


def webhook_answers() -> bool:
    """Tell whether somebody listens where the webhook should."""
    return _listens(admin.load().reactor.address)


def _prepare() -> None:
    """Write the configuration; see that the places that it names are ours, and that no other program has them."""
    write()
    if saltmaster.status(reactor_home()) is not None:
        return
    config = admin.load().reactor
    places = {"listen": config.address}
    places |= {key: (config.interface, getattr(config, key)) for key in ("publish_port", "return_port")}
    for key, place in places.items():
        if not _is_ours(place[0]):
            cause = f"the reactor can't listen on {place[0]}: this computer has no such address now"
            raise KraftwerkError(cause, next_command="kraftwerk start-node NODE, if it is that of local nodes", code=2)
        if _listens(place):
            cause = f"{place[0]}:{place[1]} is taken by another program: the reactor can't listen there"
            raise KraftwerkError(cause, next_command=f"another reactor.{key} in {admin.config_file()}", code=2)


def _is_ours(host: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _listens(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0
