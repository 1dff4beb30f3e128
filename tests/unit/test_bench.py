"""What `make bench` concludes from seconds, and that every tool is told all of the work."""

import json
import subprocess

import pytest

from tests.benchmarks import earlier, report, work
from tests.benchmarks.goals import Goal
from tests.benchmarks.growth import Point, worst
from tests.benchmarks.memory import watched
from tests.benchmarks.peers import ansible, kraftwerk, pyinfra, saltssh
from tests.benchmarks.report import Found
from tests.benchmarks.rows import ROWS

TIMES = {"kraftwerk": [1.0, 3.0, 2.0], "pyinfra": [4.0, 4.0, 8.0]}
KINDS = {resource.kind for each in (work.fifteen(), work.hundred()) for resource in each.resources}


@pytest.mark.parametrize(
    ("goal", "value", "spread", "text"),
    [
        (Goal(0.5, "pyinfra"), 0.5, (0.25, 0.75), "≤ 0.5 × pyinfra"),
        (Goal(1.5), 2.0, (1.0, 3.0), "≤ 1.5 s"),
        (Goal(0.1, "pyinfra", minus=True), -2.0, (-6.0, -1.0), "≤ 0.1 s over pyinfra"),
        (Goal(3, "kraftwerk", ours="pyinfra"), 2.0, (4 / 3, 4.0), "pyinfra: ≤ 3 × kraftwerk"),
    ],
)
def test_a_goal(goal, value, spread, text):
    assert goal.value(TIMES) == value and goal.spread(TIMES) == spread and goal.text == text


def test_a_goal_is_met_by_the_medians():
    assert Goal(0.5, "pyinfra").met(TIMES) and not Goal(0.49, "pyinfra").met(TIMES)


def test_growth_is_compared_with_a_straight_line():
    points = [Point(1, 1.0, 50), Point(2, 1.6, 120), Point(4, 3.0, 160)]
    assert worst(points, "seconds") == 0.8 and worst(points, "megabytes") == 1.2


@pytest.mark.parametrize("words", [ansible.TASKS, pyinfra.OPERATIONS, saltssh.STATES, work.LOOKS, work.WANTED])
def test_every_kind_of_resource_has_its_words(words):
    assert set(words) == KINDS


def test_fifteen_and_hundred_resources():
    assert len(work.fifteen().resources) == 15 and len(work.hundred().resources) == 100


def test_a_node_is_looked_at(tmp_path):
    """By the same script, here on a file of this machine; its owner is whoever runs the tests."""
    file = tmp_path / "a b"
    file.write_text("text\n")
    file.chmod(0o644)
    what = work.Work("here", (work.Resource("file", str(file), "text\n"), work.Resource("once", str(tmp_path / "no"))))
    done = subprocess.run(["sh", "-s"], input=work.look(what), capture_output=True, text=True, check=True)
    found, missing = done.stdout.splitlines()
    assert found == work.wanted(what)[0].replace("root", file.owner()) and missing == ""


def test_what_tools_print():
    parts = ["Succeeded: 15\nFailed:     0\n", "Succeeded: 15 (changed=2)\nFailed:     0\n"]
    assert [saltssh.unchanged(part, 1) for part in parts] == [True, False]
    assert ansible.unchanged("bench-01    : ok=15   changed=0    unreachable=0    failed=0    skipped=0", 1)
    assert not ansible.unchanged("bench-01    : ok=15   changed=1    unreachable=0    failed=0    skipped=0", 1)
    assert pyinfra.unchanged("    Grand total     14      -         -       14  ")
    assert not pyinfra.unchanged("    Grand total     14      2         -       12  ")
    assert not pyinfra.unchanged("")
    assert kraftwerk.unchanged(
        "a  ✓ 0 changed, 73 unchanged, 0 failed in 1s\na: 0 changed, 9 unchanged, 0 failed in 1s", 2
    )
    assert not kraftwerk.unchanged("blue: 10 changed, 63 unchanged, 0 failed in 1.6s", 1)
    assert not kraftwerk.unchanged("blue: 0 changed, 63 unchanged, 10 failed in 1.6s", 1)


def test_what_is_not_met_is_told():
    row = next(row for row in ROWS if row.key == "help")
    straight, steep = [Point(1, 1.0, 50), Point(2, 2.0, 100)], [Point(1, 1.0, 50), Point(2, 2.2, 90)]
    found = Found(7, 8, {}, [(row, {"kraftwerk": [0.3], "python -c pass": [0.1]})], {"a": straight, "b": steep})
    assert found.missed() == [
        "`kraftwerk --help`: ≤ 0.15 s over python -c pass, reached 0.20 s (0.20 to 0.20)",
        "b, 1 to 2 nodes: time 1.10, memory 0.90 × linear",
    ]
    assert not Found(7, 8, {}, [(row, {"kraftwerk": [0.2], "python -c pass": [0.1]})]).missed()


def test_the_memory_of_what_was_started():
    with watched() as peak, subprocess.Popen(["sleep", "60"]) as child:
        peak.seen.wait(30)
        child.terminate()
    assert peak.megabytes > 0


def test_every_row_of_the_table_has_a_goal():
    assert all(row.goals for row in ROWS) and len({row.key for row in ROWS}) == len(ROWS)


def test_single_rows_take_their_place_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "machine", lambda: "here")
    monkeypatch.setattr(earlier, "machine", lambda: "here")
    by_key, page = {row.key: row for row in ROWS}, tmp_path / "benchmarks.json"
    rows = [(by_key["help"], {"kraftwerk": [0.3], "python -c pass": [0.1]})]
    rows += [(by_key["first"], {"kraftwerk": [2.0], "salt-ssh": [4.0]})]
    whole = Found(7, 8, {"ssh": "9"}, rows, {"a": [Point(1, 1.0, 50), Point(2, 2.0, 100)]}, 48.0, date="2026-01-02")
    page.write_text(json.dumps(whole.as_json()))
    again = Found(7, 8, {"ssh": "9"}, [(by_key["first"], {"kraftwerk": [1.0], "salt-ssh": [4.0]})])
    assert earlier.complete(again, page)
    assert [times["kraftwerk"] for _, times in again.rows] == [[0.3], [1.0]]
    assert (again.growth, again.engine, again.date) == (whole.growth, 48.0, "2026-01-02")
    assert list(again.apart) == ["first contact with a node"] and "alone: first contact" in again.page()
    for other in (Found(7, 8, {"ssh": "10"}), Found(3, 8, {"ssh": "9"}), Found(7, 1, {"ssh": "9"})):
        assert not earlier.complete(other, page)
    assert not earlier.complete(Found(7, 8, {}), tmp_path / "none.json")
