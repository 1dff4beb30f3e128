"""Points on their way back."""

import os
from contextlib import nullcontext
from datetime import datetime
from types import SimpleNamespace

import pytest

from kraftwerk import restore
from kraftwerk.backup import Point
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest

MADE = "2026-11-20T03:00:07+00:00"


def arrived(name, index_created=MADE, **said):
    """What a restore makes of an archive that is stored under a point's name."""
    known = {"instance": "mysite", "node": "blue", "created": MADE}
    index = {"instance": "mysite", "node": "blue", "created": index_created}
    point = Point(name, "blue", datetime.fromisoformat(index_created), 1, 1, 1, True, (), None, index)
    words = {"project": "mysite", "environment": "production", "release": 1, "order": (), "services": ()}
    return restore._meant(point, Manifest(**words, **{**known, **said}))


@pytest.mark.parametrize("name", ["20261120T030007", "20261120T030009"])
def test_a_point_holds_the_archive_that_its_index_tells_of(name):
    assert arrived(name).instance == "mysite"


@pytest.mark.parametrize(
    ("name", "index_created", "said"),
    [
        ("20261121T030007", MADE, {}),  # an older archive under a newer name
        ("20261121T030007", "2026-11-21T03:00:07+00:00", {}),
        ("20261120T030007", MADE, {"instance": "other"}),
        ("20261120T030007", MADE, {"node": "green"}),
    ],
)
def test_another_archive_in_its_place_is_refused(name, index_created, said):
    with pytest.raises(KraftwerkError, match="holds another archive"):
        arrived(name, index_created, **said)


def test_parts_that_killed_processes_left_go(tmp_path, monkeypatch):
    monkeypatch.setattr(restore, "state_home", lambda: tmp_path)
    mine = restore._part()
    assert mine == tmp_path / "parts" / str(os.getpid())
    for pid in ("1", "999999999"):
        (mine.parent / pid).write_bytes(b"a part")
    assert restore._part() == mine
    assert [each.name for each in mine.parent.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("recipients", "encrypted", "warned"), [(["age1x"], False, True), (["age1x"], True, False), ([], False, False)]
)
def test_a_point_that_should_be_encrypted_and_is_not_is_told(monkeypatch, capsys, recipients, encrypted, warned):
    backups = SimpleNamespace(backup={"recipients": recipients})
    monkeypatch.setattr(restore.lock, "held", lambda *words: nullcontext())
    point = SimpleNamespace(name="20261120T030007", encrypted=encrypted)
    there = SimpleNamespace(connection=None, instance=SimpleNamespace(name="mysite"))
    monkeypatch.setattr(restore.replacement, "confirm", _refuse)
    with pytest.raises(KraftwerkError, match="not confirmed"):
        restore.carry_out(backups, point, there, None, keep=False, yes=True)
    assert ("isn't encrypted" in capsys.readouterr().err) is warned


def _refuse(*words, **more):
    raise KraftwerkError("not confirmed")
