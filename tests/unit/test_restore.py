"""Points on their way back."""

import os

from kraftwerk import restore


def test_parts_that_killed_processes_left_go(tmp_path, monkeypatch):
    monkeypatch.setattr(restore, "state_home", lambda: tmp_path)
    mine = restore._part()
    assert mine == tmp_path / "parts" / str(os.getpid())
    for pid in ("1", "999999999"):
        (mine.parent / pid).write_bytes(b"a part")
    assert restore._part() == mine
    assert [each.name for each in mine.parent.iterdir()] == ["1"]
