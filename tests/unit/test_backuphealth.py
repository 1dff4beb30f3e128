"""What a node recorded of its backups becomes a line of `status`, and a problem."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from kraftwerk.health import parse
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.problem import found, held, title
from kraftwerk.status import judge

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = 3600, 86400


def ago(**length):
    return (NOW - timedelta(**length)).isoformat()


def success(**length):
    return {"at": ago(**length), "created": ago(**length), "stored": 212_000, "store": "s3://bucket"}


def line(record, patience=31 * HOUR, since=None, alive=""):
    since = "" if since is None else int((NOW - since).timestamp())
    words = ["backup", "mysite", str(patience), str(int(NOW.timestamp())), str(since), alive, json.dumps(record)]
    return "\t".join(words)


def look(printed):
    return parse("blue", f"release\tmysite\t3\tthere\nworkers\tmysite\t2\t2\nsite\tmysite\t200\n{printed}\n")


def status(printed):
    mysite = Instance("mysite", "mysite", "production", "mysite.wsgi")
    return judge(Node("blue", "192.0.2.7", "ssh"), mysite, look(printed))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"success": success(hours=3), "verify": {"at": ago(days=2), "ok": True}}, "3 h ago, 212 kB, verified 2 d ago"),
        (
            {"success": success(hours=3), "sums": {"at": ago(days=2), "ok": True}},
            "3 h ago, 212 kB, sums checked 2 d ago",
        ),
        ({"success": success(minutes=5)}, "5 min ago, 212 kB, never verified"),
        (
            {"success": {**success(seconds=5), "store": "local:/b"}},
            "5 s ago, 212 kB, on this node only, never verified",
        ),
        (
            {"success": success(hours=30), "running": {"at": ago(seconds=9), "pid": 7}},
            "30 h ago, 212 kB, never verified",
        ),
    ],
)
def test_all_is_well(record, text):
    printed = line(record, alive="alive" if "running" in record else "")
    assert status(printed).ok
    assert status(printed).line().endswith(f" · release 3 · backup {text}")
    assert found(look(printed)) == []


def test_no_backups_yet():
    for printed in (line({}, patience=0), line({}, since=timedelta(hours=30))):
        assert status(printed).ok
        assert status(printed).line().endswith("release 3 · no backups yet → kraftwerk backup schedule")
        assert found(look(printed)) == []


def test_a_node_that_says_nothing_of_backups():
    assert "backup" not in status("").line()


@pytest.mark.parametrize(
    ("record", "options", "complaint"),
    [
        (
            {"success": success(days=2), "failure": {"at": ago(hours=3), "ok": False, "cause": "s3://b is full: 507"}},
            {},
            "failed 3 h ago: s3://b is full: 507",
        ),
        (
            {"failure": {"at": ago(hours=3), "ok": False, "cause": "no room"}},
            {"patience": 0},
            "failed 3 h ago: no room",
        ),
        (
            {"success": success(hours=3), "verify": {"at": ago(hours=2), "ok": False, "cause": "damaged"}},
            {},
            "could not be restored, tried 2 h ago: damaged",
        ),
        (
            {"success": success(hours=3), "prune": {"at": ago(hours=2), "ok": False, "cause": "refused"}},
            {},
            "could not be pruned, tried 2 h ago: refused",
        ),
        ({"success": success(hours=32)}, {}, "the last one is 32 h old"),
        ({"success": success(days=9)}, {}, "the last one is 9 d old"),
        ({}, {"since": timedelta(hours=32)}, "none was made in the 32 h since they were scheduled"),
        ({"success": success(hours=3), "running": {"at": ago(minutes=9), "pid": 7}}, {}, "was killed 9 min ago"),
    ],
)
def test_what_is_wrong_is_loud(record, options, complaint):
    printed = line(record, **options)
    assert not status(printed).ok
    assert f" · backup ✗ {complaint}" in status(printed).line()
    assert status(printed).next_command == "kraftwerk backup"
    (problem,) = found(look(printed))
    assert (problem.name, problem.detail) == ("backup/mysite", f"the backup of mysite {complaint}")
    assert problem.advice.endswith("journalctl -n 50 -t kraftwerk-backup-mysite")
    assert not held(problem, look(f"{printed}\nlock\tmysite\nlock\tnode"))


def test_an_old_point_is_no_matter_where_none_is_expected():
    assert status(line({"success": success(days=400)}, patience=0)).ok


def test_a_new_schedule_has_its_time():
    made = {"success": success(hours=10)}
    assert status(line(made, patience=2 * HOUR, since=timedelta(hours=1))).ok
    assert "the last one is 10 h old" in status(line(made, patience=2 * HOUR, since=timedelta(hours=3))).line()


def test_words_of_alerts():
    (problem,) = found(look(line({"success": success(days=9)})))
    assert title("blue", problem) == "the backups of mysite on blue don't work"
    assert title("blue", problem, gone=True) == "the backups of mysite on blue work again"
