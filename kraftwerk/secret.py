"""Secrets as they stand in a project's files: encrypted with age for the team's keys, readable on its admins only."""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
from pyrage import ssh, x25519

from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home, write_atomic

BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----"
IDENTITY = "AGE-SECRET-KEY-"
SSH_KEYS = ("id_ed25519", "id_rsa")
PIECE = 1 << 20  # bytes in memory at a time


def identity_file() -> Path:
    """Return the file of the admin's own age identity, in age's format; whoever reads it reads the secrets."""
    return config_home() / "keys" / "age.txt"


def make_identity(path: Path) -> None:
    """Write a new identity (0600) where there is none; an existing one is never replaced."""
    if path.exists():
        return
    made = x25519.Identity.generate()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_atomic(path, f"# created: {created}\n# public key: {made.to_public()}\n{made}\n")


def public_key() -> str:
    """Return the recipient, `age1…`, that this admin's identity belongs to.

    Raises:
        KraftwerkError: the identity is missing or broken (code 2).
    """
    path = identity_file()
    found = next(_age_identities(path), None)
    if found is None:
        raise KraftwerkError(f"{path} holds no age identity", next_command=f"put it back, or remove {path}", code=2)
    return str(found.to_public())


def is_encrypted(value: object) -> bool:
    """Return whether a value is an encrypted one."""
    return isinstance(value, str) and value.lstrip().startswith(BEGIN)


def encrypt(text: str, recipients: Iterable[str]) -> str:
    """Return a text encrypted, as ASCII lines.

    Args:
        text: what is secret.
        recipients: whoever may read it: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`.

    Raises:
        KraftwerkError: one of them isn't a key, or there is none (code 2).
    """
    keys = [recipient(each) for each in recipients]
    if not keys:
        raise KraftwerkError("there is nobody to encrypt for", code=2)
    made: bytes = pyrage.encrypt(text.encode(), keys, armored=True)
    return made.decode()


def recipient(line: str) -> Any:
    """Return the public key of a line.

    Raises:
        KraftwerkError: it is none that secrets can be encrypted for (code 2).
    """
    kind = x25519 if line.startswith("age1") else ssh
    try:
        return kind.Recipient.from_str(line)
    except pyrage.RecipientError as error:
        cause = f"{line[:60]!r} is no key to encrypt for: age1…, ssh-ed25519 … or ssh-rsa …"
        raise KraftwerkError(cause, code=2) from error


def decrypt(text: str, identity: Path | None = None) -> str:
    """Return what is encrypted, by the admin's age identity or one of their ssh keys without a passphrase.

    Args:
        text: the encrypted value.
        identity: the file of the identity; the admin's own by default.

    Raises:
        KraftwerkError: it isn't encrypted for this admin, or damaged.
    """
    path = identity or identity_file()
    try:
        found: bytes = pyrage.decrypt(text.strip().encode() + b"\n", [*_age_identities(path), *_ssh_identities()])
        return found.decode()
    except (pyrage.DecryptError, ValueError) as error:
        cause = "this secret isn't encrypted for you, or it is damaged"
        raise KraftwerkError(cause, next_command="ask a colleague for: kraftwerk config rekey") from error


def decrypted(pieces: Iterable[bytes], identity: Path | None = None) -> Iterator[bytes]:
    """Yield what is encrypted in a stream; memory stays flat.

    Args:
        pieces: the encrypted bytes.
        identity: as in `decrypt`.

    Raises:
        KraftwerkError: it isn't encrypted for this admin, or damaged; some of it may have been yielded by then.
    """
    keys = [*_age_identities(identity or identity_file()), *_ssh_identities()]
    reading, writing = os.pipe()
    source, failures = _Source(pieces), list[Exception]()

    def work() -> None:
        with open(writing, "wb", buffering=0) as sink:
            try:
                pyrage.decrypt_io(source, sink, keys)
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        with open(reading, "rb") as plain:
            yield from iter(lambda: plain.read(PIECE), b"")
    finally:
        thread.join()
    if source.failure:
        raise source.failure
    if failures:
        cause = "this isn't encrypted for you, or it is damaged"
        raise KraftwerkError(cause, next_command="ask who can read it: kraftwerk config recipients") from failures[0]


class _Source:
    """Pieces as a file to read from; what goes wrong while they come is kept, for it is told in other words else."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces, self.rest = iter(pieces), b""
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes; none at the end."""
        try:
            self.rest = self.rest or next(self.pieces, b"")
        except BaseException as error:
            self.failure = error
            raise
        found, self.rest = self.rest[:size], self.rest[size:]
        return found


def within(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the encrypted values in plain data, each by its dotted path: `environ.STRIPE_KEY`."""
    if is_encrypted(tree):
        yield path, tree
    elif isinstance(tree, Mapping | list | tuple):
        for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
            yield from within(value, f"{path}.{key}" if path else str(key))


def reveal(tree: Any, identity: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """Return the secrets in plain data, decrypted, by their dotted paths; and the paths of those that can't be.

    Args:
        identity: as in `decrypt`.
    """
    found, unreadable = {}, []
    for path, value in within(tree):
        try:
            found[path] = decrypt(value, identity)
        except KraftwerkError:
            unreadable.append(path)
    return found, unreadable


def generate() -> str:
    """Return a new random secret: 48 letters, digits, dashes and underscores."""
    return secrets.token_urlsafe(36)


def _age_identities(path: Path) -> Iterator[Any]:
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith(IDENTITY):
                try:
                    yield x25519.Identity.from_str(line.strip())
                except pyrage.IdentityError as error:
                    raise KraftwerkError(f"{path} holds a broken age identity", code=2) from error


def _ssh_identities() -> Iterator[Any]:
    """Yield the user's own ssh keys; one with a passphrase can't be asked for it here, and is passed over."""
    for path in (Path.home() / ".ssh" / name for name in SSH_KEYS):
        with contextlib.suppress(OSError, pyrage.IdentityError):
            yield ssh.Identity.from_buffer(path.read_bytes())
