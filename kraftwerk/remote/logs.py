"""Runs on a node, as an argument of python3: what the processes of an instance logged, as one stream in order of time.

logs.py QUESTION

QUESTION is JSON: instance, processes (none: all), since (seconds since 1970), lines (of all together; null: as many as
there are), grep, follow and hold (seconds that what comes is held back, to put it in order).

Each line of what it prints is a record in JSON: its time in seconds since 1970, the process, its text. A traceback is
one record with the line before it. After those that were there stands `null`; with follow, what comes stands after
that, until stdin ends. Logs are read from their ends, and those that were turned over as far back as it takes; no file
is ever in memory as a whole.
"""

from __future__ import annotations  # the node's Python may be older than ours

import gzip
import heapq
import json
import os
import re
import select
import sys
import time
import zlib
from calendar import timegm
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

LOGS, NGINX = "/var/log/kraftwerk", "/var/log/nginx"
STEP = 1 << 16  # bytes: as near to a time as a search in a file goes
TICK = 0.1  # seconds between two looks for something new
RESCAN = 2  # seconds between two looks for processes that are new
OLD = 10  # seconds that a file is still read after another one came in its place
NEAR = 1  # seconds: what belongs to a line follows it within that
MOST = 1000  # lines of a record
BACK = (30, 240, 1920, 15360)  # seconds that are looked back for the last lines, one after the other; then all there is

SVLOGD = re.compile(rb"(\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d)(\.\d+)? ?")
ACCESS = re.compile(rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d)\] ?")
ERROR = re.compile(rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) ?")
TRACEBACK = "Traceback (most recent call last):"
CHAINED = ("During handling of the above", "The above exception was", TRACEBACK)
DETAILS = ("LINE ", "DETAIL: ", "HINT: ", "CONTEXT: ")  # PostgreSQL's, after the line that ends a traceback
PLAIN, INSIDE, AFTER = range(3)  # nothing of a traceback; its stack; the line that ends it, and what follows

Record = tuple[float, str, str]  # when, which process, what it said
Line = tuple["float | None", bytes]  # when, where it says so, and the rest of it
Parse = Callable[[bytes], Line]
Wanted = Callable[[Record], bool]


@lru_cache(maxsize=256)
def moment(said: bytes, form: str, local: bool = False) -> float:
    """Return a written time in seconds since 1970."""
    parts = time.strptime(said.decode(), form)
    return time.mktime(parts) if local else timegm(parts)


def runit_line(line: bytes) -> Line:
    """Return the time of a line that svlogd wrote, None without one, and its text."""
    found = SVLOGD.match(line)
    if not found:
        return None, line
    return moment(found[1], "%Y-%m-%d_%H:%M:%S") + float(found[2] or 0), line[found.end() :]


def nginx_line(line: bytes) -> Line:
    """Return the time of a line that nginx wrote, by a whole second and None without one, and its text."""
    if found := ERROR.match(line):
        return moment(found[1], "%Y/%m/%d %H:%M:%S", local=True), line[found.end() :]
    if found := ACCESS.search(line):
        away = (int(found[3]) * 60 + int(found[4])) * (60 if found[2] == b"+" else -60)
        return moment(found[1], "%d/%b/%Y:%H:%M:%S") - away, line[: found.start()] + line[found.end() :]
    return None, line


def parsed(parse: Parse, line: bytes) -> tuple[float | None, str]:
    """Return the time of a line and its text; a time that can't be is none."""
    try:
        stamp, rest = parse(line)
    except ValueError:
        stamp, rest = None, line
    return stamp, rest.decode(errors="replace").rstrip("\r\n")


def belongs(state: int, text: str) -> int | None:
    """Return the state after a line that belongs to what came before; None where it begins something new."""
    if text.startswith((" ", "\t")):
        return INSIDE if state else PLAIN
    if text.startswith(TRACEBACK):
        return INSIDE
    if state == INSIDE or (state == AFTER and (not text or text.startswith((*CHAINED, *DETAILS)))):
        return AFTER
    return None


class Group:
    """Puts lines together to records."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.lines: list[str] = []
        self.stamp = self.last = 0.0
        self.state = PLAIN

    def add(self, stamp: float | None, text: str) -> Iterator[Record]:
        """Take a line; yield the record that it ends, if it begins another one."""
        state = None
        if self.lines and len(self.lines) < MOST and (stamp is None or stamp - self.last < NEAR):
            state = belongs(self.state, text)
            state = self.state if state is None and stamp is None else state
        if state is None:
            yield from self.end()
            self.stamp = self.last if stamp is None else stamp
            self.state = INSIDE if text.startswith(TRACEBACK) else PLAIN
        else:
            self.state = state
        self.last = self.last if stamp is None else stamp
        self.lines.append(text)

    def end(self) -> Iterator[Record]:
        """Yield the record that is open, if there is one that says something."""
        text = "\n".join(self.lines).rstrip("\n")
        self.lines = []
        if text:
            yield self.stamp, self.process, text


def whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file to its end; one that isn't finished yet is left for the next time."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            return
        yield line


def approach(file: IO[bytes], since: float, parse: Parse) -> None:
    """Go to a line of a file that is a little before a time: by halves, as times only grow."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while high - low > STEP:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        while (stamp := parsed(parse, file.readline())[0]) is None and file.tell() < high:
            pass
        if stamp is None or stamp >= since:
            high = middle
        else:
            low = middle
    file.seek(low)
    if low:
        file.readline()


class Log:
    """A log: the file that is written to, and those that it was before it was turned over."""

    def __init__(self, process: str, path: str, parse: Parse, older: str) -> None:
        self.path, self.parse, self.older = path, parse, re.compile(older)
        self.group = Group(process)
        self.files: list[IO[bytes]] = []  # that are followed; the last one is written to
        self.turned = self.arrived = 0.0

    def chain(self, since: float = 0) -> list[str]:
        """Return the paths of the files that it was, the oldest first; those that were written to after a time."""
        found = []
        for entry in os.scandir(os.path.dirname(self.path)):
            if self.older.fullmatch(entry.name):
                with suppress(FileNotFoundError):
                    found.append((entry.stat().st_mtime, entry.name, entry.path))
        return [path for written, _, path in sorted(found) if written >= since]

    def history(self, since: float) -> Iterator[Record]:
        """Yield the records from a time on, in their order; what is added later is for `fresh`."""
        self.close()
        live = opened(self.path)  # before the others are listed: it may be turned over meanwhile
        for path in self.chain(since):
            if not same(path, live) and (file := opened(path)):
                with file:
                    yield from self.read(file, since)
        if live:
            self.files = [live]
            yield from self.read(live, since)
        yield from (record for record in self.group.end() if record[0] >= since)

    def read(self, file: IO[bytes], since: float) -> Iterator[Record]:
        """Yield the records of a file from a time on."""
        if not isinstance(file, gzip.GzipFile):
            approach(file, since, self.parse)
        try:
            for line in whole_lines(file):
                for record in self.group.add(*parsed(self.parse, line)):
                    if record[0] >= since:
                        yield record
        except (EOFError, gzip.BadGzipFile, zlib.error):
            pass  # it is being compressed just now, or never was to its end: there is no more of it

    def fresh(self, now: float, hold: float) -> Iterator[Record]:
        """Yield what was added and is complete."""
        self.follow_turns(now)
        for file in self.files:
            for line in whole_lines(file):
                self.arrived = now
                yield from self.group.add(*parsed(self.parse, line))
        if self.arrived <= now - hold / 2:
            yield from self.group.end()

    def follow_turns(self, now: float) -> None:
        """Open what came in the place of the file that was followed; who writes may be late to notice."""
        if len(self.files) > 1 and now - self.turned > OLD:
            for file in self.files[:-1]:
                file.close()
            del self.files[:-1]
        live = self.files[-1] if self.files else None
        if live and same(self.path, live):
            if os.fstat(live.fileno()).st_size < live.tell() and (anew := opened(self.path)):
                self.files[-1] = anew  # what the other one had in memory counts no more
                live.close()
            return
        if not os.path.exists(self.path):
            return
        paths = [*self.chain(), self.path]
        known = [number for number, path in enumerate(paths) if same(path, live)]
        newer = map(opened, paths[known[-1] + 1 :] if known else [self.path])
        self.files += [file for file in newer if file]
        self.turned = now

    def close(self) -> None:
        """Leave its files."""
        for file in self.files:
            file.close()
        self.files, self.group = [], Group(self.group.process)


def opened(path: str) -> IO[bytes] | None:
    """Open a file; None where it is gone."""
    try:
        return gzip.GzipFile(path) if path.endswith(".gz") else open(path, "rb")  # type: ignore[return-value]
    except FileNotFoundError:
        return None


def same(path: str, file: IO[bytes] | None) -> bool:
    """Tell whether a path leads to a file that is open."""
    try:
        return file is not None and os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def logs_of(instance: str, wanted: Collection[str]) -> dict[str, Log]:
    """Return the logs of an instance's processes by their paths: of those that are wanted, or of all."""
    found: dict[str, Log] = {}
    folder = f"{LOGS}/{instance}"
    for unit in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        process = "web" if unit in ("web-a", "web-b") else unit
        if not wanted or process in wanted or process.partition(".")[0] in wanted:
            path = f"{folder}/{unit}/current"
            if os.path.isdir(f"{folder}/{unit}"):
                found[path] = Log(process, path, runit_line, r"@.+\.[su]")
    for kind in ("access", "error") if not wanted or "nginx" in wanted else ():
        path = f"{NGINX}/{instance}.{kind}.log"
        if os.path.isdir(NGINX):
            found[path] = Log("nginx", path, nginx_line, re.escape(os.path.basename(path)) + r"[.-].+")
    return found


def merged(logs: Iterable[Log], since: float, wanted: Wanted) -> Iterator[Record]:
    """Yield the records of all logs from a time on, in order of time."""
    every = heapq.merge(*(log.history(since) for log in logs), key=lambda record: record[0])
    return (record for record in every if wanted(record))


def last(logs: Collection[Log], count: int, since: float, wanted: Wanted) -> Iterable[Record]:
    """Return the last records: looking back a short while, then further."""
    now = time.time()
    for start in (now - back for back in BACK if now - back > since):
        found = deque(merged(logs, start, wanted), maxlen=count)
        if len(found) == count:
            return found
    return deque(merged(logs, since, wanted), maxlen=count)


def say(records: Iterable[Record | None]) -> None:
    """Print records as lines of JSON, and see that they leave."""
    for record in records:
        sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def gone(seconds: float) -> bool:
    """Wait a moment; tell whether our stdin ended meanwhile."""
    return bool(select.select([0], [], [], seconds)[0]) and not os.read(0, 1000)


def follow(logs: dict[str, Log], question: dict[str, Any], wanted: Wanted) -> None:
    """Print what comes, until stdin ends: in order of time, as far as the time that it is held back allows."""
    pending: list[tuple[float, int, float, Record]] = []
    number, scanned = 0, time.monotonic()
    while not gone(TICK):
        now = time.monotonic()
        if now - scanned > RESCAN:
            new = logs_of(question["instance"], question["processes"])
            logs, scanned = {**new, **logs}, now
        for log in logs.values():
            for record in filter(wanted, log.fresh(now, question["hold"])):
                number += 1
                heapq.heappush(pending, (record[0], number, log.arrived, record))
        due = max((each[0] for each in pending if each[2] <= now - question["hold"]), default=None)
        ready = []
        while pending and due is not None and pending[0][0] <= due:
            ready.append(heapq.heappop(pending)[3])
        if ready:
            say(ready)


def main(words: str) -> None:
    """Answer the question."""
    question = json.loads(words)
    pattern = re.compile(question["grep"], re.MULTILINE) if question["grep"] else None
    logs = logs_of(question["instance"], question["processes"])

    def wanted(record: Record) -> bool:
        return pattern is None or pattern.search(record[2]) is not None

    if question["lines"] is None:
        say(merged(logs.values(), question["since"], wanted))
    else:
        say(last(logs.values(), question["lines"], question["since"], wanted))
    say([None])
    if question["follow"]:
        follow(logs, question, wanted)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)  # nobody reads it any more
