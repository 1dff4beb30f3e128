"""What a site takes of its node, and whether two releases fit."""

import pytest

from kraftwerk.capacity import Capacity, choose, parse, room
from kraftwerk.instance import Instance

SHOP = Instance("shop", "shop", "production", "shop.wsgi:application")
CHAT = Instance("chat", "chat", "production", "", asgi="chat:app")


@pytest.mark.parametrize(
    ("cores", "memory", "wsgi", "asgi"),
    [
        (1, 400, "2 workers (at least 2)", "2 workers (at least 2)"),
        (2, 512, "2 workers (one for each 256 MB, 512 MB)", "2 workers (one for each 256 MB, 512 MB)"),
        (8, 1000, "3 workers (one for each 256 MB, 1000 MB)", "3 workers (one for each 256 MB, 1000 MB)"),
        (2, 24000, "4 workers (two for each core, 2)", "2 workers (one for each core, 2)"),
        (32, 64000, "12 workers (at most 12)", "12 workers (at most 12)"),
    ],
)
def test_workers_follow_from_cores_and_memory(cores, memory, wsgi, asgi):
    found = [str(choose(each, Capacity(cores, memory))[0]) for each in (SHOP, CHAT)]
    assert found == [wsgi, asgi]


def test_a_small_node_preloads_and_is_patient():
    words = [str(choice) for choice in choose(SHOP, Capacity(1, 512))[1:]]
    assert words == [
        "preload (512 MB: workers share what is loaded once)",
        "timeout 60 s (1 core, 512 MB: a busy small node takes its time)",
    ]
    assert [choice.value for choice in choose(SHOP, Capacity(2, 4096))] == [4, False, 30]


def test_what_the_project_says_wins():
    given = Instance("shop", "shop", "production", "shop.wsgi", workers=7, preload=False, timeout=300)
    found = choose(given, Capacity(1, 512))
    assert [choice.value for choice in found] == [7, False, 300]
    assert str(found[1]) == "no preload (as the project says)"


def test_the_node_prints_what_it_has():
    facts = [("cores", "2"), ("MemTotal:", "524288"), ("MemAvailable:", "102400"), ("SwapFree:", "20480")]
    takes = [("takes", "20480"), ("takes", "40960"), ("takes", "40960")]
    assert parse([*facts, *takes]) == Capacity(2, 512, 120, 100, 2)
    assert parse([]) == Capacity()


def test_two_releases_fit_where_the_live_one_leaves_as_much_as_it_takes():
    found = room(SHOP, Capacity(2, 512, available=140, generation=100, running=2))
    assert (found.fits, found.boots, found.needed) == (True, 2, 100)


def test_where_they_do_not_the_new_one_boots_with_one_worker():
    found = room(SHOP, Capacity(2, 512, available=120, generation=100, running=2))
    assert (found.fits, found.boots) == (False, 1)
    assert found.words == (
        "two releases don't fit: the new one takes 100 MB, and 120 MB are free; "
        "it boots with 1 of 2 workers, the others follow when the old one has stopped"
    )


def test_of_a_node_that_nobody_looked_at_nothing_is_said():
    assert room(SHOP, Capacity()).words == ""
