from datetime import UTC, datetime
from pathlib import Path

import pytest

from kraftwerk.dump import ordered, place
from kraftwerk.errors import KraftwerkError

CREATED = datetime(2026, 11, 20, 10, 12, 33, tzinfo=UTC)


def test_a_dump_goes_to_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert place(None, "mysite-blue", CREATED) == Path("mysite-blue-20261120T1012.kw")
    Path("mysite-blue-20261120T1012.kw").touch()
    assert place(None, "mysite-blue", CREATED) == Path("mysite-blue-20261120T101233.kw")


def test_a_folder_or_a_file_can_be_named(tmp_path):
    assert place(tmp_path, "mysite-blue", CREATED) == tmp_path / "mysite-blue-20261120T1012.kw"
    assert place(tmp_path / "x.kw", "mysite-blue", CREATED) == tmp_path / "x.kw"


def test_what_exists_is_kept(tmp_path):
    (tmp_path / "x.kw").touch()
    with pytest.raises(KraftwerkError, match="exists already") as raised:
        place(tmp_path / "x.kw", "mysite-blue", CREATED)
    assert raised.value.code == 2


def test_a_folder_that_is_not_there_is_told_before_any_work(tmp_path):
    with pytest.raises(KraftwerkError, match="no such folder"):
        place(tmp_path / "missing" / "x.kw", "mysite-blue", CREATED)


def test_files_come_last():
    assert ordered(["files", "redis", "postgres"]) == ["redis", "postgres", "files"]
