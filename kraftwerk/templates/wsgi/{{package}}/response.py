"""What is answered: status, headers, body."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Response:
    """An answer."""

    body: bytes
    status: str = "200 OK"
    kind: str = "text/html; charset=utf-8"
    more: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> "Response":
        """Return a file."""
        return cls(path.read_bytes(), kind=mimetypes.guess_type(path.name)[0] or "application/octet-stream")

    @classmethod
    def redirect(cls, url: str) -> "Response":
        """Send the visitor to another page of this site."""
        return cls(b"", "303 See Other", more=(("Location", url),))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return the headers, as WSGI wants them."""
        return [("Content-Type", self.kind), ("Content-Length", str(len(self.body))), *self.more]
