"""The CDN of a site: what a deploy brings into its bucket, from the node that collected it, before anybody needs it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kraftwerk import admin, caching, configleaf, nodemodule, nodeprogram, screen, storekeys
from kraftwerk.backupconfig import SECRETS
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance, environment_words
from kraftwerk.project import Project
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target

READER = "www-data"  # nginx's user: what it serves is what goes into the bucket, and nothing else
NAMED = 3  # files that a line names
VARIABLE = re.compile(r"""["'{]STATIC_URL\b""")  # as a program names it, or a reference in `environ`
HOW = "STATIC_URL = os.environ.get('STATIC_URL', '/static/') in the settings"


@dataclass(frozen=True)
class Pushed:
    """What was brought into a bucket.

    Attributes:
        files: how many static files there are; sent: how many of them went; size: bytes of these.
        changed: those that took another one's place, under a name that doesn't follow the content.
    """

    files: int
    sent: int
    size: int
    changed: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return it in a few words."""
        if not self.sent:
            return f"{self.files} files as they are" if self.files else "no files"
        return f"{self.sent} of {self.files} files, {screen.size(self.size)}"

    @property
    def warning(self) -> str:
        """Return what there is to know of those that took another one's place; empty where none did."""
        if not self.changed:
            return ""
        rest = len(self.changed) - NAMED
        named = ", ".join(self.changed[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
        return f"cdn: {named}: changed under the same name, so that pages of earlier releases get the new one, too"


def check(project: Project, instance: Instance, files: Sequence[str]) -> None:
    """See that a deploy can open the bucket, and that anything in the project reads the addresses.

    Args:
        files: those that are sent, from the project's folder.

    Raises:
        KraftwerkError: nothing opens it, or only what isn't encrypted for this admin.
    """
    if instance.cdn.get("bucket"):
        store(project, instance.environment)
    if instance.cdn and instance.static and not _is_read(project.root, instance, files):
        screen.warn(f"cdn: nothing here reads STATIC_URL: pages go on naming the site's own address → {HOW}")


def _is_read(root: Path, instance: Instance, files: Sequence[str]) -> bool:
    if any(VARIABLE.search(value) for value in instance.environ.values()):
        return True
    code = (root / name for name in files if name.endswith((".py", ".ini")))
    return any(VARIABLE.search(path.read_text(errors="replace")) for path in code if path.is_file())


def told(instance: Instance) -> str:
    """Return in a few words where a site's static files come from, empty where that is the site itself."""
    if not instance.cdn:
        return ""
    place = instance.cdn.get("bucket", "").partition("?")[0]
    return f"{instance.cdn['url']} ← {place or instance.url}"


def store(project: Project, environment: str) -> dict[str, Any]:
    """Return the bucket of an environment as `kw_store` takes it.

    Raises:
        KraftwerkError: nothing opens it (code 2), or only what isn't encrypted for this admin.
    """
    given = project.deployment(environment).cdn
    found = storekeys.opened({**given, "store": given["bucket"]}, admin.load().stores, "cdn")
    if lacking := [key for key in SECRETS if not found.get(key)]:
        place = configleaf.leaves(project, environment)["cdn", "bucket"].place
        words = [*environment_words(environment), "KEY" if lacking[0] == SECRETS[0] else "--secret"]
        raise KraftwerkError(
            f"{place}: cdn.bucket: nothing opens {given['bucket']}: there is no {' and no '.join(lacking)}",
            next_command=f"kraftwerk config set cdn.{lacking[0]} {' '.join(words)}",
            code=2,
        )
    return found


def push(project: Project, there: Target, number: int, on_progress: OnProgress) -> Pushed:
    """Bring the static files of a release that is on a node into the bucket, as far as they aren't there.

    What opens the bucket is in the memory of a process there for that long, and nowhere else.

    Raises:
        KraftwerkError: the bucket can't be reached from there, or refuses.
    """
    instance, node = there.instance, there.node.name
    source = instance.release_folder(number) / instance.src
    folders = {url: str(source / folder) for url, folder in instance.static.items()}
    arguments = (folders, store(project, instance.environment), cache_control(instance.caching.get("static", "")))
    words = ["kraftwerk", "deploy", node, *environment_words(instance.environment), "--from", "cdn"]
    try:
        found = nodeprogram.call(there.connection, "kw_cdn.push", *arguments, user=READER, on_progress=on_progress)
    except KraftwerkError as error:
        cause = f"cdn.bucket: {error.cause.removeprefix(f'{node}: ')}"
        raise KraftwerkError(cause, next_command=" ".join(words)) from error
    return Pushed(found["files"], found["sent"], found["size"], tuple(found["changed"]))


def cache_control(static: str) -> str:
    """Return what tells how long a file may be kept whose name doesn't follow its content.

    Args:
        static: `caching.static` of a project. Where that is off, browsers ask each time whether it is still the same.
    """
    if static == caching.IMMUTABLE:
        return str(nodemodule.load("kw_cdn").FOREVER)
    seconds = caching.seconds(static)
    return f"public, max-age={seconds}" if seconds else "no-cache"
