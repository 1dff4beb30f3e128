"""The phases of deploy: their order, their hooks, and what is said when one fails."""

from types import SimpleNamespace

import pytest

from kraftwerk import deploy, rollout
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.release import History
from kraftwerk.rollout import Rollout
from kraftwerk.target import Target
from kraftwerk.tokens import Tokens

SOMEWHERE = SimpleNamespace(root=None)  # a project


def names(phases):
    return [phase.__name__ for phase in phases]


def test_deploy_is_a_flat_list_of_phases():
    assert names([*deploy.BEFORE, *deploy.DEPLOY]) == [
        *["check", "plan", "lock", "disk", "wheels", "node", "tls", "upload", "virtualenv", "configure", "stand_by"],
        *["dump", "migrate", "superusers", "cdn", "boot", "gate", "switch", "workers", "drain", "grow"],
        *["balance", "record", "prune", "unlock"],
    ]


def test_rollback_goes_through_the_same_gate():
    phases = ["lock", "stand_by", "boot", "gate", "switch", "workers", "drain", "grow", "record", "unlock"]
    assert names(deploy.ROLLBACK) == phases


def go(*phases, **state):
    run = Rollout(state.pop("project", None), state.pop("target", None), **state)
    with Tokens() as tokens:
        rollout.go(run, phases, tokens)
    return run


def test_a_word_for_each_phase_that_has_something_to_say(capsys):
    def upload(run):
        return f"9 files in {rollout.SECONDS}"

    def configure(run):
        return None

    def gate(run):
        return "GET / 200"

    def switch(run):
        return ""

    go(upload, configure, gate, switch)
    assert capsys.readouterr().out.splitlines() == ["upload ✓ 9 files in 0.0s", "boot ✓ GET / 200", "switch ✓"]


def test_hooks_stand_before_and_after_their_phase():
    seen = []

    def boot(run):
        seen.append("boot")

    hooks = {name: [lambda run, name=name: seen.append(name)] for name in ("after-boot", "before-boot", "before-gate")}
    go(boot, hooks=hooks)
    assert seen == ["before-boot", "boot", "after-boot"]


def test_a_failing_phase_ends_the_deploy_and_lets_go_of_the_lock(capsys):
    seen = []

    def lock(run):
        run.locks.callback(seen.append, "unlocked")
        return ""

    def upload(run):
        raise KraftwerkError("no route to host", next_command="ping blue")

    def switch(run):
        seen.append("never")

    with pytest.raises(KraftwerkError) as caught:
        go(lock, upload, switch, history=History(live=3))
    assert (caught.value.cause, caught.value.next_command) == ("no route to host", "ping blue")
    assert seen == ["unlocked"]
    assert capsys.readouterr().out.splitlines() == ["lock ✓", "upload ✗"]


def test_after_the_switch_a_failure_says_that_the_release_is_live():
    def drain(run):
        run.switched = True
        raise KraftwerkError("it hangs")

    with pytest.raises(KraftwerkError, match="it hangs\nrelease 0 is live, but not all was cleaned up") as failed:
        go(drain, target=Target(Node("blue", "192.0.2.7", "ssh"), Instance("shop", "shop", "production", "x:y"), None))
    assert failed.value.next_command == "kraftwerk deploy blue --from drain"


def test_a_deploy_leaves_places_of_data_and_a_rollback_does_not(monkeypatch):
    left = []
    monkeypatch.setattr(deploy.places, "leave_earlier", lambda *given: left.append(given))
    go(deploy.drain, back=True, project=SOMEWHERE)
    assert left == []
    go(deploy.drain, project=SOMEWHERE)
    assert len(left) == 1


def test_a_place_that_can_not_be_left_now_is_told_and_the_release_is_live(monkeypatch, capsys):
    def leave(*given):
        raise KraftwerkError("db1 can't be reached")

    monkeypatch.setattr(deploy.places, "leave_earlier", leave)
    go(deploy.drain, project=SOMEWHERE)
    assert "db1 can't be reached" in capsys.readouterr().err
