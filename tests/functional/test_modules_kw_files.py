"""The service files on a folder of this machine: dump, load, and what an interruption or a broken archive leaves."""

import getpass
import grp
import hashlib
import io
import os
import shutil
import socket
import stat
import subprocess
import tarfile

import pytest

from tests import odd_files

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
    with pytest.raises(ValueError, match="not a plain name"):
        files.drop(name, "database")


TOKEN = "abcd1234"


@pytest.fixture
def odd(files, tmp_path):
    """Uploads with everything that a file system knows."""
    folder = tmp_path / "web" / "mysite" / "uploads"
    odd_files.make(folder)
    return folder


def test_every_kind_of_file_comes_through(files, odd, tmp_path, monkeypatch):
    before = odd_files.describe(odd)
    os.mkfifo(odd / "fifo")
    with monkeypatch.context() as patch, socket.socket(socket.AF_UNIX) as plug:
        patch.chdir(odd)  # the path is longer than a socket's may be
        plug.bind("socket")
    answer = files.dump("mysite", str(tmp_path))
    assert answer["consistency"] == "each file as it was read; 2 that are no files are left out"
    assert answer["counts"] == files.inspect("mysite")["counts"]
    shutil.rmtree(odd)
    odd.mkdir()
    prepared = files.prepare("mysite", str(tmp_path), TOKEN)
    assert prepared["counts"] == answer["counts"]
    assert prepared["environ"]["MEDIA_ROOT"] == f"{odd}.kw.{TOKEN}"
    assert list(odd.iterdir()) == []
    assert files.activate("mysite", TOKEN) is True
    assert files.activate("mysite", TOKEN) is False
    files.discard("mysite", TOKEN)
    assert odd_files.describe(odd) == before
    assert [path.name for path in odd.parent.iterdir()] == ["uploads"]
    assert not [path for path in odd.rglob("*") if path.lstat().st_mode & 0o4000]


def test_inspect_tells_of_the_largest_folders(files, uploads):
    (uploads / "2026" / "01").mkdir(parents=True)
    (uploads / "2026" / "01" / "large").write_bytes(bytes(5000))
    folders = files.inspect("mysite", detail=True)["detail"]["folders"]
    assert folders[0] == {"name": "2026", "count": 1, "size": 5000}
    assert {each["name"] for each in folders} == {"2026", ".", "a folder"}


def hostile(path, *members):
    """An archive with members that no dump of ours has: names with what makes them (type, link, mode)."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, about in members:
            info = tarfile.TarInfo(name)
            for key, value in about.items():
                setattr(info, key, value)
            info.size = 4 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"evil"))
    subprocess.run(["zstd", "-q", "-f", "-o", str(path)], input=raw.getvalue(), check=True)


LINK, HARD, PIPE = ({"type": kind} for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE))


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", {})],
        [("a/../../evil", {})],
        [("out", {**LINK, "linkname": ".."}), ("out/evil", {})],
        [("out", {**LINK, "linkname": "/proc/self/cwd/.."}), ("out/evil", {})],
        [("out", {**LINK, "linkname": "in"}), ("in", {**LINK, "linkname": ".."}), ("out/evil", {})],
        [("evil", {**HARD, "linkname": "../../secret"})],
        [("out", {**LINK, "linkname": "../../secret"}), ("evil", {**HARD, "linkname": "out"}), ("out", {})],
    ],
    ids=lambda members: " ".join(name for name, _ in members),
)
def test_an_archive_reaches_nothing_outside(files, uploads, tmp_path, members):
    before = listing(uploads)
    secret = tmp_path / "web" / "secret"
    secret.write_text("secret")
    hostile(tmp_path / "uploads.tar.zst", *members)
    try:
        files.load("mysite", str(tmp_path))
    except RuntimeError:
        assert listing(uploads) == before
    assert secret.read_text() == "secret"
    assert secret.stat().st_nlink == 1
    assert sorted(path.name for path in (tmp_path / "web").iterdir()) == ["mysite", "secret"]
    assert [path.name for path in uploads.parent.iterdir()] == ["uploads"]


def test_absolute_names_stay_inside_and_pipes_stay_out(files, uploads, tmp_path):
    hostile(
        tmp_path / "uploads.tar.zst",
        ("/etc/evil", {"mode": 0o6777}),
        ("null", PIPE),
    )
    assert files.load("mysite", str(tmp_path)) == {"files": 1, "bytes": 4}
    assert stat.S_IMODE((uploads / "etc" / "evil").stat().st_mode) == 0o777
    assert not (uploads / "null").exists()
    assert not os.path.exists("/etc/evil")


def test_links_that_come_while_files_are_put_right_are_not_followed(files, loaders, patch_module, tmp_path):
    """Whoever owns unpacked files may put links in their place, from the moment that they were looked at."""
    folder, outside = tmp_path / "unpacked", tmp_path / "outside"
    for each in (folder / "folder", outside):
        each.mkdir(parents=True)
        os.mkfifo(each / "pipe")
    for each in (folder / "file", outside / "file"):
        each.touch()
        each.chmod(0o6640)
    walk = loaders.modules.kw_filetree.settle.__globals__["_walk"]

    def swapping(root):
        for found in walk(root):
            for name, target in (("file", outside / "file"), ("folder", outside)):
                if not (folder / name).is_symlink():
                    (folder / name).rename(tmp_path / f"away-{name}")
                    (folder / name).symlink_to(target)
            yield found

    patch_module("kw_filetree", _walk=swapping)
    loaders.modules.kw_filetree.settle(str(folder))
    assert stat.S_IMODE((outside / "file").stat().st_mode) == 0o6640
    assert (outside / "pipe").exists()


def test_folders_in_folders_however_deep_are_loaded_and_removed(files, uploads, tmp_path):
    hostile(tmp_path / "uploads.tar.zst", ("/".join(["d"] * 1500) + "/file", {}))
    for _ in range(2):
        assert files.load("mysite", str(tmp_path)) == {"files": 1, "bytes": 4}
    assert [path.name for path in uploads.parent.iterdir()] == ["uploads"]
    assert files.drop("mysite", "tables") is True


def test_files_that_come_and_go_while_they_are_read_do_no_harm(files, uploads, tmp_path):
    for number in range(2000):
        (uploads / f"f{number}").write_bytes(bytes(100))
    churn = "import os, itertools\nfor n in itertools.count():\n i = n % 2000\n p = f'f{i}'\n"
    churn += " os.path.exists(p) and os.unlink(p)\n open(p, 'wb').write(bytes(n % 9000))"
    busy = subprocess.Popen(["python3", "-c", churn], cwd=uploads)
    try:
        answer = files.dump("mysite", str(tmp_path))
    finally:
        busy.kill()
        busy.wait()
    assert files.prepare("mysite", str(tmp_path), TOKEN)["counts"] == answer["counts"]
    files.discard("mysite", TOKEN)


def test_a_load_killed_between_its_renames_goes_on(files, uploads, tmp_path):
    answer = files.dump("mysite", str(tmp_path))
    files.prepare("mysite", str(tmp_path), TOKEN)
    uploads.rename(f"{uploads}.kw.{TOKEN}.old")
    assert files.activate("mysite", TOKEN) is True
    files.discard("mysite", TOKEN)
    assert files.inspect("mysite")["counts"] == answer["counts"]


def test_a_load_killed_after_the_swap_goes_on(files, uploads, tmp_path):
    answer = files.dump("mysite", str(tmp_path))
    new = uploads.with_name(f"uploads.kw.{TOKEN}")
    files.prepare("mysite", str(tmp_path), TOKEN)
    prepared = new.stat().st_ino
    uploads.rename(uploads.with_name("old"))
    new.rename(uploads)
    uploads.with_name("old").rename(new)
    assert files.activate("mysite", TOKEN) is True
    assert uploads.stat().st_ino == prepared
    files.discard("mysite", TOKEN)
    assert files.inspect("mysite")["counts"] == answer["counts"]
    assert [path.name for path in uploads.parent.iterdir()] == ["uploads"]


def test_at_no_moment_there_are_no_uploads(files, uploads, tmp_path):
    files.dump("mysite", str(tmp_path))
    look = "import os, sys\nwhile os.path.isdir(sys.argv[1]): pass"
    with subprocess.Popen(["python3", "-c", look, uploads]) as looking:
        for _ in range(20):
            files.load("mysite", str(tmp_path))
        assert looking.poll() is None
        looking.kill()


def test_uploads_may_be_a_link_to_a_larger_disk(files, uploads, tmp_path):
    answer = files.dump("mysite", str(tmp_path))
    elsewhere = tmp_path / "disk" / "files"
    elsewhere.parent.mkdir()
    uploads.rename(elsewhere)
    uploads.symlink_to(elsewhere)
    assert files.load("mysite", str(tmp_path)) == answer["counts"]
    assert uploads.is_symlink()
    assert [path.name for path in elsewhere.parent.iterdir()] == ["files"]


def test_what_an_operator_put_beside_stays(files, uploads, tmp_path):
    mine = uploads.with_name("uploads.20240101")
    mine.mkdir()
    files.dump("mysite", str(tmp_path))
    files.load("mysite", str(tmp_path))
    assert mine.is_dir()


def test_nothing_is_activated_that_isn_t_prepared(files, uploads):
    with pytest.raises(RuntimeError, match="no load abcd1234 is prepared"):
        files.activate("mysite", TOKEN)
    files.discard("mysite", TOKEN)
    with pytest.raises(ValueError, match="a token is"):
        files.activate("mysite", "../x")
