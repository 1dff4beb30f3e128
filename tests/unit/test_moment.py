"""Moments in the past, as users say them."""

import time

import pytest

from kraftwerk import moment
from kraftwerk.errors import KraftwerkError


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("said", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("1w", 604800)]
)
def test_a_while_ago(said, seconds):
    assert abs(time.time() - seconds - moment.parse(said)) < 5


def test_dates_are_by_our_own_clock_unless_they_say_which(berlin):
    assert moment.parse("2026-11-22") == 1795302000
    assert moment.parse("2026-11-22 14:30") == moment.parse("2026-11-22T13:30:00Z") == 1795354200
    assert moment.shown(1795354200.9) == "2026-11-22 14:30:00"
    assert moment.iso(1795354200.25) == "2026-11-22T14:30:00.250000+01:00"


@pytest.mark.parametrize("said", ["", "soon", "1y", "-1h", "2026-13-01", "0h", "14:30"])
def test_anything_else_is_a_clear_error(said):
    with pytest.raises(KraftwerkError, match="is no moment") as caught:
        moment.parse(said)
    assert caught.value.code == 2
