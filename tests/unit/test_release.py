"""Releases: what the node prints becomes a history, and the history decides what is pruned and gone back to."""

import json

import pytest

from kraftwerk.errors import KraftwerkError
from kraftwerk.release import History, Release, parse, went_live


def record(number, state="previous", **more):
    return f"release\t{json.dumps({'number': number, 'state': state, **more})}"


PRINTED = "\n".join(
    [
        "python\t3.11.2",
        "free\t 123456",
        "current\treleases/3",
        "slots/live\tb",
        "slots/a\t../releases/2",
        "slots/b\t../releases/3",
        record(2, "live"),
        record(3, "new", commit="0123456789abcdef", dirty=True, of_a_newer_version=1),
        "venv\t../../venvs/abc",
        "package\tDjango-5.2.8.dist-info",
        "package\tdj_database_url-3.0.1.dist-info",
    ]
)


def test_history_is_read_from_what_the_node_prints():
    history = parse(PRINTED)
    assert (history.python, history.free, history.live, history.live_slot) == ("3.11.2", 123456, 3, "b")
    assert (history.free_slot, history.slots, history.next_number) == ("a", {"a": 2, "b": 3}, 4)
    assert history.virtualenv == "abc"
    assert history.packages == {"django": "5.2.8", "dj-database-url": "3.0.1"}
    assert history.releases[3].version == "01234567+"


def test_live_is_what_current_says_whatever_an_interrupted_deploy_left_in_the_records():
    assert {number: each.state for number, each in parse(PRINTED).releases.items()} == {2: "previous", 3: "live"}


def test_a_bare_node_has_an_empty_history():
    history = parse("python\t3.11.2\nfree\t1000\n")
    assert (history.live, history.next_number, history.free_slot, history.releases) == (None, 1, "a", {})


def test_a_damaged_record_is_named():
    with pytest.raises(KraftwerkError, match=r"damaged release.json: '\{\"number\": 2'"):
        parse('release\t{"number": 2')


@pytest.mark.parametrize(
    ("states", "live", "slots", "gone"),
    [
        ("ppppppl", 7, {}, [1, 2]),
        ("pppl", 4, {}, []),
        ("pppppppl", 8, {"a": 1}, [2, 3]),  # one that a slot uses
        ("lpppppp", 1, {}, [2]),  # the live one, after going far back
        ("ffffflf", 6, {}, [1, 2, 3, 4, 5]),  # of the failed, the last one stays for a look
        ("rrrrrl", 6, {}, [1]),
        ("nl", 2, {}, [1]),
        ("", None, {}, []),
    ],
)
def test_prune_keeps_five_healthy_releases(states, live, slots, gone):
    words = {"p": "previous", "l": "live", "f": "failed", "r": "rolled-back", "n": "new"}
    releases = {number: Release(number, words[letter]) for number, letter in enumerate(states, 1)}
    assert History(releases=releases, live=live, slots=slots).surplus() == gone


def test_a_full_disk_leaves_the_release_that_a_rollback_goes_to():
    states = {1: "previous", 2: "previous", 3: "live", 4: "rolled-back", 5: "rolled-back", 6: "failed"}
    full = history(states, 3)
    assert full.surplus(keep=2) == [1] and full.earlier().number == 2


def history(states, live):
    return History(releases={number: Release(number, state) for number, state in states.items()}, live=live)


def test_rollback_goes_to_the_newest_release_that_was_live_and_not_rolled_back():
    kept = history({1: "previous", 2: "previous", 3: "failed", 4: "live", 5: "rolled-back"}, 4)
    assert kept.earlier().number == 2
    assert kept.earlier(1).number == 1
    assert kept.earlier(5).number == 5


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (3, "release 3 can't be gone back to; releases to go back to: 1"),
        (4, r"release 4 can't be gone back to \(it is live\)"),
        (9, "release 9 can't be gone back to; releases to go back to: 1"),
    ],
)
def test_rollback_refuses_what_never_was_healthy(number, message):
    with pytest.raises(KraftwerkError, match=message):
        history({1: "previous", 3: "failed", 4: "live"}, 4).earlier(number)


def test_rollback_of_the_first_release_has_nowhere_to_go():
    with pytest.raises(KraftwerkError, match="there is no earlier release; releases to go back to: none"):
        history({1: "live"}, 1).earlier()


def test_going_live_marks_the_one_before():
    before = history({1: "live", 2: "new"}, 1)
    assert [(each.number, each.state) for each in went_live(before, 2)] == [(2, "live"), (1, "previous")]
    back = history({1: "previous", 2: "live"}, 2)
    assert [(each.number, each.state) for each in went_live(back, 1, rolled_back=True)] == [
        (1, "live"),
        (2, "rolled-back"),
    ]


@pytest.mark.parametrize("name", ["../../../etc/cron.d", "/etc", "..", "a/b"])
def test_a_virtualenv_is_a_folder_beside_the_others(name):
    with pytest.raises(ValueError, match="is not the name of a folder"):
        Release.from_json(json.dumps({"number": 1, "virtualenv": name}))


def test_a_record_is_one_line_and_comes_back_the_same():
    release = Release(3, "failed", reason="a\nb", commit="abc", seconds=1.5)
    assert "\n" not in release.as_json()
    assert Release.from_json(release.as_json()) == release


def test_a_served_release_is_left_for_good():
    served = {1: Release(1, "previous"), 2: Release(2, "live", served=True), 3: Release(3)}
    history = History(releases=served, live=2)
    assert [(each.number, each.state) for each in went_live(history, 3)] == [(3, "live"), (2, "served")]
    assert [each.state for each in went_live(history, 1, rolled_back=True)] == ["live", "served"]
    assert history.earlier().number == 1
    assert parse(f"current\treleases/3\n{record(2, 'live', served=True)}").releases[2].state == "served"
