"""First use, the admin's config.yaml, and secrets that only their owner can read."""

import os
import re
import stat
import threading

import pytest

from kraftwerk import admin
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes, known_hosts_file, private_key_file


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Return an admin's folder that isn't there yet."""
    folder = tmp_path / "deep" / "home"
    monkeypatch.setenv("KRAFTWERK_HOME", str(folder))
    return folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def content(home):
    return {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def test_first_use_writes_everything_and_says_so(home, capsys):
    assert admin.ensure() == admin.AdminConfig()
    expected = f"Looks like you haven't used kraftwerk before: wrote {home}/config.yaml (0600)\n"
    assert capsys.readouterr().out == expected
    assert mode(home) == 0o700
    assert {path.name for path in home.iterdir() if path.is_dir()} == set(admin.FOLDERS)
    assert [mode(path) for path in (admin.config_file(), private_key_file(), known_hosts_file())] == [0o600] * 3
    assert (home / "keys" / "id_ed25519.pub").read_text().startswith("ssh-ed25519 ")
    assert all_nodes() == {}


def test_the_second_use_changes_nothing_and_says_nothing(home, capsys):
    admin.ensure()
    before = content(home)
    capsys.readouterr()
    admin.ensure()
    assert content(home) == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("missing", ["config.yaml", "known_hosts", "keys/id_ed25519.pub", "keys/id_ed25519", "nodes"])
def test_an_interrupted_first_use_is_finished(home, missing):
    admin.ensure()
    before = content(home)
    (home / missing).unlink()
    admin.ensure()
    after = content(home)
    assert after.keys() == before.keys()
    if "id_ed25519" not in missing:
        assert after == before
    assert after[home / "keys/id_ed25519.pub"].startswith(b"ssh-ed25519 ")


def test_first_uses_at_the_same_time_make_one_key(home, capsys):
    threads = [threading.Thread(target=admin.ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert capsys.readouterr().out.count("haven't used") == 1
    assert len(list((home / "keys").iterdir())) == 3  # both halves of the ssh key, and the identity


def test_config_is_read(home):
    admin.ensure()
    admin.config_file().write_text("provider: amazon\nhosts: never\n")
    config = admin.load()
    assert (config.provider, config.hosts, config.local.release) == ("amazon", "never", "bookworm")


def test_without_a_file_the_defaults_hold():
    assert admin.load() == admin.AdminConfig()


def test_variables_win_over_the_file(monkeypatch):
    admin.ensure()
    admin.config_file().write_text("hosts: never\nlocal: {release: bookworm}\n")
    monkeypatch.setenv("KRAFTWERK_HOSTS", "always")
    monkeypatch.setenv("KRAFTWERK_LOCAL_RELEASE", "trixie")
    assert (admin.load().hosts, admin.load().local.release) == ("always", "trixie")


def test_all_mistakes_at_once(monkeypatch):
    admin.ensure()
    admin.config_file().write_text("provder: x\nlocal: {release: buster}\n")
    monkeypatch.setenv("KRAFTWERK_HOSTS", "nevr")
    with pytest.raises(KraftwerkError) as caught:
        admin.load()
    assert caught.value.code == 2
    assert [line.partition("config.yaml")[2] or line for line in caught.value.cause.splitlines()] == [
        ":1: provder: unknown key; did you mean provider?",
        ":2: local.release: 'buster' is not one of bookworm, trixie",
        "KRAFTWERK_HOSTS: 'nevr' is not one of ask, always, never; did you mean never?",
    ]


def test_the_samples_of_the_shipped_file_hold_once_uncommented():
    admin.ensure()
    admin.config_file().write_text(re.sub(r"(?m)^#(?=\S|  )", "", admin.SAMPLE.read_text()))
    config = admin.load()
    assert (config.provider, config.hosts, config.local) == ("local", "ask", admin.Local())


@pytest.mark.parametrize("secret", ["config.yaml", "keys/id_ed25519"])
def test_a_secret_that_others_can_read_is_closed_again(home, secret, capsys):
    admin.ensure()
    (home / secret).chmod(0o644)
    admin.ensure()
    assert mode(home / secret) == 0o600
    assert "had mode 0644; now only you can read it" in capsys.readouterr().err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_secret_of_another_user_is_refused(home):
    admin.ensure()
    os.chown(admin.config_file(), 65534, 65534)
    with pytest.raises(KraftwerkError, match=r"config.yaml belongs to another user → chown 0 "):
        admin.ensure()


def test_a_home_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(KraftwerkError, match=r"file/home can't be used: .* → KRAFTWERK_HOME=FOLDER"):
        admin.ensure()
