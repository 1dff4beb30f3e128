"""The name of the engine goes by what is in it alone."""

import os

import pytest

from kraftwerk.transport import enginefile


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return where Salt is installed; a small one."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(enginefile, "_site", lambda: tmp_path / "site")
    (tmp_path / "site" / "salt").mkdir(parents=True)
    (tmp_path / "site" / "salt" / "state.py").write_text("first = 1\n")
    return tmp_path / "site"


def test_the_same_files_are_the_same_engine(site):
    key = enginefile.key()
    os.utime(site / "salt" / "state.py", (1, 1))
    (site / "unrelated-1.dist-info").mkdir()
    assert enginefile.key() == key


def test_a_patched_salt_is_another(site):
    key = enginefile.key()
    (site / "salt" / "state.py").write_text("other = 2\n")
    os.utime(site / "salt" / "state.py", (1, 1))
    assert enginefile.key() != key


def test_files_are_not_read_again(site, monkeypatch):
    key = enginefile.key()
    monkeypatch.setattr(enginefile, "_contents", lambda: pytest.fail("read"))
    assert enginefile.key() == key


def test_a_damaged_note_of_it_is_made_anew(site, tmp_path):
    key = enginefile.key()
    (note,) = (tmp_path / "home").rglob("engine/key")
    note.write_text("")
    assert enginefile.key() == key


def test_the_archive_of_another_version_goes(site, tmp_path):
    for name in ("a" * 24, "b" * 24):
        assert enginefile.archive(name) == enginefile.archive(name)
    assert [path.name for path in (tmp_path / "home").rglob("*.tar*")] == ["b" * 24 + ".tar.gz"]
