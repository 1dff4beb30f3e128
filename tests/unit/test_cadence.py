"""When something happens, in words and in cron's fields."""

import pytest

from kraftwerk import cadence


@pytest.mark.parametrize(
    ("text", "fields", "hours"),
    [
        ("hourly", "0 * * * *", 2.25),
        ("hourly :17", "17 * * * *", 2.25),
        ("daily", "0 3 * * *", 31),
        ("Daily  4:05", "5 4 * * *", 31),
        ("weekly", "0 3 * * 0", 211),
        ("weekly 23:59", "59 23 * * 0", 211),
        ("weekly wed 00:00", "0 0 * * 3", 211),
        ("monthly", "0 3 1 * *", 931),
        ("monthly 28 04:05", "5 4 28 * *", 931),
        ("17 3 * * *", "17 3 * * *", 31),
        ("*/10 * * * *", "*/10 * * * *", 2.25),
        ("0 3 * * 1-5", "0 3 * * 1-5", 211),
        ("0 0,12 1 1 *", "0 0,12 1 1 *", 10981),
    ],
)
def test_schedules(text, fields, hours):
    assert cadence.parse(text) == fields
    assert cadence.patience(text) == hours * 3600


@pytest.mark.parametrize(
    "text",
    [
        *["", "now", "@daily", "daily monday", "daily 24:00", "daily 3", "weekly s", "weekly t", "weekly xyz"],
        *["monthly 29", "hourly 3:00", "61 3 * * *", "0 3 0 * *", "0 3 * * 8", "0 3 * *", "0 3 * * */0"],
        *["a b c d e", "hourly x :05"],
    ],
)
def test_what_is_no_schedule(text):
    assert cadence.parse(text) == ""
