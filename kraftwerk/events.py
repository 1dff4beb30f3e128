"""Events of the reactor's bus: fired by whatever happens here, kept in a journal of the last ones."""

import json
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from kraftwerk.paths import master_sockets, private, reactor_home

KEPT = ("kraftwerk/", "salt/cloud/")  # what the journal holds: the rest of the bus is Salt's own talk
CLOUD_KEYS = ("name", "provider", "profile")  # of salt-cloud's events, which may carry a whole configuration
UNTOLD = ("received",)  # what a line leaves out: the time stands before
COMMITS = ("commit", "tip")
LIMIT = 1_000_000  # bytes of the journal; then it is moved aside and begun anew
UNWRITABLE = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # the rest of them JSON writes as \uXXXX
POLL = 0.1  # seconds between two looks while following


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        time: in UTC, to the millisecond.
        tag: its name, such as kraftwerk/push/mysite.
    """

    time: str
    tag: str
    data: Mapping[str, Any]

    def line(self) -> str:
        """Return the event in one line, with the local time."""
        when = datetime.fromisoformat(self.time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        parts = self.tag.split("/")
        told = {key: value for key, value in self.data.items() if key not in UNTOLD and value not in ("", None, *parts)}
        return " ".join([when, self.tag, *(f"{key}={_word(key, value)}" for key, value in told.items())])

    def as_dict(self) -> dict[str, Any]:
        """Return the event as plain JSON types."""
        return {"time": self.time, "tag": self.tag, "data": dict(self.data)}

    def text(self) -> str:
        """Return the event as one line of JSON."""
        return json.dumps(self.as_dict(), default=str)

    @classmethod
    def parse(cls, line: str) -> "Event | None":
        """Return the event of such a line; None where it is damaged: the power may have failed."""
        try:
            return cls(**json.loads(line))
        except (TypeError, ValueError):
            return None


def now() -> str:
    """Return the time, as events carry it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def fire(tag: str, data: Mapping[str, Any]) -> bool:
    """Fire an event into the reactor's bus; return whether a reactor was there to take it.

    Args:
        tag: begins with `kraftwerk/`.
        data: plain JSON types, no secrets: the journal keeps them.
    """
    sockets = master_sockets(reactor_home())
    if not (sockets / "master_event_pull.ipc").exists():
        return False
    import salt.utils.event

    with salt.utils.event.get_event("master", str(sockets), listen=False) as bus:
        return bool(bus.fire_event({key: _writable(value) for key, value in data.items()}, tag))


def journal() -> Path:
    """Return the file that the last events are kept in; 0600."""
    return reactor_home() / "events.jsonl"


def keep(tag: str, data: Mapping[str, Any]) -> None:
    """Write an event down, if it is one that the journal holds; the engine kw_events calls this for each."""
    if not tag.startswith(KEPT):
        return
    wanted = {key: data[key] for key in CLOUD_KEYS if key in data} if tag.startswith("salt/") else dict(data)
    wanted.pop("_stamp", None)
    path = journal()
    private(path.parent)
    if path.exists() and path.stat().st_size > LIMIT:
        path.replace(path.with_suffix(".old"))
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(Event(now(), tag, wanted).text() + "\n")


def last(count: int) -> list[Event]:
    """Return the last events of the journal, the newest last."""
    lines: list[str] = []
    for path in (journal().with_suffix(".old"), journal()):
        lines += path.read_text().splitlines() if path.exists() else []
    return list(filter(None, map(Event.parse, lines[-count:]))) if count else []


def follow(timeout: float | None = None, wanted: Callable[[], bool] = lambda: True) -> Iterator[Event]:
    """Return each event as it is written down, from now on (which is when this is called).

    Args:
        timeout: seconds after which it ends; None for never.
        wanted: is asked again and again while nothing happens; it ends when nobody wants more.
    """
    file = journal().open() if journal().exists() else None
    if file:
        file.seek(0, os.SEEK_END)
    return _following(file, math.inf if timeout is None else time.monotonic() + timeout, wanted)


def _following(file: IO[str] | None, deadline: float, wanted: Callable[[], bool]) -> Iterator[Event]:
    part = ""
    while time.monotonic() < deadline and wanted():
        file = _reopened(file)
        part += file.readline() if file else ""
        if part.endswith("\n"):
            if event := Event.parse(part):
                yield event
            part = ""
        else:
            time.sleep(POLL)


def _reopened(file: IO[str] | None) -> IO[str] | None:
    """Return the journal's open file; the new one when the old one is read to its end and was moved aside."""
    path = journal()
    if not path.exists():
        return file
    if file:
        status = os.fstat(file.fileno())
        if os.path.samestat(status, path.stat()) or file.tell() < status.st_size:
            return file
        file.close()
    return path.open()


def _writable(value: Any) -> Any:
    """Return a value without what no YAML file may hold: a reaction that quotes it must be one whatever was said."""
    return UNWRITABLE.sub("\ufffd", value) if isinstance(value, str) else value


def _word(key: str, value: Any) -> str:
    """Return a value as a line shows it: quoted where it has blanks; its first line, and a commit's first digits."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = text[:8] if key in COMMITS else text
    text = text.splitlines()[0] + " …" if "\n" in text.strip() else text
    return json.dumps(text, ensure_ascii=False) if any(c.isspace() or c == '"' for c in text) else text
