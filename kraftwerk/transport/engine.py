"""Salt on a node by the engine that runs there: one ssh channel for all calls of a command (remote/saltengine.py)."""

import json
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kraftwerk import process, saltconf, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.process import OnLine
from kraftwerk.remote import program
from kraftwerk.transport import enginefile
from kraftwerk.transport.connection import Connection
from kraftwerk.transport.unreachable import UNREACHABLE, unreachable

SENDING = "sending Salt"  # how the line begins that tells of it
ARCHIVE = "@archive"  # stands in a call for the path of what goes with it


@dataclass(frozen=True)
class Settings:
    """What Salt on the node goes by.

    Attributes:
        minion: the settings that differ from Salt's defaults.
        modules: the version of the custom modules; file: the archive of them.
    """

    minion: dict[str, Any]
    modules: str = ""
    file: Path | None = None


def folder(node: Node) -> PurePosixPath:
    """Return where the engine is on a node."""
    return PurePosixPath(node.salt_folder).with_name("engine")


def expected(node: Node) -> Settings:
    """Return the settings that a call will most likely have, so that Salt loads there while it is imported here."""
    minion = {
        **saltconf.minion_options(),
        **{"grains_cache": False, "log_file": "salt-call.log", "id": node.name, "sock_dir": "/"},
        **{"root_dir": f"{node.salt_folder}/running_data", "fileserver_list_cache_time": 3},
    }
    with suppress(OSError, ValueError):
        version, file = _last().read_text().split(" ", 1)
        return Settings(minion, version, Path(file))
    return Settings(minion)


class Engine:
    """An open channel to the engine of a node; to be closed."""

    def __init__(self, connection: Connection, on_line: OnLine | None = None) -> None:
        self._on_line = on_line
        self.connection = connection
        self._key = enginefile.key()
        self._modules = ""
        settings = expected(connection.node)
        self._offered = settings.file if settings.file is not None and settings.file.is_file() else None
        hello = json.dumps(_told(settings) | {"offered": self._offered is not None})
        where = [str(folder(connection.node)), self._key, connection.node.salt_folder, hello]
        words = ["python3", "-ISc", program("saltdoor"), *where]
        self._process = connection.popen(words, stdin=process.PIPE, stdout=process.PIPE, stderr=process.PIPE)
        self._words: list[str] = []
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_messages, self._listen)]
        for reader in self._readers:
            reader.start()
        self._ready = False

    def call(
        self,
        words: Sequence[str],
        settings: Settings,
        *,
        archive: bytes = b"",
        level: str = "quiet",
        on_line: OnLine | None = None,
    ) -> tuple[str, str, int]:
        """Call a function as salt-call does, and return its output, its errors and its exit code.

        Args:
            words: the function and its arguments; `ARCHIVE` in them is the path of the archive there.
            archive: what goes with it; it stands in memory there.
            level: from which Salt logs; each line is handed on as it comes.

        Raises:
            KraftwerkError: the node can't be reached, or the engine ended.
        """
        while not self._ready:  # first it may say that another call just brought the modules
            self._ready = "ready" in self._answer()
        if settings.modules != self._modules:
            self._send_modules(settings)
        self._ask({"call": list(words), "settings": _told(settings), "size": len(archive), "level": level}, archive)
        errors: list[str] = []
        begun = ""
        while True:
            message = self._answer()
            if "out" in message:
                return message["out"], "".join(errors), int(message["code"])
            errors.append(str(message.get("err", "")))
            if on_line is not None:
                *lines, begun = (begun + errors[-1]).split("\n")
                for line in lines:
                    on_line(line)

    def abandon(self) -> None:
        """Wait for nothing more; what runs on the node goes on to its end there, and cleans up."""
        self._process.terminate()

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._stdin.close()
        self._process.wait()
        for reader in self._readers:
            reader.join()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdin

    def _send_modules(self, settings: Settings) -> None:
        self._ask({"modules": settings.modules})
        if self._answer().get("need"):
            assert settings.file is not None  # noqa: S101 - a version has a file
            self._give(settings.file.read_bytes())
        self._modules = settings.modules
        with suppress(OSError):
            _last().write_text(f"{settings.modules} {settings.file}")

    def _ask(self, message: dict[str, Any], more: bytes = b"") -> None:
        with suppress(OSError):  # why it ended is told by the answer
            self._stdin.write(json.dumps(message).encode() + b"\n" + more)
            self._stdin.flush()

    def _give(self, content: bytes) -> None:
        with suppress(OSError):
            self._stdin.write(b"%d\n" % len(content) + content)
            self._stdin.flush()

    def _answer(self) -> dict[str, Any]:
        message = self._messages.get()
        if message is None:
            self._messages.put(None)  # for who asks again
            raise self._ended()
        return message

    def _read_messages(self) -> None:
        """Read what comes; the engine itself is sent as soon as it is asked for, whatever is done here meanwhile."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            with self._process.stdout as stdout:
                for line in stdout:
                    self._take(line)
        except Exception as error:  # it can't be made here, such as when the disk is full; nobody may wait for it
            self._words.append(str(error))
            self._process.terminate()
        finally:
            self._messages.put(None)

    def _take(self, line: bytes) -> None:
        begin = line.find(b'{"')  # a login shell on the node may print something before
        if begin < 0 or not line.endswith(b"\n"):
            self._words.append(line.decode(errors="replace"))
            return
        message = json.loads(line[begin:])
        if message.get("need") == "engine":
            content = enginefile.archive(self._key, message["magic"])
            if self._on_line is not None:
                self._on_line(f"{SENDING} ({screen.size(len(content))}, once)")
            self._give(content)
            return
        offered, self._offered = self._offered, None  # they are asked for first of all, if at all
        if message.get("need") == "modules" and offered is not None:
            self._give(offered.read_bytes())
        else:
            self._messages.put(message)

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        with self._process.stderr as stderr:
            for line in stderr:
                self._words.append(line.decode(errors="replace"))

    def _ended(self) -> KraftwerkError:
        node, code = self.connection.node, self._process.wait()
        self._readers[1].join()
        said = "".join(self._words)
        if code == UNREACHABLE:
            return unreachable(node, said)
        last = said.strip().splitlines()[-1:] or [f"exit code {code}"]
        return KraftwerkError(f"{node.name}: Salt ended there: {last[0]}")


def _told(settings: Settings) -> dict[str, Any]:
    """Return what the engine is told of settings."""
    return {"minion": settings.minion, "modules": settings.modules}


def _last() -> Path:
    return saltconf.root() / "modules.last"
