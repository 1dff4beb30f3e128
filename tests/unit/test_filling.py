"""When a disk will be full."""

import math

import pytest

from kraftwerk.filling import DAY, days, words

HOURS = 3600


def every_six_hours(used):
    return [(number * 6 * HOURS, each) for number, each in enumerate(used)]


def test_a_disk_that_fills_evenly_is_full_when_the_line_says_so():
    assert days(every_six_hours([0, 10, 20, 30, 40, 50]), left=200) == pytest.approx(5)
    assert days(every_six_hours([0, 12, 18, 31, 39, 50]), left=200) == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(
    "used",
    [
        [50, 50, 50, 50, 50, 50],
        [50, 40, 30, 20, 10, 0],
        [10, 10, 10, 10, 10, 900],  # somebody loaded data
        [10, 10, 900, 900, 900, 900],
        [900, 900, 900, 10, 10, 10],  # and cleaned up
        [10, 60, 10, 60, 10, 60, 10],  # each night a dump comes and goes
    ],
)
def test_a_step_or_a_wave_is_no_trend(used):
    assert days(every_six_hours(used), left=100) == math.inf


def test_less_than_a_day_of_samples_tells_nothing():
    assert days([], 10) is None
    assert days([(0, 1)], 10) is None
    assert days([(0, 1), (DAY - 1, 5)], 10) is None
    assert days([(0, 1), (0, 1), (DAY, 2)], 10) == pytest.approx(10)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, ""),
        (math.inf, ", full in >90 days"),
        (91.0, ", full in >90 days"),
        (12.7, ", full in 12 days"),
        (1.2, ", full in 1 day"),
        (0.4, ", full in less than a day"),
    ],
)
def test_words(found, said):
    assert words(found) == said
