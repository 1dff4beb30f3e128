"""What is typed to name virtualenvs: a host, a user, a path, or some of them together."""

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass

from kraftwerk.errors import KraftwerkError
from kraftwerk.virtualenvs.virtualenv import HOST, PATH, USER, Virtualenv

FORMS = "HOST, USER@HOST, USER@HOST:/PATH, HOST:/PATH, :/PATH or USER@"
SHAPE = re.compile(rf"((?P<user>{USER})@)?(\[(?P<address>[^]]*:[^]]*)\]|(?P<host>[^@:\[\]]*))(:(?P<path>.+))?")


@dataclass(frozen=True)
class Selector:
    """Parts of a virtualenv's name; an empty one fits all."""

    user: str = ""
    host: str = ""
    path: str = ""

    def fits(self, virtualenv: Virtualenv, names: Collection[str]) -> bool:
        """Tell whether it selects a virtualenv.

        Args:
            names: what the virtualenv's host is called, and its address.
        """
        return (
            self.user in ("", virtualenv.user)
            and self.host.lower() in ("", *(name.lower() for name in names))
            and self.path in ("", virtualenv.path.rstrip("/"))
        )

    @property
    def virtualenv(self) -> Virtualenv | None:
        """Return the virtualenv that it names in full, known or not; None where host or path are left open."""
        return Virtualenv(host=self.host, path=self.path, user=self.user) if self.host and self.path else None


def parse(text: str) -> Selector:
    """Return the selector that is written as one of FORMS.

    Raises:
        KraftwerkError: it is none of them (code 2).
    """
    found = SHAPE.fullmatch(text)
    if not found or not text:
        raise KraftwerkError(f"{text!r} names no virtualenv: {FORMS}", code=2)
    host, path = found["address"] or found["host"] or "", found["path"] or ""
    if host and not re.fullmatch(HOST, host):
        raise KraftwerkError(f"{text!r}: {host!r} is no hostname or address", code=2)
    if path and not re.fullmatch(PATH, path):
        raise KraftwerkError(f"{text!r}: {path!r} is not a whole path, such as /srv/shop/venv", code=2)
    return Selector(found["user"] or "", host, posixpath.normpath(path) if path else "")
