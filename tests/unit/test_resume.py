"""Which phases a deploy that failed can go on with."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from kraftwerk import resume
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.release import FAILED, LIVE, NEW, PREVIOUS, History, Release
from kraftwerk.rollout import Rollout
from kraftwerk.target import Target

LIVE_ONE = Release(3, LIVE)
SHOP = Instance("shop", "shop", "production", "shop:app")


def taken_up(monkeypatch, start, *releases, **history):
    """Return the run and the names of its phases, where a node has these releases."""
    found = History({each.number: each for each in releases}, **history)
    monkeypatch.setattr(resume.releases, "read", lambda *_: found)
    monkeypatch.setattr(resume.deploy, "programs", lambda run: {})
    monkeypatch.setattr(resume, "_check_packages", lambda run: None)
    run = Rollout(SimpleNamespace(root=None), Target(Node("blue", "192.0.2.7", "ssh"), SHOP, None))
    return run, [phase.__name__ for phase in resume.find(run, start)]


def test_it_goes_on_in_the_release_that_failed(monkeypatch):
    failed = Release(4, FAILED, reason="no database", phase="migrate", virtualenv="abc", seconds=12)
    run, phases = taken_up(monkeypatch, "migrate", LIVE_ONE, failed, live=3, live_slot="a")
    assert phases[:3] == ["lock", "node", "migrate"] and phases[-1] == "unlock"
    assert run.release == Release(4, NEW, virtualenv="abc", seconds=12)
    assert (run.landed, run.switched, run.history.live) == (False, False, 3)  # nobody's record, before it has the lock


@pytest.mark.parametrize(
    ("failed_in", "start", "last"),
    [
        ("migrate", "boot", "migrate"),
        ("gate", "switch", "boot"),
        ("virtualenv", "migrate", "virtualenv"),
        ("", "migrate", "virtualenv"),
        ("boot", "upload", "boot"),
        ("node", "boot", "virtualenv"),
        ("lock", "migrate", "virtualenv"),
    ],
)
def test_it_skips_nothing_that_was_not_done(monkeypatch, failed_in, start, last):
    failed = Release(4, FAILED if failed_in else NEW, phase=failed_in)
    with pytest.raises(KraftwerkError, match=f"not from {start}") as refused:
        taken_up(monkeypatch, start, LIVE_ONE, failed, live=3)
    assert (refused.value.next_command, refused.value.code) == (f"kraftwerk deploy --from {last}", 2)


@pytest.mark.parametrize("start", ["virtualenv", "configure", "migrate"])
def test_one_that_was_killed_goes_on_as_far_as_it_came(monkeypatch, start):
    killed = Release(4, NEW, phase="migrate", virtualenv="abc")
    run, phases = taken_up(monkeypatch, start, LIVE_ONE, killed, live=3, live_slot="a")
    assert phases[2] == start and run.release == Release(4, NEW, virtualenv="abc")
    with pytest.raises(KraftwerkError, match="was interrupted, and came as far as migrate for sure"):
        taken_up(monkeypatch, "boot", LIVE_ONE, killed, live=3)


def test_what_was_left_undone_after_the_switch_is_done(monkeypatch):
    before = Release(2, PREVIOUS)
    run, phases = taken_up(monkeypatch, "drain", before, LIVE_ONE, live=3, live_slot="b", slots={"a": 2, "b": 3})
    assert phases == ["lock", "drain", "grow", "balance", "record", "prune", "unlock"]
    assert resume.grow in resume.find(run, "drain")  # which asks the node how many workers are missing
    assert (run.switched, run.slot, run.history.live, run.history.live_slot) == (True, "b", 2, "a")


@pytest.mark.parametrize(("start", "cause"), [("migrate", "no deploy failed"), ("swich", "swich is no phase")])
def test_there_must_be_something_to_go_on_with(monkeypatch, start, cause):
    with pytest.raises(KraftwerkError, match=cause):
        taken_up(monkeypatch, start, LIVE_ONE, live=3)


def test_it_goes_on_with_what_it_took_up_only_and_as_the_node_is_scaled_by_now(monkeypatch):
    failed = Release(4, FAILED, reason="no database", phase="migrate", seconds=12)
    run, _ = taken_up(monkeypatch, "migrate", LIVE_ONE, failed, live=3, live_slot="a")
    monkeypatch.setattr(resume.locks, "held", lambda *_, **__: nullcontext())
    found = History({3: LIVE_ONE, 4: failed}, live=3, hosted={"shop": replace(SHOP, scale={"web": 4})})
    monkeypatch.setattr(resume.releases, "read", lambda *_: found)
    resume.lock(run)
    assert (run.landed, run.instance.scale) == (True, {"web": 4})
    again = replace(failed, phase="virtualenv", seconds=3)
    for other in ({3: LIVE_ONE, 4: again}, {3: LIVE_ONE}, {4: failed}, {3: LIVE_ONE, 4: failed, 5: Release(5)}):
        monkeypatch.setattr(resume.releases, "read", lambda *_, found=other: History(found, live=min(found)))
        with pytest.raises(KraftwerkError, match="somebody else deployed"):
            resume.lock(run)
