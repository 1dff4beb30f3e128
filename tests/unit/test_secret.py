"""Secrets: encrypted for age and ssh keys, readable by whoever holds one of those, and by nobody else."""

import stat
import subprocess

import pytest
from pyrage import x25519

from kraftwerk import admin, secret
from kraftwerk.errors import KraftwerkError

VALUES = ["sk_live_42", "", "ünïcode ☃", "two\nlines\n", "  spaces  ", "'quoted' \"twice\" $HOME `x`", "x" * 10_000]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    admin.ensure()


def ssh_key(folder, passphrase=""):
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", key], check=True)
    return key.with_suffix(".pub").read_text().strip()


def test_first_use_makes_an_identity_for_its_owner_alone():
    path = secret.identity_file()
    before = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert before.splitlines()[1] == f"# public key: {secret.public_key()}"
    admin.ensure()
    assert path.read_text() == before


@pytest.mark.parametrize("value", VALUES)
def test_what_is_encrypted_comes_back_as_it_was(value):
    made = secret.encrypt(value, [secret.public_key()])
    assert secret.is_encrypted(made)
    assert made.isascii()
    assert not value or value not in made
    assert secret.decrypt(made) == value
    assert secret.decrypt(f"\n{made.strip()}") == value


@pytest.mark.parametrize("value", ["plain", "", None, 3, ["-----BEGIN AGE ENCRYPTED FILE-----"], {}])
def test_what_is_not_encrypted(value):
    assert not secret.is_encrypted(value)


def test_each_recipient_reads_it_and_nobody_else(tmp_path):
    colleague, stranger = x25519.Identity.generate(), tmp_path / "stranger.txt"
    made = secret.encrypt("x", [secret.public_key(), str(colleague.to_public())])
    theirs = tmp_path / "colleague.txt"
    theirs.write_text(f"# a comment\n{colleague}\n")
    secret.make_identity(stranger)
    assert secret.decrypt(made) == secret.decrypt(made, theirs) == "x"
    with pytest.raises(KraftwerkError, match="isn't encrypted for you"):
        secret.decrypt(made, stranger)


def test_an_ssh_key_without_passphrase_reads_it(tmp_path):
    made = secret.encrypt("x", [ssh_key(tmp_path / "user" / ".ssh")])
    assert secret.decrypt(made) == "x"


def test_an_ssh_key_with_a_passphrase_is_passed_over(tmp_path):
    made = secret.encrypt("x", [ssh_key(tmp_path / "user" / ".ssh", "passphrase")])
    with pytest.raises(KraftwerkError, match="isn't encrypted for you"):
        secret.decrypt(made)


@pytest.mark.parametrize("text", [secret.BEGIN, f"{secret.BEGIN}\nAAAA\n-----END AGE ENCRYPTED FILE-----\n", "ü"])
def test_damaged_text_is_an_error_of_ours(text):
    with pytest.raises(KraftwerkError, match="damaged"):
        secret.decrypt(text)


@pytest.mark.parametrize("line", ["age1nonsense", "ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA", "", "me@example.com"])
def test_what_is_no_key_to_encrypt_for(line):
    with pytest.raises(KraftwerkError, match="no key to encrypt for"):
        secret.encrypt("x", [line])


def test_no_recipient_at_all():
    with pytest.raises(KraftwerkError, match="nobody"):
        secret.encrypt("x", [])


@pytest.mark.parametrize("content", ["", "AGE-SECRET-KEY-1NONSENSE\n"])
def test_a_broken_identity_says_which_file(content):
    secret.identity_file().write_text(content)
    with pytest.raises(KraftwerkError, match=r"age\.txt holds"):
        secret.public_key()


def test_generated_secrets_differ_and_need_no_quotes():
    made = {secret.generate() for _ in range(50)}
    assert len(made) == 50
    assert all(len(each) == 48 and each.replace("-", "").replace("_", "").isalnum() for each in made)


def test_plain_data_is_revealed_by_dotted_paths(tmp_path):
    stranger = str(x25519.Identity.generate().to_public())
    mine, theirs = secret.encrypt("hush", [secret.public_key()]), secret.encrypt("x", [stranger])
    tree = {"environ": {"A": mine, "B": "plain"}, "pillar": {"mail": [{"password": mine}, theirs]}, "workers": 2}
    assert secret.reveal(tree) == ({"environ.A": "hush", "pillar.mail.0.password": "hush"}, ["pillar.mail.1"])
