"""Custom modules on a node: one folder for each version, and what a run uses stays."""

import io
import os
import tarfile

import pytest

from kraftwerk.remote import saltmodules


def packed(text):
    """Return an archive with one module."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        entry = tarfile.TarInfo("modules/kw_one.py")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def names(place):
    return sorted(path.name for path in place.iterdir() if path.is_dir())


def test_a_version_takes_the_place_of_another_once_nobody_uses_that(tmp_path):
    first, second = saltmodules.Modules(str(tmp_path)), saltmodules.Modules(str(tmp_path))
    assert not first.hold("1")
    first.take_in(packed("1"), "1")
    second.take_in(packed("2"), "2")
    assert names(tmp_path) == ["modules-1", "modules-2"]
    assert (tmp_path / "modules-1" / "modules" / "kw_one.py").read_text() == "1"
    first.release()
    second.take_in(packed("3"), "3")
    assert names(tmp_path) == ["modules-3"]


def test_a_run_holds_one_version_at_a_time(tmp_path):
    modules = saltmodules.Modules(str(tmp_path))
    for version in ("1", "2"):
        modules.take_in(packed(version), version)
        assert modules.hold(version)
    assert names(tmp_path) == ["modules-2"]
    assert not modules.hold("1")
    assert modules.held[0] == "2"


def test_who_comes_second_takes_what_is_there(tmp_path):
    for _ in range(2):
        saltmodules.Modules(str(tmp_path)).take_in(packed("1"), "1")
    assert names(tmp_path) == ["modules-1"]


def test_what_a_killed_run_left_goes(tmp_path):
    (tmp_path / ".half" / "modules").mkdir(parents=True)
    saltmodules.Modules(str(tmp_path)).take_in(packed("1"), "1")
    assert names(tmp_path) == ["modules-1"]


def test_a_folder_that_is_removed_while_it_is_asked_for_is_not_held(tmp_path, monkeypatch):
    folder, stock = tmp_path / "modules-1", saltmodules.fcntl.flock
    folder.mkdir()

    def flock(held, how):
        os.rename(folder, tmp_path / "aside")
        stock(held, how)

    monkeypatch.setattr(saltmodules.fcntl, "flock", flock)
    with pytest.raises(FileNotFoundError):
        saltmodules.hold(str(folder))
