"""Backups by the clock: what a schedule changes in a project's file, and its way to the node's cron."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kraftwerk import backup, configfile, configset, highstate, recipients, registry, screen, store
from kraftwerk.backup import Backups
from kraftwerk.cadence import NEVER
from kraftwerk.configfile import ConfigFile
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.project import Project
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection

PROBE = ".kraftwerk-was-here"
WORDS = {"h": "hours", "d": "days", "w": "weeks", "m": "months", "y": "years"}


@dataclass(frozen=True)
class Schedule:
    """A change of a project's pillar file that isn't written yet.

    Attributes:
        text: what the file will say.
        changes: a line for each key.
        after: the backups as they will be.
    """

    file: ConfigFile
    text: str
    changes: tuple[str, ...]
    after: Backups

    def lines(self) -> list[str]:
        """Return what will happen, for people."""
        settings = self.after.backup
        when = settings["schedule"]
        found = [
            f"when     {when} (cron: {settings['cron']}, by the node's clock)" if settings["cron"] else "when     never"
        ]
        found.append(f"keep     {_kept(settings['keep'])}")
        found.append(f"where    {settings['store']}")
        if self.after.local:
            found.append(
                "         on the node itself: who loses the node loses them, too; --store s3://… keeps them elsewhere"
            )
        found.append(f"encrypt  {_encrypted(settings['recipients'], self.file.root)}")
        tried = "a restore is rehearsed" if not settings["recipients"] else "the stored bytes are checked"
        found.append(f"verify   {settings['verify']}" + ("" if settings["verify"] == NEVER else f": {tried}"))
        return [*self.changes, *found]


def default(instance: str) -> str:
    """Return when backups are made if nobody says: each night, and not all projects in the same minute."""
    return f"daily 03:{zlib.crc32(instance.encode()) % 60:02}"


def plan(project: Project, environment: str, given: Mapping[str, str | None]) -> Schedule:
    """Return the change that puts backups on a schedule; `never` takes them off it.

    Args:
        given: keys below `backup:`; None leaves one as it is, and a schedule at its default where there is none.

    Raises:
        KraftwerkError: a value makes no sense, or other files have mistakes (code 2).
    """
    file, known = configfile.read(project.root, False, environment), backup.of(project, environment)
    when = given.get("schedule") or known.backup["schedule"] or default(known.instance.name)
    text, told, after = file.text, [], file.tried(file.text)
    for key, value in {**given, "schedule": when}.items():
        if value is None:
            continue
        change = _tried(replace(file, text=text), key, value)
        text, after = change.text, change.after
        told.append(change.line())
    found = backup.of(after, environment)
    store.call("kw_store.parse", found.backup["store"])
    return Schedule(file, text, tuple(told), found)


def _tried(file: ConfigFile, key: str, value: str) -> configset.Change:
    """Return the change of a key; what is wrong with a value that was just typed stands in no line of a file yet."""
    try:
        return configset.plain(file, ("backup", key), value)
    except KraftwerkError as error:
        _, of_it, cause = error.cause.partition(f": backup.{key}: ")
        if not of_it or "\n" in error.cause:
            raise
        raise KraftwerkError(cause, next_command="kraftwerk backup schedule --help", code=error.code) from error


def check_store(after: Backups) -> None:
    """Write a few bytes into a store, read them back and delete them: what is refused tonight is refused now.

    Raises:
        KraftwerkError: it can't be reached, or refuses.
    """
    if not after.local:
        opened, name = after.store(), f"{after.instance.name}/{PROBE}"
        try:
            store.call("kw_store.write", opened, name, "kraftwerk")
            store.call("kw_store.delete", opened, name)
        except KraftwerkError as error:
            keys = "kraftwerk config set backup.access_key KEY; kraftwerk config set backup.secret_key --secret"
            raise KraftwerkError(error.cause, next_command=keys if "key" in error.cause else "") from error


def carry_out(change: Schedule) -> None:
    """Try the store out, write the file, and bring the schedule to all nodes where the project is deployed.

    Raises:
        KraftwerkError: the store refuses, the file was changed meanwhile, or a node can't be reached or converged.
    """
    if not change.after.local:
        with screen.step("store") as step:
            check_store(change.after)
            step.note = "written, read back, deleted"
    change.file.write(change.text)
    deployed = 0
    for name in change.after.nodes:
        with screen.step(name) as step:
            there = converge(change.after, name, step.progress)
            step.note = "" if there else "not deployed there yet"
        deployed += there
    if not deployed:
        screen.say("takes effect with the first deploy")
    elif change.after.backup["cron"]:
        screen.hint("The node makes points by itself from now on.", "kraftwerk backup, for the first one now")


def converge(after: Backups, name: str, on_progress: OnProgress) -> bool:
    """Bring the schedule to a node; return whether the project is deployed there at all. Nothing else of it changes.

    Raises:
        KraftwerkError: the node can't be reached, or a state failed.
    """
    node = get_node(name)
    known = registry.sync(Connection(node)).get(after.instance.name)
    if known is None or not known.present:
        return False
    outcome = highstate.converge(
        node, replace(known, backup=after.backup), project_root=after.project.root, on_progress=on_progress
    )
    if outcome.failed:
        cause = f"{name}: {highstate.failures(outcome)}"
        raise KraftwerkError(cause, next_command=f"kraftwerk highstate {name}")
    return True


def _kept(policy: str) -> str:
    if policy == "all":
        return "all points"
    words = [f"{rule.strip()[:-1]} {WORDS[rule.strip()[-1]]}" for rule in policy.split(",")]
    return f"the newest of each of {', '.join(words)}"


def _encrypted(keys: list[str], root: Path) -> str:
    known = {each.key: each for each in recipients.read(root)}
    people = [known.get(key, recipients.Recipient(key, f"{key[:16]}…")) for key in keys]
    return f"for {recipients.names(people)}; the node itself can't read its points" if keys else "no"
