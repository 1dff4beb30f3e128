"""The reactor: a Salt master of the user's own with a webhook, engines that watch, and files that answer events."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from kraftwerk import admin, project, reactions, saltconf, saltmaster
from kraftwerk.paths import config_home, private, reactor_home, share
from kraftwerk.saltmaster import Running


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


def engines() -> list[Mapping[str, Any]]:
    """Return the setting `engines`: all that are shipped; each reads config.yaml by itself."""
    return [{path.stem: {}} for path in sorted(share("_engines").glob("kw_*.py"))]


def start() -> Running:
    """Start the reactor in the background; it lives on when the terminal is closed.

    Raises:
        KraftwerkError: it runs already, a port is taken, or config.yaml has mistakes.
    """
    write()
    return saltmaster.start(reactor_home())


def run() -> NoReturn:
    """Become the reactor, for systemd or runit.

    Raises:
        KraftwerkError: as `start`.
    """
    write()
    saltmaster.run(reactor_home())


def stop() -> bool:
    """End the reactor and all that it started; return whether it ran."""
    return saltmaster.stop(private(reactor_home()))
