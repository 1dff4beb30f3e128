"""Files are replaced whole or not at all, and are nobody else's at any moment."""

import os

import pytest


@pytest.fixture
def textfile(loaders):
    return loaders.modules.kw_textfile


def test_a_file_is_made_with_its_folder_and_replaced(textfile, tmp_path):
    path = tmp_path / "new" / "note"
    assert textfile.content(str(path)) == ""
    textfile.replace(str(path), "größer\n")
    assert textfile.content(str(path)) == "größer\n"
    assert [each.stat().st_mode & 0o777 for each in (path, path.parent)] == [0o600, 0o700]
    textfile.replace(str(path), b"\xff", mode=0o640, owner=(os.getuid(), os.getgid()))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"\xff", 0o640)
    assert os.listdir(path.parent) == ["note"]


def test_what_a_killed_one_left_or_somebody_laid_there_is_not_written_to(textfile, tmp_path):
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "note.new").symlink_to(tmp_path / "theirs")
    textfile.replace(str(tmp_path / "note"), "ours")
    assert [(tmp_path / name).read_text() for name in ("note", "theirs")] == ["ours", "theirs"]


def test_a_write_that_fails_leaves_the_old_file(textfile, tmp_path, monkeypatch):
    path = tmp_path / "note"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        textfile.replace(str(path), "new")
    assert path.read_text() == "old"
