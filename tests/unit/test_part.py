"""Parts: what an instance has on another node, with several nodes that use it."""

from functools import partial

from kraftwerk import converged, highstate, part, registry
from kraftwerk.instance import Instance
from kraftwerk.node import Node

HERE = {"node": "db1", "host": "192.0.2.9", "password": "x"}
SHOP = Instance("shop", "shop", "production", "shop.wsgi", services=("postgres", "redis"), options={"postgres": HERE})
DB1 = Node("db1", "192.0.2.9", "ssh")


def of(client, number, services=("postgres",)):
    return part.of(SHOP, services, client, f"10.0.0.{number}", "10.0.0.9")


def test_a_part_has_what_the_server_needs_and_no_more():
    assert of("web1", 1).options == {
        "postgres": {"password": "x", "clients": {"web1": "10.0.0.1"}, "listen": {"web1": "10.0.0.9"}}
    }
    assert (of("web1", 1).services, of("web1", 1).wsgi) == (("postgres",), "")
    assert Instance.from_dict(of("web1", 1).as_dict()) == of("web1", 1)


def test_clients_come_and_go():
    two = part.merged(part.merged(None, of("web1", 1)), of("web2", 2))
    assert part.clients(two) == ["web1", "web2"]
    moved = part.merged(two, of("web1", 7))
    assert moved.options["postgres"]["clients"] == {"web1": "10.0.0.7", "web2": "10.0.0.2"}
    assert part.merged(moved, of("web1", 7)) == moved
    one = part.confined(two, "web1")
    assert one.options["postgres"]["clients"] == {"web2": "10.0.0.2"}
    assert one.options["postgres"]["listen"] == {"web2": "10.0.0.9"}
    nobody = part.confined(one, "web2")
    assert (part.clients(nobody), nobody.services) == ([], ("postgres",))
    gone = part.leaving(nobody, ("tables", "database"))
    assert (gone.present, gone.remove) == (False, ("tables", "database"))
    assert part.merged(gone, of("web1", 1)).present


def test_a_service_that_moved_away_keeps_its_client_until_the_new_release_is_live():
    both = part.merged(None, of("web1", 1, ("postgres", "redis")))
    assert part.merged(both, of("web1", 1)) == both
    confined = part.confined(both, "web1", ["postgres"])
    assert confined.options["redis"]["clients"] == confined.options["redis"]["listen"] == {}
    assert confined.options["postgres"] == both.options["postgres"]


def test_the_mirror_keeps_parts_beside_instances(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    registry.record(DB1, SHOP)
    registry.record(DB1, of("web1", 1), registry.DATA)
    assert registry.instances(DB1) == {"shop": SHOP}
    assert registry.instances(DB1, registry.DATA) == {"shop": of("web1", 1)}
    registry.forget(DB1, "shop", registry.DATA)
    assert registry.instances(DB1) == {"shop": SHOP}
    registry.forget_node("db1")
    assert registry.instances(DB1) == {}


def test_a_test_run_leaves_the_mirror_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    change = highstate.PartChange("shop", partial(part.merged, wanted=of("web1", 1)))
    before = highstate._record(DB1, SHOP, change)
    assert (registry.instances(DB1), registry.instances(DB1, registry.DATA)) == (
        {"shop": SHOP},
        {"shop": of("web1", 1)},
    )
    highstate._restore(DB1, before)
    assert (registry.instances(DB1), registry.instances(DB1, registry.DATA)) == ({}, {})


def test_the_mark_of_a_converged_node_counts_its_parts(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    before = converged.digest(DB1, {})
    registry.record(DB1, of("web1", 1), registry.DATA)
    assert converged.digest(DB1, {}) != before


def test_a_part_is_the_same_when_it_comes_back_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    both = part.merged(None, of("web1", 1, ("redis", "postgres")))
    registry.record(DB1, both, registry.DATA)
    known = registry.instances(DB1, registry.DATA)["shop"]
    assert part.merged(known, of("web1", 1, ("redis", "postgres"))) == known
    assert part.confined(known, "web1", ["redis", "postgres"]) == known == both
