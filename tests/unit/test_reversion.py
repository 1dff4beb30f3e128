"""A rollback with data: what would be lost is told by table."""

from types import SimpleNamespace

import pytest

from kraftwerk import arrival, load, reversion, rollout, safety, slot
from kraftwerk.errors import KraftwerkError
from kraftwerk.release import History, Release
from kraftwerk.reversion import Reversion, less
from kraftwerk.rollout import Rollout
from kraftwerk.savepoint import Savepoint


def test_what_came_since_is_told_by_table():
    then = {"tables": 2, "rows": 10, "rows_by_table": {"public.book": 7, "public.author": 3}}
    now = {"tables": 3, "rows": 12, "rows_by_table": {"public.book": 9, "public.author": 2, "public.shelf": 1}}
    assert less(now, then) == {"public.book": 2, "public.shelf": 1}
    assert less(then, then) == {}


@pytest.mark.parametrize(
    ("cause", "stopped", "told"),
    [
        (f"no room\nshop on blue {load.UNTOUCHED}", [], "release 8 serves on, untouched"),
        ("mysql broke\npostgres on blue already new, mysql still as before", ["b"], "still as before"),
    ],
)
def test_where_some_data_is_new_nobody_says_that_nothing_was_touched(monkeypatch, cause, stopped, told):
    def fail(*_, **__):
        raise KraftwerkError(cause)

    seen = []
    there = SimpleNamespace(connection=None, instance=None, node=None)
    run = Rollout(None, there, Release(7), back=True, history=History(live=8), slot="b", booted=True)
    monkeypatch.setattr(safety, "keep_there", lambda *_, **__: "kraftwerk load x")
    monkeypatch.setattr(reversion, "_where", lambda *_: "blue:x.kw")
    monkeypatch.setattr(arrival, "of_archive", lambda *_: (None, lambda *_: None))
    monkeypatch.setattr(load, "load", fail)
    monkeypatch.setattr(slot, "stop", lambda connection, instance, name, seconds: seen.append(name))
    plan = SimpleNamespace(services=("postgres", "mysql"))
    with pytest.raises(KraftwerkError) as error:
        reversion._bring_back(Reversion(run, Savepoint(7, 8), None, plan, {}, 0), run)
    assert seen == stopped
    assert rollout._told(run, error.value).endswith(told)
