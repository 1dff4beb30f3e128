"""What a project may say of its backups: the keys below `backup:` in kraftwerk.yaml and its pillar files."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kraftwerk import cadence, recipients, secret
from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import Value, Wrong, given, list_of, one_of, setting, suggestion, text

DEFAULT_STORE = "local:/var/backups/kraftwerk"
SECRETS = ("access_key", "secret_key")
NOBODY = "none"  # the word for points that aren't encrypted, where others would be
KEEP = r"all|[1-9]\d{0,3}[hdwmy](\s*,\s*[1-9]\d{0,3}[hdwmy])*"
KEPT = "what to keep, such as 7d,4w,12m (hours, days, weeks, months, years by their first letter); or all"
STORE = r"(local:/|[a-z0-9_]+://|libcloud:)[^\s\x00-\x1f\x7f]+"


def schedule(value: Value) -> str:
    """Parse when backups are made, in words or in cron's five fields."""
    written = text()(value)
    if written != cadence.NEVER and not cadence.parse(written):
        word = written.partition(" ")[0]
        meant = "" if word in cadence.WORDS else suggestion(word, cadence.WORDS)
        raise Wrong(f"{written!r} is not a schedule, such as {cadence.SAMPLES}; or {cadence.NEVER}{meant}")
    return written


def recipient(value: Value) -> str:
    """Parse a public key that points are encrypted for, or `none`."""
    written = text()(value)
    if written != NOBODY:
        try:
            secret.recipient(written)
        except KraftwerkError as error:
            raise Wrong(f"{error.cause}; or {NOBODY}") from error
    return written


def hidden(value: Value) -> str:
    """Parse what must be encrypted, since these files are committed."""
    written = text(r"[\s\S]*", "an encrypted value")(value)
    if not secret.is_encrypted(written):
        raise Wrong(f"is plain text; kraftwerk config set {value.key} --secret encrypts it")
    return written


@dataclass(frozen=True)
class Backup:
    """The keys below `backup:`.

    Attributes:
        store: the URL of where points are kept.
        schedule: when they are made by themselves; empty or `never` is never.
        keep: how many of which age; `all` keeps every one.
        recipients: public keys that points are encrypted for; empty is whoever reads the project's secrets, or on
            the node itself nobody.
        verify: how often the node tries the newest point out.
        max_age: when the newest point is too old for `status`; empty follows from the schedule.
        access_key, secret_key: what opens the store; encrypted.
    """

    store: str = setting(text(STORE, "a store's address, such as s3://bucket/folder"), default=DEFAULT_STORE)
    schedule: str = setting(schedule, default="")
    keep: str = setting(text(KEEP, KEPT), default="7d,4w,12m")
    recipients: tuple[str, ...] = setting(list_of(recipient, or_one=True), default=())
    verify: str = setting(one_of(*cadence.OFTEN), default="weekly")
    max_age: str = setting(text(r"[1-9]\d*[hd]", "hours or days, such as 30h or 8d"), default="")
    access_key: str = setting(text(r"[\s\S]*", "an access key"), default="")
    secret_key: str = setting(hidden, default="")

    @property
    def patience(self) -> int:
        """Return after how many seconds the newest point is too old; 0 where none is expected."""
        if self.max_age:
            return int(self.max_age[:-1]) * (3600 if self.max_age.endswith("h") else 86400)
        return cadence.patience(self.schedule) if cadence.parse(self.schedule) else 0


def parse(value: Value) -> dict[str, Any]:
    """Parse what a file says of backups: the keys that it gives, so that those of several files merge."""
    return given(Backup, value)


def plain(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return what an instance carries of its backups: all keys, with who can read them, as plain JSON types.

    Args:
        values: the merged keys of all files.
        root: the project's folder, whose pillar/recipients.txt says for whom points are encrypted by default.

    Raises:
        KraftwerkError: recipients.txt has mistakes (code 2).
    """
    backup = Backup(**values)
    # On the node itself the data lies in the clear anyway, and there it can be tried out.
    default = () if is_kept_there(backup.store) else tuple(each.key for each in recipients.read(root))
    keys = backup.recipients or default
    backup = replace(backup, recipients=tuple(key for key in keys if key != NOBODY))
    times = {"cron": cadence.parse(backup.schedule), "patience": backup.patience}
    return {**asdict(backup), **times, "recipients": list(backup.recipients)}


def is_kept_there(store: str) -> bool:
    """Tell whether points stay on the node itself, and so are lost with it."""
    return bool(re.match(r"local:", store))
