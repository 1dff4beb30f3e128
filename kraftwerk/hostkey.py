"""Host keys that are made here and handed to a machine, so that it is known before it is met."""

import tempfile
from pathlib import Path

from kraftwerk import argv, process


def make() -> tuple[str, str]:
    """Return a new key pair, the private half first; nothing of it stays on the disk."""
    with tempfile.TemporaryDirectory(prefix="kraftwerk-") as scratch:
        path = Path(scratch) / "key"
        process.run(argv.ssh_keygen(path))
        return path.read_text(), path.with_suffix(".pub").read_text()
