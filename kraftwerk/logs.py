"""Logs of an instance on its node."""

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import script


def files(instance: Instance, process: str = "") -> list[str]:
    """Return the log files of a process of an instance: web, nginx, a worker, cron.NAME; of all, if none is named.

    Raises:
        KraftwerkError: no process is called so (code 2).
    """
    folder = f"/var/log/kraftwerk/{instance.name}"
    known = {
        "web": [f"{folder}/web-a/current", f"{folder}/web-b/current"],
        **{name: [f"{folder}/{unit}/current" for unit in instance.units_of(name)] for name in instance.processes},
        **{f"cron.{name}": [f"{folder}/cron.{name}/current"] for name in instance.cron},
        "nginx": [f"/var/log/nginx/{instance.name}.{kind}.log" for kind in ("access", "error")],
    }
    if process and process not in known:
        raise KraftwerkError(f"no process is called {process}; there are {', '.join(known)}", code=2)
    return known[process] if process else [path for paths in known.values() for path in paths]


def words(paths: list[str], *, lines: int, follow: bool) -> list[str]:
    """Return the words that print the last lines of those files that exist, and what is added while one watches."""
    return ["sh", "-c", script("logs"), "kraftwerk-logs", str(lines), "-F" if follow else "", *paths]
