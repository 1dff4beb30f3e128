"""Which backup points are kept: every set of points, and years of nights."""

from datetime import datetime, timedelta
from itertools import combinations, product

import pytest

STAMP = "%Y%m%dT%H%M%S"
# Two in an hour, in a day, in a week, in a month, in a year; at the ends of a week, a month and a year.
TIMES = ["20241230T030000", "20241231T030000", "20250101T030000", "20250105T235959", "20250106T000000"]
TIMES += ["20250106T001000", "20250106T030000", "20250131T030000", "20250201T030000"]
POLICIES = ["1d", "2d,2w", "3h,1m", "1d,1w,1m,1y", "9y", "all"]


@pytest.fixture
def reasons(loaders):
    return loaders.modules["kw_keep.reasons"]


def test_every_set_of_points(reasons):
    for size, policy in product(range(len(TIMES) + 1), POLICIES):
        for points in combinations(TIMES, size):
            for verified in {None, *points[:1], *points[-1:]}:
                known = {point: point == verified for point in points}
                kept = reasons(known, policy)
                assert kept.keys() <= known.keys()
                assert not points or max(points) in kept  # never the last one
                assert verified is None or verified in kept
                assert reasons({point: known[point] for point in kept}, policy).keys() == kept.keys()  # again: no more
                assert policy != "all" or len(kept) == size


def test_what_each_rule_keeps(reasons):
    known = dict.fromkeys(TIMES, False)
    assert list(reasons(known, "2d")) == ["20250201T030000", "20250131T030000"]
    assert list(reasons(known, "4d")) == ["20250201T030000", "20250131T030000", "20250106T030000", "20250105T235959"]
    assert list(reasons(known, "3w")) == ["20250201T030000", "20250106T030000", "20250105T235959"]
    assert list(reasons(known, "3m")) == ["20250201T030000", "20250131T030000", "20241231T030000"]
    assert list(reasons(known, "5y")) == ["20250201T030000", "20241231T030000"]
    assert list(reasons(known, "4h")) == ["20250201T030000", "20250131T030000", "20250106T030000", "20250106T001000"]
    assert reasons({**known, TIMES[0]: True}, "1d")[TIMES[0]] == ["newest verified"]


def test_two_years_of_nights(reasons):
    """Pruned after every backup, as nodes do: each rule is filled, and nothing more is kept."""
    kept, now = {}, datetime(2024, 1, 1, 3, 0, 0)
    for _ in range(730):
        kept[now.strftime(STAMP)] = False
        kept = dict.fromkeys(reasons(kept, "7d,4w,12m"), False)
        now += timedelta(days=1)
    found = reasons(kept, "7d,4w,12m")
    count = {word: sum(word in each for each in found.values()) for word in ("day", "week", "month")}
    assert count == {"day": 7, "week": 4, "month": 12}
    assert 7 + 2 + 10 <= len(found) <= 7 + 4 + 12
    assert [point[:8] for point in found][-1] == "20250131"  # the last night of a month stands for it


def test_points_stay_when_backups_have_stopped(reasons):
    """A machine that made none for a year has not lost its old ones by that."""
    old = {f"202301{day:02}T030000": False for day in range(1, 8)}
    assert len(reasons({**old, "20250101T030000": False}, "7d")) == 7


@pytest.mark.parametrize("policy", ["", "7", "7x", "0d", "7d,", "7d 4w", "-1d", "all,7d"])
def test_policies_that_make_no_sense(reasons, policy):
    with pytest.raises(ValueError, match="doesn't say what to keep"):
        reasons({}, policy)
