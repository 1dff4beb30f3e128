"""From look to look: raised once, cleared once, whatever happens in between."""

import json
import threading
import time

import pytest

from kraftwerk import patrol as patrol_module
from kraftwerk import watch
from kraftwerk.health import Look, Unit
from kraftwerk.node import Node
from kraftwerk.patrol import Patrol
from kraftwerk.watch import AGAIN, CALM, OOM_LASTS, REMIND, Watched, judge

GOOD = Look("blue", units=(Unit("nginx", "nginx", "active"),))
BAD = Look("blue", units=(Unit("nginx", "nginx", "failed"),))
AWAY = Look("blue", unreachable="blue can't be reached: timeout")
HELD = Look("blue", units=(Unit("nginx", "nginx", "failed"),), locks=frozenset({"node"}))


def told(looks, before=None, step=AGAIN):
    """Judge looks, one after the other; return what was told of each, and what is known at the end."""
    watched, found = before or Watched(), []
    for number, look in enumerate(looks):
        watched, changes = judge(watched, look, 1000.0 + number * step)
        found.append([f"{change.what} {change.known.name}" for change in changes])
    return found, watched


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([GOOD, GOOD], [[], []]),
        ([BAD, GOOD, BAD, GOOD], [[], [], [], []]),
        ([BAD, BAD, BAD, BAD], [[], ["raised nginx"], [], []]),
        ([BAD, BAD, GOOD, BAD, GOOD, GOOD, GOOD], [[], ["raised nginx"], [], [], [], ["cleared nginx"], []]),
        ([AWAY, GOOD, AWAY, AWAY, GOOD, GOOD], [[], [], [], ["raised unreachable"], [], ["cleared unreachable"]]),
        (
            [BAD, BAD, AWAY, AWAY, BAD, BAD],
            [[], ["raised nginx"], [], ["raised unreachable"], [], ["cleared unreachable"]],
        ),
        ([HELD, HELD, HELD], [[], [], []]),
        ([BAD, HELD, HELD, BAD], [[], [], [], ["raised nginx"]]),
        ([BAD, BAD, HELD, HELD, HELD], [[], ["raised nginx"], [], [], []]),
    ],
)
def test_two_looks_make_it_true(looks, expected):
    assert told(looks)[0] == expected


def test_a_second_look_is_wanted_soon_when_something_comes_or_goes():
    assert [told(looks)[1].uncertain for looks in ([GOOD], [BAD], [BAD, BAD], [BAD, BAD, GOOD])] == [
        False,
        True,
        False,
        True,
    ]


def test_what_stays_is_told_again_for_another_try_ever_more_seldom():
    changes, _ = told([BAD] * 20, step=REMIND / 2)
    again = [number for number, each in enumerate(changes) if each == ["persists nginx"]]
    assert (changes[1], again) == (["raised nginx"], [3, 6, 12])


def test_what_comes_and_goes_is_cleared_only_after_a_while():
    round_trip = [BAD, BAD, GOOD, GOOD]
    changes, watched = told(round_trip * 3)
    assert changes[:8] == [[], ["raised nginx"], [], ["cleared nginx"]] * 2
    assert changes[8:] == [[], ["raised nginx"], [], []]
    assert (watched.flaps("nginx"), watched.uncertain) == (True, False)
    after, changes = judge(watched, GOOD, 1000 + 11 * AGAIN + CALM)
    assert [change.what for change in changes] == ["cleared"]
    assert not after.problems


def test_a_process_that_the_kernel_killed_is_told_for_a_while():
    _, watched = told([Look("blue", oom=2)])
    (first, second), after = told([Look("blue", oom=3), Look("blue", oom=3)], watched)
    assert (first, second) == ([], ["raised memory"])
    assert "killed" in after.problems["memory"].detail
    later, _ = judge(after, Look("blue", oom=3), 1000 + OOM_LASTS)
    assert [change.what for change in judge(later, Look("blue", oom=3), 1010 + OOM_LASTS)[1]] == ["cleared"]


def test_an_event_has_what_reactions_need():
    suspected, _ = judge(Watched(), BAD, 0)
    _, (raised,) = judge(suspected, BAD, 5)
    assert raised.tag == "kraftwerk/node/blue/raised"
    assert raised.data == {
        "node": "blue",
        "problem": "nginx",
        "detail": "the unit nginx is failed",
        "advice": "kraftwerk run --node blue --as root -- systemctl status nginx",
        "since": "1970-01-01T00:00:00Z",
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    return tmp_path


def test_what_is_known_survives_a_restart(home):
    _, watched = told([BAD, BAD])
    watch.save({"blue": watched})
    assert watch.load() == {"blue": watched}
    assert [(node, known.name) for node, known in watch.raised()] == [("blue", "nginx")]
    watch.file().write_text("{dam")
    assert watch.load() == {}


BLUE = Node("blue", "192.0.2.7", "ssh")


def patrol(looks, changes, monkeypatch):
    """Return a patrol that sees these looks and has no patience."""
    monkeypatch.setattr(watch, "AGAIN", 0)
    looks = iter(looks)
    return Patrol(changes.append, lambda node: next(looks))


def test_a_patrol_tells_once_also_after_a_restart(home, monkeypatch):
    changes = []
    first = patrol([BAD, BAD, BAD], changes, monkeypatch)
    for _ in range(3):
        first.step({"blue": BLUE}, 0)
    second = patrol([BAD, GOOD, GOOD], changes, monkeypatch)
    for _ in range(3):
        second.step({"blue": BLUE}, 0)
    assert [change.what for change in changes] == ["raised", "cleared"]


def test_a_node_that_somebody_stopped_is_not_looked_at_and_its_problems_are_forgotten(home, monkeypatch):
    changes = []
    watchman = patrol([BAD, BAD], changes, monkeypatch)
    for _ in range(2):
        watchman.step({"blue": BLUE}, 0)
    monkeypatch.setattr(patrol_module, "PAUSE", 0)  # there is nothing to wait for
    watchman.step({"blue": Node("blue", "192.0.2.7", "local", status="stopped")}, 0)
    assert (len(changes), watch.raised()) == (1, [])
    watchman.step({}, 0)
    assert json.loads(watch.file().read_text()) == {}


def test_a_node_that_hangs_keeps_no_other_waiting(home):
    seen, hang = [], threading.Event()

    def look(node):
        if node.name == "slow":
            hang.wait(30)
        seen.append(node.name)
        return GOOD

    watchman = Patrol(lambda change: None, look)
    nodes = {name: Node(name, "192.0.2.7", "ssh") for name in ("slow", "blue")}
    deadline = time.monotonic() + 10
    while seen.count("blue") < 3:
        watchman.step(nodes, 0)
        assert time.monotonic() < deadline
    assert "slow" not in seen
    hang.set()
