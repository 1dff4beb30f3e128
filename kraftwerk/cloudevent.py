"""Events of salt-cloud's drivers: told to a master that listens on this machine, and to nobody else."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def fire(
    options: Mapping[str, Any], utils: Mapping[str, Callable[..., Any]], what: str, name: str, active: str
) -> None:
    """Fire `salt/cloud/<name>/<what>` into the bus of the master whose sock_dir the configuration names.

    Args:
        options: Salt's `__opts__`.
        utils: Salt's `__utils__`.
        what: creating, created, destroying or destroyed.
        active: the account, as Salt has it: `alias:driver`.
    """
    if not (Path(options["sock_dir"]) / "master_event_pull.ipc").exists():
        return
    alias, _, driver = active.partition(":")
    utils["cloud.fire_event"](
        "event",
        f"{what} node",
        f"salt/cloud/{name}/{what}",
        args={"name": name, "provider": alias, "driver": driver},
        sock_dir=options["sock_dir"],
        transport=options["transport"],
    )
