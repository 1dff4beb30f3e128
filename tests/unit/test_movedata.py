"""The data of an instance that moves."""

from types import SimpleNamespace

import pytest

from kraftwerk import movedata
from kraftwerk.errors import KraftwerkError
from kraftwerk.replacement import Holding


def test_a_move_to_an_older_node_copies_nothing(monkeypatch):
    versions = {"postgres": "17.2", "redis": "8.0.2", "files": "tar 1.35"}
    coming = tuple(Holding(name, version, {}, 0) for name, version in versions.items())
    into = SimpleNamespace(node=SimpleNamespace(name="green"), connection=None, instance=None)
    move = SimpleNamespace(plan=SimpleNamespace(into=into, coming=coming))
    there = {"postgres": Holding("postgres", "15.14", {}, 0), "redis": Holding("redis", "8.0.2", {}, 0)}
    monkeypatch.setattr(movedata.replacement, "holdings", lambda connection, instance, services: there)
    with pytest.raises(KraftwerkError, match=r"postgres 17\.2, which postgres 15\.14 on green can't read") as caught:
        movedata.copy(move, print)
    assert "redis" not in caught.value.cause
    assert caught.value.next_command == "a node with the same Debian or a newer one for --to"
