"""Room on a node's disk: what a release must find there."""

import pytest

from kraftwerk.diskroom import Room, lacking, parse

MB, GB = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("room", "needed", "told"),
    [
        (Room(20 * GB, 100 * GB), 100 * MB, ""),
        (Room(10 * GB, 1000 * GB), 100 * MB, ""),  # 10 GB are enough on any disk
        (Room(9 * GB, 100 * GB), 100 * MB, "9% is free below /web (9216 MB), and 10240 MB must stay"),
        (Room(249 * MB, GB), 100 * MB, "249 MB are free below /web, and the release needs 251 MB"),
        (Room(0, GB), MB, "0 MB are free below /web, and the release needs 53 MB"),
        (Room(GB, 4 * GB, files=19), MB, "there is room for 19 files below /web, and the release has 10"),
        (Room(GB, 4 * GB, files=20), MB, ""),
    ],
)
def test_a_release_needs_twice_its_size_and_a_tenth_of_the_disk_stays_free(room, needed, told):
    assert lacking(room, needed, 10) == told


def test_what_df_prints():
    assert parse("  1000  2000 300") == Room(1000, 2000, 300)
    assert parse(" 1000 2000 -") == Room(1000, 2000, 0)
    assert parse("") == Room()
