"""Services on other nodes: what must be said of them before anything is touched."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kraftwerk import part, places, registry
from kraftwerk.commands import destroy_node
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome
from kraftwerk.instance import Instance
from kraftwerk.node import Node, save_node
from kraftwerk.target import Target


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Make an instance whose own service `search` has some options; the roster has the node db1."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    own = tmp_path / "salt" / "services" / "search"
    own.mkdir(parents=True)
    (own / "defaults.yaml").write_text("takes: {node: , host: , url: , password: }\n")
    save_node(Node("db1", "192.0.2.9", "ssh"))

    def make(**options):
        return Instance("shop", "shop", "staging", "shop.wsgi", services=("search",), options={"search": options})

    return make


def test_a_place_is_a_node_and_its_services(shop):
    assert places.of(shop(node="db1", password="x")) == [places.Place(Node("db1", "192.0.2.9", "ssh"), ("search",))]
    assert places.of(shop(url="search://x")) == []
    assert places.of(shop(node="gone")) == []


def test_a_missing_password_is_told_with_the_command_that_makes_it(shop, tmp_path):
    with pytest.raises(KraftwerkError) as caught:
        places.check(shop(node="db1"), tmp_path)
    assert caught.value.cause == "services.search: it lives on db1, and has no password to be reached by"
    assert caught.value.next_command == "kraftwerk config set services.search.password --generate --env staging"
    assert caught.value.code == 2
    places.check(shop(node="db1", password="x"), tmp_path)
    places.check(shop(url="search://x"), tmp_path)


def test_a_node_must_be_known(shop, tmp_path):
    with pytest.raises(KraftwerkError, match=r"services\.search\.node: no node is called db9"):
        places.check(shop(node="db9", password="x"), tmp_path)


@pytest.fixture
def applied(monkeypatch):
    """Collect the parts that other nodes would be given, by node."""
    found = {}

    def converge(node, *, part, **_):
        known = registry.instances(node, registry.DATA).get(part.name)
        found[node.name] = part.change(known)
        registry.record(node, found[node.name], registry.DATA)
        return Outcome(node.name, (), 0.1, test=False)

    monkeypatch.setattr(places.highstate, "converge", converge)
    monkeypatch.setattr(places, "Connection", lambda node: SimpleNamespace(run=lambda words: None))
    return found


def test_a_place_that_the_instance_has_left_lets_its_node_in_no_more(shop, applied, tmp_path):
    there, db1 = shop(node="db1", password="x"), Node("db1", "192.0.2.9", "ssh")
    both = part.merged(None, part.of(there, ["search"], "web1", "10.0.0.1", "10.0.0.9"))
    both = part.merged(both, part.of(there, ["search"], "web2", "10.0.0.2", "10.0.0.9"))
    registry.record(db1, both, registry.DATA)
    stays = Target(Node("web1", "192.0.2.1", "ssh"), there, None)
    places.leave_earlier(stays, tmp_path)
    assert applied == {}
    places.leave_earlier(replace(stays, instance=shop()), tmp_path)
    assert part.clients(applied["db1"]) == ["web2"]
    assert applied["db1"].present
    applied.clear()
    places.leave_earlier(replace(stays, instance=shop()), tmp_path)
    assert applied == {}


def test_what_no_node_uses_any_more_goes_and_what_one_does_stays(shop, applied, tmp_path):
    there, db1 = shop(node="db1", password="x"), Node("db1", "192.0.2.9", "ssh")
    used = part.merged(None, part.of(there, ["search"], "web1", "10.0.0.1", "10.0.0.9"))
    registry.record(db1, used, registry.DATA)
    everything = ("tables", "database", "owner")
    places.remove(db1, used, everything, tmp_path)
    assert applied["db1"] == used
    registry.record(db1, part.confined(used, "web1"), registry.DATA)
    places.remove(db1, used, everything, tmp_path)
    assert (applied["db1"].present, applied["db1"].remove) == (False, everything)
    assert registry.instances(db1, registry.DATA) == {}


def test_a_node_that_goes_is_let_in_nowhere_any_more_and_what_fails_is_told(shop, applied, monkeypatch, capsys):
    there, db1 = shop(node="db1", password="x"), Node("db1", "192.0.2.9", "ssh")
    both = part.merged(None, part.of(there, ["search"], "web1", "10.0.0.1", "10.0.0.9"))
    both = part.merged(both, part.of(there, ["search"], "web2", "10.0.0.2", "10.0.0.9"))
    registry.record(db1, both, registry.DATA)
    places.shut_out("web9", None)
    assert applied == {}
    places.shut_out("web1", None)
    assert part.clients(applied["db1"]) == ["web2"] and places.letting_in("web1") == []
    assert applied["db1"].present

    def lost(*_, **__):
        raise KraftwerkError("db1 can't be reached")

    monkeypatch.setattr(places.highstate, "converge", lost)
    places.shut_out("web2", None)
    assert "db1 still lets web2 in to data of shop: db1 can't be reached" in capsys.readouterr().err


def test_who_forgets_a_server_that_may_run_on_is_told_that_it_is_let_in_still(shop):
    save_node(Node("web1", "192.0.2.1", "ssh"))
    wanted = part.of(shop(node="db1", password="x"), ["search"], "web1", "10.0.0.1", "10.0.0.9")
    registry.record(Node("db1", "192.0.2.9", "ssh"), wanted, registry.DATA)
    said = CliRunner().invoke(destroy_node.command, ["web1"], input="no\n").output
    assert "nothing is changed on it. db1 goes on letting it in to data of shop." in said
