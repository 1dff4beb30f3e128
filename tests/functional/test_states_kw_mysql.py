"""The states of kw_mysql: no-op, test run, change and failure, over a server that a few lines stand in for."""

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
            monkeypatch.setitem(loaders.modules, f"kw_mysql.{name}", lambda instance, n=name: list(getattr(server, n)))
        monkeypatch.setitem(loaders.modules, "kw_mysql.create", server.create)
        monkeypatch.setitem(loaders.modules, "kw_mysql.drop", server.drop)
        return server

    return put


def test_present_sets_up_then_has_nothing_to_do(serve, state):
    server = serve(Server(missing=["account", "database"]))
    ret = state("kw_mysql.present", name="mysite")
    assert (ret["result"], ret["changes"]) == (True, {"account": "set", "database": "set"})
    assert server.done == ["account", "database"]
    ret = state("kw_mysql.present", name="mysite")
    assert (ret["result"], ret["changes"]) == (True, {})


def test_present_in_a_test_run(serve, state):
    server = serve(Server(missing=["rights"]))
    ret = state("kw_mysql.present", test=True, name="mysite")
    assert (ret["result"], ret["changes"]) == (None, {"rights": "set"})
    assert server.done == []


def test_present_without_a_server(loaders, monkeypatch, state):
    def missing(instance):
        raise RuntimeError("mariadb isn't installed on this node")

    monkeypatch.setitem(loaders.modules, "kw_mysql.missing", missing)
    assert state("kw_mysql.present", test=True, name="mysite")["result"] is None
    ret = state("kw_mysql.present", name="mysite")
    assert (ret["result"], ret["comment"]) == (False, "mariadb isn't installed on this node")


def test_absent_deletes_what_is_named_in_order_then_has_nothing_to_do(serve, state):
    server = serve(Server(remnants=["tables", "database", "owner"]))
    ret = state("kw_mysql.absent", name="mysite", what=["owner", "processes", "database", "tables"])
    assert (ret["result"], set(ret["changes"])) == (True, {"tables", "database", "owner"})
    assert server.done == ["tables", "database", "owner"]
    ret = state("kw_mysql.absent", name="mysite", what=["database"])
    assert (ret["result"], ret["changes"]) == (True, {})


def test_absent_keeps_what_isn_t_named(serve, state):
    server = serve(Server(remnants=["tables", "database", "owner"]))
    assert state("kw_mysql.absent", name="mysite")["changes"] == {}
    assert server.done == []


def test_absent_in_a_test_run(serve, state):
    server = serve(Server(remnants=["tables", "database"]))
    ret = state("kw_mysql.absent", test=True, name="mysite", what=["tables"])
    assert (ret["result"], ret["changes"]) == (None, {"tables": "deleted"})
    assert server.done == []
