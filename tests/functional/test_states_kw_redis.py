"""The states of kw_redis: no-op, test run, change and failure, over a server that a few lines stand in for."""

import pytest


class Server:
    """What the state sees of a server: what is missing or left, and what was done to it."""

    def __init__(self, missing=(), remnants=()):
        self.missing, self.remnants, self.done = list(missing), list(remnants), []

    def create(self, instance):
        self.done += self.missing
        self.missing.clear()

    def drop(self, instance, what):
        self.done.append(what)
        self.remnants.remove(what)


@pytest.fixture
def serve(loaders, monkeypatch):
    """Put a server in the place of the real functions."""

    def put(server):
        for name in ("missing", "remnants"):
            monkeypatch.setitem(loaders.modules, f"kw_redis.{name}", lambda instance, n=name: list(getattr(server, n)))
        monkeypatch.setitem(loaders.modules, "kw_redis.create", server.create)
        monkeypatch.setitem(loaders.modules, "kw_redis.drop", server.drop)
        return server

    return put


def test_present_sets_up_then_has_nothing_to_do(serve, state):
    server = serve(Server(missing=["folder", "server"]))
    ret = state("kw_redis.present", name="mysite")
    assert (ret["result"], ret["changes"]) == (True, {"folder": "set", "server": "set"})
    assert server.done == ["folder", "server"]
    ret = state("kw_redis.present", name="mysite")
    assert (ret["result"], ret["changes"]) == (True, {})


def test_present_in_a_test_run(serve, state):
    server = serve(Server(missing=["settings"]))
    ret = state("kw_redis.present", test=True, name="mysite")
    assert (ret["result"], ret["changes"]) == (None, {"settings": "set"})
    assert server.done == []


def test_present_without_a_server(loaders, monkeypatch, state):
    def missing(instance):
        raise RuntimeError("systemctl isn't installed on this node")

    monkeypatch.setitem(loaders.modules, "kw_redis.missing", missing)
    assert state("kw_redis.present", test=True, name="mysite")["result"] is None
    ret = state("kw_redis.present", name="mysite")
    assert (ret["result"], ret["comment"]) == (False, "systemctl isn't installed on this node")


def test_absent_deletes_what_is_named_in_order_then_has_nothing_to_do(serve, state):
    server = serve(Server(remnants=["tables", "database"]))
    ret = state("kw_redis.absent", name="mysite", what=["owner", "processes", "database", "tables"])
    assert (ret["result"], set(ret["changes"])) == (True, {"tables", "database"})
    assert server.done == ["tables", "database"]
    ret = state("kw_redis.absent", name="mysite", what=["database"])
    assert (ret["result"], ret["changes"]) == (True, {})


def test_absent_shuts_out_other_nodes_from_what_stays(serve, state):
    server = serve(Server(missing=["config", "clients"], remnants=["tables", "database"]))
    assert state("kw_redis.absent", test=True, name="mysite")["changes"] == {"clients": "set"}
    assert state("kw_redis.absent", name="mysite")["changes"] == {"clients": "set"}
    assert server.done == ["config", "clients"]
    server = serve(Server(missing=["clients"], remnants=["database"]))
    assert state("kw_redis.absent", name="mysite", what=["database"])["changes"] == {"database": "deleted"}
    assert server.done == ["database"]


def test_absent_keeps_what_isn_t_named(serve, state):
    server = serve(Server(remnants=["tables", "database"]))
    assert state("kw_redis.absent", name="mysite")["changes"] == {}
    assert state("kw_redis.absent", test=True, name="mysite", what=["tables"])["result"] is None
    assert server.done == []
