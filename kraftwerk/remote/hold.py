"""Runs on a node, as an argument of python3: has an instance's requests wait while its caller works on its data.

hold.py OPTIONS, which is JSON:
  instance     its name; processes: its workers, in the order in which they stop
  patience     seconds that a request waits before it is answered 503
  running      seconds that one-off commands and cron jobs are given to end
  gate, asked  gate.sh, and its arguments after the slot
  page         what those see who waited too long, where the project has no page of its own
  message      what stands in the project's own for words to its visitors, and what is said there

It prints a JSON line for each thing that it did, and reads lines on stdin: `release`, or `forward` with an address and
a script for when the site has moved there. The script prints a word when there is no way back; where it fails before
that, all starts again. Any other line says that the caller lives. When stdin ends or is silent, all starts again as
after `release`; a second process sees to that, should this one be killed. After a reboot nothing holds.

What comes outside of web waits for the lock on /run/kraftwerk/<instance> (exec.jinja), and what runs keeps
/web/<instance>/slots locked.
"""

import asyncio
import contextlib
import fcntl
import glob
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

ONE = ThreadPoolExecutor(1)
SILENCE = 30  # seconds without a line from the caller, who sends one every few seconds
STOP = "30"  # seconds that requests and workers are given to finish
START = "5"  # seconds that runit is given to start them
LINGER = 60  # seconds that nginx is given to forget where it was led
TAIL = 600  # seconds that requests may take which were let through at the end


class Site:
    """An instance on this node: what of it runs, stops and starts."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.name: str = options["instance"]
        self.options = options
        self.run = f"/run/kraftwerk/{self.name}"
        self.root = f"/web/{self.name}"
        self.slot = link(f"{self.root}/slots/live")
        services = [f"/etc/service/{self.name}-{name}" for name in options["processes"]]
        self.workers = [service for service in services if self.runs(service)]
        self.entrance, self.inside = folder(self.run), folder(f"{self.root}/slots")

    @property
    def web(self) -> str:
        """What runit calls the live slot."""
        return f"/etc/service/{self.name}-web-{self.slot}"

    def runs(self, service: str) -> bool:
        """Whether runit keeps it running."""
        return os.path.exists(service) and sv("status", service).stdout.startswith(b"run:")

    def serves(self) -> bool:
        """Whether a release is live whose requests could wait."""
        return bool(self.slot) and os.path.exists(self.web)

    def close(self) -> None:
        """Have one-off commands and cron jobs wait which come from now on.

        Raises:
            RuntimeError: somebody keeps them from it, who could for ever.
        """
        until = time.monotonic() + self.options["running"]
        while self.entrance is not None:
            try:
                return fcntl.flock(self.entrance, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise RuntimeError(f"something of {self.name} keeps {self.run} locked") from error
                time.sleep(0.05)

    def empty(self) -> bool:
        """Whether all of them have ended that came before."""
        try:
            if self.inside is not None:
                fcntl.flock(self.inside, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def reopen(self) -> None:
        """Let them go on."""
        for lock in (self.entrance, self.inside):
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_UN)

    def point(self, socket: str) -> None:
        """Lead nginx to another socket, by a rename."""
        new = f"{self.run}/.current.hold"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        os.symlink(socket, new)
        os.rename(new, f"{self.run}/current.sock")

    @contextlib.contextmanager
    def entered(self) -> Iterator[str]:
        """Yield a path of the socket that nginx is led to.

        The folder is the site's own, which could have put a link to another's socket there, one that trusts root: so
        the socket itself is opened, and must have been made by the site or by a hold.

        Raises:
            OSError: there is none.
        """
        name = link(f"{self.run}/current.sock")
        folder = os.open(self.run, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.open(os.path.basename(name), os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
            try:
                status = os.fstat(found)
                if not stat.S_ISSOCK(status.st_mode) or status.st_uid not in (os.geteuid(), os.fstat(folder).st_uid):
                    raise PermissionError(f"{self.run}/{name} is another's")
                yield f"/proc/self/fd/{found}"
            finally:
                os.close(found)
        finally:
            os.close(folder)

    def start_web(self) -> tuple[str, str]:
        """Start web again and return what the gate saw: a word and a status."""
        sv("-w", START, "start", self.web)
        command = ["sh", "-seu", "--", self.name, self.slot, *self.options["asked"]]
        done = subprocess.run(command, input=self.options["gate"].encode(), capture_output=True, check=False)
        said = done.stdout.decode(errors="replace").rstrip("\n").split("\t")
        return said[0], said[1] if said[1:] else ""

    def restore(self) -> tuple[str, str]:
        """Have all run again as before, whatever was stopped. Returns what the gate saw."""
        seen = ("", "")
        self.slot = link(f"{self.root}/slots/live")  # the caller may have made another release the live one meanwhile
        if self.serves():
            seen = self.start_web()
            self.point(f"{self.slot}.sock")
        self.reopen()
        if self.workers:
            sv("-w", START, "start", *self.workers)
        return seen

    def queued(self) -> int:
        """How many requests web has not accepted yet: connections without a process, which the kernel shows as 2."""
        path = f"{self.run}/{self.slot}.sock"
        with open("/proc/net/unix", encoding="utf-8") as table:
            rows = (line.split() for line in table)
            return sum(row[-1] == path and row[5] == "02" for row in rows)

    def commands(self) -> list[str]:
        """The one-off commands and cron jobs that still run."""
        found = []
        for descriptor in glob.glob("/proc/[0-9]*/fd/8"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor) == f"{self.root}/slots":
                    with open(f"{descriptor[:-4]}cmdline", "rb") as words:
                        found.append(words.read().replace(b"\0", b" ").decode(errors="replace").strip()[:80])
        return sorted(set(found))


class Waiting:
    """The requests that wait, on a socket of their own in place of web's."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.path = f"{site.run}/hold-{os.getpid()}.sock"  # another hold may pass on its last requests yet
        self.started = time.monotonic()
        self.open = asyncio.Event()
        self.server: asyncio.AbstractServer | None = None
        self.address: tuple[str, int] | None = None
        self.all, self.refused = 0, 0
        self.running: set[asyncio.Future[None]] = set()

    async def listen(self) -> None:
        """Begin to take requests."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        os.umask(0)  # nginx may connect, by the folder's permissions
        self.server = await asyncio.start_unix_server(self.take, self.path, backlog=4096)
        os.umask(0o077)

    async def take(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Have a request wait, and pass it on; or answer that it took too long."""
        self.all += 1
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running.add(answered)
        patience = self.site.options["patience"]
        if time.monotonic() - self.started > patience:
            patience = 0
        try:
            await asyncio.wait_for(self.open.wait(), patience)
            await self.splice(reader, writer)
        except TimeoutError:
            self.refused += 1
            await self.refuse(reader, writer)
        except OSError:
            pass  # either end is gone
        finally:
            writer.close()
            self.running.discard(answered)
            answered.set_result(None)

    async def splice(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass all bytes of a connection to where the site is now, and back."""
        if self.address:
            there = await asyncio.open_connection(*self.address)
        else:
            with self.site.entered() as path:
                there = await asyncio.open_unix_connection(path)
        forth = asyncio.ensure_future(pump(reader, there[1]))
        try:
            await pump(there[0], writer)
        finally:
            forth.cancel()
            there[1].close()

    async def refuse(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer 503, and read what is still sent: who closes before that is a broken connection for nginx."""
        page = maintenance(self.site)
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {len(page)}\r\nRetry-After: 30\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + page)
        await writer.drain()
        writer.write_eof()
        while await asyncio.wait_for(reader.read(65536), SILENCE):
            pass

    def release(self, address: tuple[str, int] | None = None) -> None:
        """Let all requests go on: to web, or to an address."""
        self.address = address
        self.open.set()

    def figures(self) -> dict[str, Any]:
        """How long requests waited at most, how many did, and how many of them were answered 503."""
        seconds = time.monotonic() - self.started if self.server else 0
        return {"seconds": round(seconds, 2), "waited": self.all, "refused": self.refused}

    async def finish(self, linger: float) -> None:
        """Wait until what was let through is answered, and for so many seconds for what was on its way here."""
        if self.server:
            await asyncio.sleep(linger)
            self.server.close()
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        if self.running:
            await asyncio.wait(self.running, timeout=TAIL)


class Caller:
    """What the caller sends: lines, for as long as it lives."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.heard = time.monotonic()
        self.gone = asyncio.Event()
        threading.Thread(target=self.read, args=(asyncio.get_running_loop(),), daemon=True).start()

    def read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read lines from stdin, in a thread of its own."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for line in iter(sys.stdin.readline, ""):
                self.heard = time.monotonic()
                if line.strip():
                    loop.call_soon_threadsafe(self.lines.put_nowait, line)
            loop.call_soon_threadsafe(self.gone.set)

    async def left(self) -> None:
        """Wait until the caller is gone, or silent for too long."""
        while not self.gone.is_set() and time.monotonic() - self.heard < SILENCE:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), 1)


async def pump(reader: StreamReader, writer: StreamWriter) -> None:
    """Pass bytes on until there are no more."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def hold(site: Site, waiting: Waiting, caller: Caller) -> str:
    """Stop all that changes data, in order, while the site serves as long as it can; then wait for the word to end."""
    for worker in site.workers:  # those that make jobs last, so that they are named last
        say(doing=os.path.basename(worker))
        await to_thread(sv, "-w", patience(worker), "force-stop", worker)
    await to_thread(site.close)
    until = time.monotonic() + site.options["running"]
    if not (alone := site.empty()):
        say(doing=f"waiting for {', '.join(site.commands())}")
    while not (alone := alone or site.empty()) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    running = [] if alone else site.commands()
    if site.serves():
        say(doing="requests")
        await waiting.listen()
        waiting.started = time.monotonic()
        site.point(os.path.basename(waiting.path))
        await drained(site)
        await to_thread(sv, "-w", STOP, "force-stop", site.web)
    say(held=True, running=running)
    return await caller.lines.get()


async def drained(site: Site) -> None:
    """Wait until web has accepted all that there is: it answers that before it stops; what it hasn't would be lost."""
    until, idle = time.monotonic() + int(STOP), 0
    while idle < 2 and time.monotonic() < until:
        idle = 0 if site.queued() else idle + 1
        await asyncio.sleep(0.01)


async def serve(site: Site, ended: Callable[[], None]) -> None:
    """Hold, end in one of the ways there are, and see what waited to its end.

    ended: is called when there is nothing left to put back.
    """
    waiting, caller = Waiting(site), Caller()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, caller.gone.set)
    work, gone = asyncio.ensure_future(hold(site, waiting, caller)), asyncio.ensure_future(caller.left())
    await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    order = json.loads(work.result()) if work.done() and work.result().startswith("{") else {}
    work.cancel()
    left = await leave(site, waiting, order, ended) if order else False
    if not left:
        word, status = await to_thread(site.restore)
        waiting.release()
        ended()
        say(released=True, word=word, status=status, **waiting.figures())
    await waiting.finish(LINGER if left else 1)


async def leave(site: Site, waiting: Waiting, order: dict[str, Any], ended: Callable[[], None]) -> bool:
    """Run the script that leaves this node, and pass what waited on to the new one; return whether it was left."""
    ended()
    # First, while visitors wait: their connections are not idle, so that a reload of nginx closes none under them.
    done = await to_thread(script, order["script"], site.name, *order["arguments"])
    said = done.stderr.decode(errors="replace")
    if not done.stdout:  # it failed before there was no way back
        say(forwarded=False, said=said)
        return False
    waiting.release(tuple(order["forward"]))
    site.reopen()
    say(forwarded=True, whole=not done.returncode, said=said, **waiting.figures())
    return True


async def to_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what takes its time, without keeping requests from waiting; one after the other, so that a stop that was
    begun has ended before all is started again."""
    return await asyncio.get_running_loop().run_in_executor(ONE, function, *arguments)


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script."""
    return subprocess.run(["sh", "-seu", "--", *arguments], input=text.encode(), capture_output=True, check=False)


def sv(*words: str) -> subprocess.CompletedProcess[bytes]:
    """Call runit's sv."""
    return subprocess.run(["sv", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def patience(worker: str) -> str:
    """How many seconds a worker may take to stop, by what its service says."""
    try:
        with open(f"{worker}/stop", encoding="ascii") as stop:
            seconds = int(stop.read().split()[1])
    except (OSError, ValueError, IndexError):
        seconds = 0
    return str(seconds + 5) if seconds else STOP


def link(path: str) -> str:
    """Where a link leads, or nothing."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def maintenance(site: Site) -> bytes:
    """The page for those who waited too long: the project's own maintenance.html, if it has one."""
    try:
        with open(os.open(f"{site.root}/current/maintenance.html", os.O_RDONLY | os.O_NOFOLLOW), "rb") as page:
            place, words = site.options["message"]
            return page.read().replace(place.encode(), words.encode())
    except OSError:
        return str(site.options["page"]).encode()


def say(**fact: object) -> None:
    """Tell the caller, if it is still there."""
    with contextlib.suppress(OSError):
        os.write(1, (json.dumps(fact) + "\n").encode())


def folder(path: str) -> int | None:
    """A folder, opened to be locked; None where there is none."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None


def main(options: str) -> None:
    """Hold in a child; should it be killed, have all run again."""
    site = Site(json.loads(options))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    for number in (signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.makedirs("/run/kraftwerk-lock", mode=0o700, exist_ok=True)
    guard = os.open(f"/run/kraftwerk-lock/{site.name}.hold", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(failed="somebody else holds it already")
        return
    reading, writing = os.pipe()

    def ended() -> None:
        with contextlib.suppress(BrokenPipeError):  # it was told before
            os.write(writing, b"1")
        fcntl.flock(guard, fcntl.LOCK_UN)

    child = os.fork()
    if not child:
        try:
            asyncio.run(serve(site, ended))
        except Exception as error:
            say(failed=str(error) or repr(error))
        os._exit(0)
    os.close(writing)
    os.close(0)
    if not os.read(reading, 1):
        site.restore()


if __name__ == "__main__":
    main(sys.argv[1])
