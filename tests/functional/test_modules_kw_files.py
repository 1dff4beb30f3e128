"""The service files on a folder of this machine: dump, load, and what an interruption or a broken archive leaves."""

import getpass
import grp
import hashlib
import os
import shutil

import pytest

pytestmark = pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")


@pytest.fixture
def files(loaders, patch_module, tmp_path):
    """The module on a web root of the test's own, where everything belongs to who runs the test."""
    patch_module(
        "kw_files",
        ROOT=str(tmp_path / "web"),
        SERVED_BY=grp.getgrgid(os.getgid()).gr_name,
        _user=lambda instance: getpass.getuser(),
    )
    (tmp_path / "web" / "mysite" / "uploads").mkdir(parents=True)
    return loaders.modules.kw_files


@pytest.fixture
def uploads(tmp_path):
    """The folder with odd names, a hard link, a symlink and an old file in it."""
    folder = tmp_path / "web" / "mysite" / "uploads"
    (folder / "a folder").mkdir()
    old = folder / "a folder" / "ä 'b'.txt"
    old.write_bytes(b"old")
    old.chmod(0o640)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    os.link(old, folder / "hard")
    (folder / "soft").symlink_to("a folder")
    (folder / "new\nline").write_bytes(bytes(1000))
    return folder


def listing(folder):
    """Every file with its mode, time and content."""
    return {
        str(path.relative_to(folder)): (oct(path.lstat().st_mode), int(path.lstat().st_mtime), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_what_was_dumped_is_loaded(files, uploads, tmp_path):
    before = listing(uploads)
    answer = files.dump("mysite", str(tmp_path))
    member = answer["members"][0]
    content = (tmp_path / member["name"]).read_bytes()
    assert (member["size"], member["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert answer["counts"] == files.inspect("mysite")["counts"] == {"files": 3, "bytes": 1003}

    (uploads / "later").write_text("x")
    (uploads / "hard").unlink()
    assert files.load("mysite", str(tmp_path)) == answer["counts"]
    assert listing(uploads) == before
    assert os.readlink(uploads / "soft") == "a folder"
    assert sorted(path.name for path in uploads.parent.iterdir()) == ["uploads"]


def test_a_broken_archive_leaves_the_old_files(files, uploads, tmp_path):
    before = listing(uploads)
    (tmp_path / "uploads.tar.zst").write_bytes(b"no archive")
    with pytest.raises(RuntimeError, match="tar: "):
        files.load("mysite", str(tmp_path))
    assert listing(uploads) == before
    assert [path.name for path in uploads.parent.iterdir()] == ["uploads"]


def test_a_load_that_was_interrupted_between_the_renames_is_undone(files, uploads, tmp_path):
    before = listing(uploads)
    uploads.rename(uploads.with_name("uploads.kw.abcd1234.old"))
    uploads.with_name("uploads.kw.abcd1234").mkdir()
    files.dump("mysite", str(tmp_path))
    assert listing(uploads) == before
    files.discard("mysite", "abcd1234")
    assert [path.name for path in uploads.parent.iterdir()] == ["uploads"]


def test_a_dump_that_fails_leaves_no_member(files, tmp_path):
    shutil.rmtree(tmp_path / "web" / "mysite" / "uploads")
    with pytest.raises(RuntimeError, match=r"^tar: (?!tar:)") as error:
        files.dump("mysite", str(tmp_path))
    assert "Cannot open" in str(error.value)
    assert not (tmp_path / "uploads.tar.zst").exists()


def test_health_names_what_is_wrong(files, patch_module, tmp_path):
    assert files.health("mysite")["ok"] is True
    patch_module("kw_files", _user=lambda instance: "somebody")
    assert "not to somebody" in files.health("mysite")["detail"]
    assert files.health("nothing")["ok"] is False


def test_drop_goes_as_far_as_it_is_told(files, uploads):
    assert files.remnants("mysite") == ["database"]
    assert files.drop("mysite", "owner") is False
    assert files.drop("mysite", "tables") is True
    assert list(uploads.iterdir()) == []
    assert files.drop("mysite", "database") is True
    assert files.drop("mysite", "database") is False
    assert files.remnants("mysite") == []
    with pytest.raises(ValueError, match="one of"):
        files.drop("mysite", "everything")


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".."])
def test_a_name_is_no_path(files, name):
    with pytest.raises(ValueError, match="not the name"):
        files.drop(name, "database")
