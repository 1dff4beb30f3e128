"""The journal of machines that cost money: what is about to be made is on disk before the cloud is asked for it."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home, private, write_atomic


@dataclass(frozen=True)
class Intent:
    """A machine whose creation was begun and hasn't come to its end.

    Attributes:
        name: the node's.
        provider: the alias of the cloud's account.
        token: what the machine is tagged with, so that it is found again.
        created: when the creation was begun; ISO, UTC.
        machine_id: what the cloud calls it; empty until the cloud has answered.
        host_key_public: the host key that it was handed.
        profile: the profile it was made by.
        host_key_private: the other half; only until the cloud has it.
        ordered: when the cloud was asked last, in case its answer never came.
    """

    name: str
    provider: str
    token: str
    created: str
    machine_id: str = ""
    host_key_public: str = ""
    profile: str = ""
    host_key_private: str = ""
    ordered: str = ""

    @property
    def waited(self) -> float:
        """Return the seconds since the cloud was asked last."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.ordered or self.created)).total_seconds()


def begin(name: str, provider: str, profile: str = "") -> Intent:
    """Return an intent with a token of its own; not written yet."""
    return Intent(name=name, provider=provider, token=secrets.token_hex(16), created=now(), profile=profile)


def now() -> str:
    """Return the time as intents have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def file_of(name: str) -> Path:
    """Return the path of a node's intent."""
    return config_home() / "intents" / f"{name}.json"


def write(intent: Intent) -> None:
    """Put an intent on the disk (0600); when this returns, it survives a power cut."""
    path = file_of(intent.name)
    private(path.parent)
    write_atomic(path, json.dumps(asdict(intent), indent=2) + "\n")
    for each in (path, path.parent):
        _sync(each)


def load(name: str) -> Intent | None:
    """Return a node's intent, or None.

    Raises:
        KraftwerkError: the file isn't what `write` wrote (code 2).
    """
    path = file_of(name)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        plain = json.loads(text)
        return Intent(**{each.name: str(plain.get(each.name, "")) for each in fields(Intent)})
    except (ValueError, AttributeError) as error:
        raise KraftwerkError(f"{path} is damaged: {error}", next_command=f"cat {path}", code=2) from error


def remove(name: str) -> None:
    """Forget an intent; it is no error if there is none."""
    file_of(name).unlink(missing_ok=True)


def all_intents() -> list[Intent]:
    """Return every intent, the oldest first.

    Raises:
        KraftwerkError: as `load`.
    """
    found = [load(path.stem) for path in (config_home() / "intents").glob("[!.]*.json")]
    return sorted((intent for intent in found if intent), key=lambda intent: (intent.created, intent.name))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
