"""Host keys: OpenSSH takes them, and they are made without a file."""

import subprocess
import tempfile

from kraftwerk import hostkey


def test_ssh_reads_the_private_half_and_finds_the_public_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    private, public = hostkey.make()
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(private)
    read = subprocess.run(["ssh-keygen", "-y", "-f", tmp_path / "key"], capture_output=True, text=True, check=True)
    assert read.stdout == public and public.startswith("ssh-ed25519 AAAA")
    assert hostkey.make() != (private, public)
