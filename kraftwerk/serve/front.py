"""The port that browsers see: what nginx is on a node. It holds requests while the server starts anew.

Whoever saves and reloads sees the new page, not an error; and when the code can't run, why.
"""

import html
import mimetypes
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kraftwerk.errors import KraftwerkError

PATIENCE = 30  # seconds until the server must be there
POLL = 0.02
HEAD = 65536  # bytes that a request's head may have
PIECE = 65536
TRIES = 100  # ports after the usual one
ATTEMPTS = 3  # for a request that a restart cut off before any answer
REPEATABLE = re.compile(rb"(GET|HEAD|OPTIONS) ")
MORE = re.compile(rb"\r\n(upgrade|content-length|transfer-encoding):", re.IGNORECASE)  # its bytes go on after its head


class Front(socketserver.ThreadingTCPServer):
    """Passes connections on to the development server, one request each, and serves files by itself.

    Attributes:
        folders: by URL, the folder whose files are served; what isn't there is asked of the server.
        ended: returns the server's last lines when it has ended, else None.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, behind: tuple[str, int], ended: Callable[[], str | None]) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.behind, self.ended = behind, ended
        self.folders: Mapping[str, Path] = {}

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self.server_address[1])

    def begin(self) -> None:
        """Serve, in a thread."""
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def connect(self) -> socket.socket | None:
        """Return a connection to the server, once it takes any; None when it has ended or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError):
                return socket.create_connection(self.behind, timeout=PATIENCE)
            if self.ended() is not None:
                return None
            time.sleep(POLL)
        return None

    def file(self, target: str) -> Path | None:
        """Return the file that a request's target names, if it is ours to serve."""
        with suppress(ValueError, OSError):  # no URL, or no name of a file
            path = unquote(urlsplit(target).path)
            for url, folder in self.folders.items():
                if path.startswith(url):
                    found = (folder / path.removeprefix(url)).resolve()
                    if found.is_file() and found.is_relative_to(folder.resolve()):
                        return found
        return None

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of browsers that went away."""


class _Handler(socketserver.BaseRequestHandler):
    server: Front

    def handle(self) -> None:
        head = self._head()
        if not head:
            return
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        file = self.server.file(words[1]) if len(words) == 3 and words[0] in ("GET", "HEAD") else None
        if file:
            self._send(file, words[0])
        else:
            self._pass_on(head)

    def _head(self) -> bytes:
        """Return the request up to the end of its head, and what came of its body with it."""
        found = b""
        while b"\r\n\r\n" not in found and len(found) < HEAD:
            piece = self.request.recv(PIECE)
            if not piece:
                return b""
            found += piece
        return found

    def _pass_on(self, head: bytes) -> None:
        again = REPEATABLE.match(head) and not MORE.search(head)
        for _ in range(ATTEMPTS if again else 1):
            behind = self.server.connect()
            if behind is None:
                break
            with behind, suppress(OSError):
                behind.settimeout(None)
                behind.sendall(alone(head, self.client_address[0]))
                if not again:
                    threading.Thread(target=_pump, args=(self.request, behind), daemon=True).start()
                if _pump(behind, self.request):
                    return
        self._explain()

    def _explain(self) -> None:
        """Answer why there is no answer: the server's last lines."""
        deadline = time.monotonic() + 1  # it may be about to end
        while (said := self.server.ended()) is None and time.monotonic() < deadline:
            time.sleep(POLL)
        text = html.escape(said or "The development server does not answer.")
        body = (
            "<!doctype html><title>kraftwerk serve</title><meta http-equiv=refresh content=2>"
            f"<h1>The application can't run</h1><p>Save a mended file, and this page shows it.</p><pre>{text}</pre>"
        ).encode()
        self._answer("500 Internal Server Error", "text/html; charset=utf-8", len(body))
        with suppress(OSError):
            self.request.sendall(body)

    def _send(self, file: Path, method: str) -> None:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        with file.open("rb") as stream:
            self._answer("200 OK", kind, file.stat().st_size)
            if method == "GET":
                with suppress(OSError):
                    self.request.sendfile(stream)

    def _answer(self, status: str, kind: str, size: int) -> None:
        lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {size}")
        with suppress(OSError):
            self.request.sendall("\r\n".join((*lines, "Cache-Control: no-store", "Connection: close", "", "")).encode())


def alone(head: bytes, client: str) -> bytes:
    """Return a request that is the only one of its connection, with whose it is; one to a websocket stays as it is."""
    first, _, rest = head.partition(b"\r\n")
    lines = rest.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    body = rest.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in rest else b""
    if not any(line.lower().startswith(b"upgrade:") for line in lines):
        lines = [line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:"))]
        lines.append(b"Connection: close")
    lines.append(b"X-Forwarded-For: " + client.encode())
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n" + body


def _pump(source: socket.socket, sink: socket.socket) -> int:
    """Pass bytes on until there are no more; return how many."""
    count = 0
    with suppress(OSError):
        while piece := source.recv(PIECE):
            sink.sendall(piece)
            count += len(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    return count


def listen(host: str, port: int | None, usual: int, behind: tuple[str, int], ended: Callable[[], str | None]) -> Front:
    """Return a front on a port.

    Args:
        port: this one; else the usual one or the next that is free.
        behind, ended: as the front's.

    Raises:
        KraftwerkError: the port is taken, or can't be had (code 2).
    """
    reason = ""
    for each in [port] if port is not None else range(usual, usual + TRIES):
        try:
            return Front(host, each, behind, ended)
        except OSError as error:
            reason = error.strerror or str(error)
    cause = f"{host}:{port if port is not None else usual} can't be listened on: {reason}"
    raise KraftwerkError(cause, next_command="kraftwerk serve, without --port, finds a free one", code=2)
