"""The name of the engine goes by what is in it alone."""

import importlib.util
import io
import os
import subprocess
import sys
import tarfile

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


def names(archive):
    """Return what is in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def test_byte_code_goes_to_a_node_whose_python_reads_it(site, monkeypatch):
    monkeypatch.setattr(enginefile, "LOADED", ("salt.state",))
    source = "code/salt/state.py"
    (site / "salt" / "__init__.py").touch()
    cached = importlib.util.cache_from_source(source)
    assert {source, cached} <= set(names(enginefile.archive("a" * 24, importlib.util.MAGIC_NUMBER.hex())))
    assert not [name for name in names(enginefile.archive("a" * 24, "00000000")) if name.endswith(".pyc")]


def test_what_cannot_be_imported_here_is_sent_all_the_same(site):
    archive = enginefile.archive("a" * 24, importlib.util.MAGIC_NUMBER.hex())
    assert "code/salt/state.py" in names(archive) and not [name for name in names(archive) if name.endswith(".pyc")]


def test_a_node_compiles_nothing_of_what_it_loads(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    with tarfile.open(fileobj=io.BytesIO(enginefile._tar(enginefile._compiled()))) as tar:
        tar.extractall(tmp_path, filter="data")
    sent = set(tmp_path.rglob("*.pyc"))
    code = "import importlib, sys; sys.path.insert(0, sys.argv[1]); [importlib.import_module(n) for n in sys.argv[2:]]"
    words = [sys.executable, "-IS", "-c", code, str(tmp_path / "code"), *enginefile.LOADED]
    subprocess.run(words, check=True, timeout=100)
    more = set(tmp_path.rglob("*.pyc")) - sent
    assert sent and {path.name.partition(".")[0] for path in more} <= {"cyaml"}  # which cannot be imported there
