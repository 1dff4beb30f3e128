"""Releases: what the node prints becomes a history, and the history decides what is pruned and gone back to."""

import json
import subprocess
from dataclasses import replace

import pytest

from kraftwerk.errors import KraftwerkError
from kraftwerk.release import History, Release, parse, went_live
from kraftwerk.remote import script
from kraftwerk.savepoint import Savepoint


def record(number, state="previous", **more):
    return f"release\t{json.dumps({'number': number, 'state': state, **more})}"


PRINTED = "\n".join(
    [
        "python\t3.11.2",
        "disk\t 123456 1000000 77",
        "savepoint\trelease-2-before-3.kw 2048",
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
    assert (history.python, history.room.free, history.live, history.live_slot) == ("3.11.2", 123456, 3, "b")
    assert (history.free_slot, history.slots, history.next_number) == ("a", {"a": 2, "b": 3}, 4)
    assert history.virtualenv == "abc"
    assert history.packages == {"django": "5.2.8", "dj-database-url": "3.0.1"}
    assert history.releases[3].version == "01234567+"


def test_how_far_a_deploy_came_that_is_under_way_or_was_killed():
    printed = "\n".join([record(2, "live"), record(3, "new"), record(4, "failed", phase="gate"), "current\treleases/2"])
    assert [each.phase for each in parse(f"{printed}\nphase\t3 migrate").releases.values()] == ["", "migrate", "gate"]
    assert [each.phase for each in parse(f"{printed}\nphase\t4 boot").releases.values()] == ["", "", "gate"]


def test_the_node_prints_what_a_deploy_needs(tmp_path):
    shop = tmp_path / "web" / "shop"
    for number, end in ((1, "\n"), (2, ""), (3, "")):
        (shop / "releases" / str(number)).mkdir(parents=True)
        reason = r"a\nb \\ %s" if number == 1 else ""
        text = json.dumps({"number": number, "state": "previous", "reason": reason}, indent=number - 1 or None) + end
        (shop / "releases" / str(number) / "release.json").write_text(text)
    (shop / "releases" / "3" / "release.json").unlink()  # just being removed
    (shop / "current").symlink_to("releases/2")
    (shop / "dump").mkdir()
    (shop / "dump" / "release-1-before-2.kw").write_text("12345")
    text = script("history").replace("/web", f"{tmp_path}/web").replace("/var/lib", f"{tmp_path}/var/lib")
    command = ["sh", "-seu", "--", "shop", "3"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    found = parse(done.stdout)
    assert {number: each.state for number, each in found.releases.items()} == {1: "previous", 2: "live"}
    assert found.releases[1].reason == r"a\nb \\ %s"
    assert found.savepoints == (Savepoint(1, 2, 5),) and found.room.size > 0 and found.python


def test_a_record_that_a_power_cut_left_empty_is_not_taken_for_none(tmp_path):
    for number, text in ((1, '{"number": 1}'), (2, "")):
        folder = tmp_path / "web" / "shop" / "releases" / str(number)
        folder.mkdir(parents=True)
        (folder / "release.json").write_text(text)
    text = script("history").replace("/web", f"{tmp_path}/web").replace("/var/lib", f"{tmp_path}/var/lib")
    done = subprocess.run(["sh", "-seu", "--", "shop", "3"], input=text, capture_output=True, text=True, check=True)
    with pytest.raises(KraftwerkError, match=r"damaged release\.json"):
        parse(done.stdout)


def test_a_plan_makes_no_folder_on_a_bare_node(tmp_path):
    text = script("history").replace("/web", f"{tmp_path}/web")
    done = subprocess.run(["sh", "-seu", "--", "shop", "3"], input=text, capture_output=True, text=True, check=True)
    assert parse(done.stdout).room.size > 0 and not (tmp_path / "web").exists()


def test_live_is_what_current_says_whatever_an_interrupted_deploy_left_in_the_records():
    assert {number: each.state for number, each in parse(PRINTED).releases.items()} == {2: "previous", 3: "live"}


def test_a_rollback_that_was_cut_off_behind_its_switch_is_not_taken_back_by_the_next_one():
    records = [record(1), record(2), record(3), record(4, "failed"), record(5, "live"), record(6, "failed")]
    cut = parse("\n".join([*records, "current\treleases/2", "slots/live\tb"]))
    assert [each.state for each in cut.releases.values()] == [
        *("previous", "live", "rolled-back", "failed", "rolled-back", "failed")
    ]
    assert cut.earlier().number == 1
    changed = went_live(cut, Release(7), "a")[1]  # what nobody wrote yet is written now
    assert {each.number: each.state for each in changed} == {
        **{7: "live", 2: "previous"},
        **{3: "rolled-back", 5: "rolled-back"},
    }


def test_a_bare_node_has_an_empty_history():
    history = parse("python\t3.11.2\ndisk\t1000 2000 -\n")
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
    assert History(releases=releases, live=live, slots=slots).surplus(keep=5) == gone


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
    assert [(each.number, each.state) for each in went_live(before, Release(2), "a")[1]] == [
        (2, "live"),
        (1, "previous"),
    ]
    back = history({1: "previous", 2: "live"}, 2)
    after, changed = went_live(back, back.releases[1], "b", rolled_back=True)
    assert [(each.number, each.state) for each in changed] == [(1, "live"), (2, "rolled-back")]
    assert (after.live, after.live_slot, after.slots, after.releases[2].state) == (1, "b", {"b": 1}, "rolled-back")
    again = went_live(after, after.releases[2], "a", rolled_back=True)[0]
    assert (again.live, again.releases[1].state, again.earlier().number) == (2, "previous", 1)


def test_going_far_back_gives_up_those_in_between():
    kept = history({1: "previous", 2: "previous", 3: "failed", 4: "previous", 5: "live"}, 5)
    after, changed = went_live(kept, kept.releases[2], "b", rolled_back=True)
    assert {each.number: each.state for each in changed} == {2: "live", 4: "rolled-back", 5: "rolled-back"}
    assert after.earlier().number == 1
    deployed = went_live(replace(after, releases={**after.releases, 6: Release(6)}), Release(6), "a")[0]
    assert deployed.earlier().number == 2  # what was live before it
    assert deployed.earlier(4).number == 4


@pytest.mark.parametrize("name", ["../../../etc/cron.d", "/etc", "..", "a/b"])
def test_a_virtualenv_is_a_folder_beside_the_others(name):
    with pytest.raises(KraftwerkError, match="is not the name of a folder"):
        Release.from_json(json.dumps({"number": 1, "virtualenv": name}))


def test_a_record_is_one_line_and_comes_back_the_same():
    release = Release(3, "failed", reason="a\nb", commit="abc", seconds=1.5)
    assert "\n" not in release.as_json()
    assert Release.from_json(release.as_json()) == release


def test_a_served_release_is_left_for_good():
    served = {1: Release(1, "previous"), 2: Release(2, "live", served=True), 3: Release(3)}
    history = History(releases=served, live=2)
    left = went_live(history, Release(3), "a")[1]
    assert [(each.number, each.state) for each in left] == [(3, "live"), (2, "served")]
    assert [each.state for each in went_live(history, Release(1), "a", rolled_back=True)[1]] == ["live", "served"]
    assert history.earlier().number == 1
    assert parse(f"current\treleases/3\n{record(2, 'live', served=True)}").releases[2].state == "served"
