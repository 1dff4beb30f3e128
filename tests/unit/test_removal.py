"""What destroy asks, and what follows from the answers."""

import pytest

from kraftwerk import part, registry, removal
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.release import History
from kraftwerk.target import Target

HERE = {"postgres": {"node": "db1"}}
SHOP = Instance("shop", "shop", "production", "shop.wsgi", services=("postgres",), options=HERE)
DB1 = Node("db1", "192.0.2.9", "ssh")
USED = part.merged(None, part.of(SHOP, ["postgres"], "web1", "10.0.0.1", "10.0.0.9"))


def chosen(instance, *answers, keep_data=False):
    left = list(answers)
    return removal.choose(instance, lambda question: left.pop(0), keep_data)


def test_each_question_builds_on_the_one_before():
    assert chosen(SHOP, True, True, True, True) == ("processes", "source", "tables", "database", "owner")
    assert chosen(SHOP, True, True, False) == ("processes", "source", "tables")
    assert chosen(SHOP, False, False) == ("processes",)
    assert chosen(SHOP, True, keep_data=True) == ("processes", "source")


def test_data_that_nothing_runs_beside_has_no_source():
    assert chosen(USED, True, True, True) == ("tables", "database", "owner")
    assert chosen(USED, False) == ()
    assert removal.Inventory(USED, History(), ()).warning("db1") == "db1 has data of shop that no node uses any more."


def test_data_that_another_node_uses_is_not_touched(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(removal.nodeprogram, "call", lambda *words: {"counts": {"tables": 3, "rows": 7}})
    with pytest.raises(KraftwerkError, match="shop is not on db1"):
        removal._look_at_data(Target(DB1, SHOP, None))
    registry.record(DB1, USED, registry.DATA)
    with pytest.raises(KraftwerkError, match="db1 has data of shop only, in use by web1") as caught:
        removal._look_at_data(Target(DB1, SHOP, None))
    assert caught.value.next_command == "kraftwerk destroy web1"
    left = part.confined(USED, "web1")
    registry.record(DB1, left, registry.DATA)
    assert removal._look_at_data(Target(DB1, SHOP, None)).lines("db1") == [
        "shop on db1 (production)",
        "  live      no release",
        "  data      postgres 3 tables 7 rows",
    ]
