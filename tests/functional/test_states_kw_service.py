"""The states of kw_service: options whose secrets reach a file of root's and nothing else, and what services have."""

import json

import pytest

CIPHER = "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n"
INSTANCE = {"options": {"search": {"node": "db1", "host": "192.0.2.7", "password": CIPHER}}}
SECRET = {"options.search.password": "h u/sh"}


@pytest.fixture
def pillar(patch_module, tmp_path, loaders, monkeypatch):
    """Say what pillar holds of the instance `mysite`, by the keys below `kraftwerk`."""
    patch_module("kw_service", SECRETS=str(tmp_path / "secrets"))
    url = "search://{}:{}@{}/"
    monkeypatch.setitem(loaders.modules, "kw_search.url", lambda name, host, password: url.format(name, password, host))

    def holds(**keys):
        found = {key: {"mysite": value} for key, value in keys.items()}
        patch_module("kw_service", __pillar__={"kraftwerk": found} if found else {})

    return holds


@pytest.fixture
def managed(state, pillar):
    """Run the state."""
    return lambda test=False: state("kw_service.managed", test=test, name="mysite")


def test_changes_then_nothing_to_do(managed, pillar, tmp_path):
    pillar(instances=INSTANCE, secrets=SECRET)
    ret = managed()
    assert (ret["result"], ret["changes"]) == (True, {"search": "changed"})
    assert "h u/sh" not in str(ret)
    (path,) = tmp_path.rglob("services.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"search": {"node": "db1", "host": "192.0.2.7", "password": "h u/sh"}}
    ret = managed()
    assert (ret["result"], ret["changes"]) == (True, {})


def test_a_test_run_changes_nothing(managed, pillar, tmp_path):
    pillar(instances=INSTANCE, secrets=SECRET)
    ret = managed(test=True)
    assert (ret["result"], ret["changes"]) == (None, {"search": "changed"})
    assert list(tmp_path.rglob("services.json")) == []


def test_what_the_admin_can_t_decrypt_stays_as_the_node_has_it(managed, pillar, loaders):
    pillar(instances=INSTANCE)
    ret = managed()
    assert ret["result"] is False
    assert "services.search.password: encrypted, but not for this admin" in ret["comment"]
    pillar(instances=INSTANCE, secrets=SECRET)
    managed()
    pillar(instances=INSTANCE)
    ret = managed()
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"].endswith("left as it is, since this admin can't decrypt it: services.search.password")
    assert loaders.modules["kw_service.options"]("mysite", "search")["password"] == "h u/sh"


def test_without_pillar_the_node_s_own_file_tells(managed, pillar, loaders):
    options, place = loaders.modules["kw_service.options"], loaders.modules["kw_service.place"]
    pillar()
    assert (options("mysite", "search"), place("mysite", "search")) == ({}, "")
    pillar(instances=INSTANCE, secrets=SECRET)
    managed()
    pillar()
    assert options("mysite", "search")["url"] == "search://mysite:h u/sh@192.0.2.7/"
    assert (place("mysite", "search"), place("mysite", "redis")) == ("db1", "")


def test_data_for_other_nodes_joins_the_instance_s_own_options(managed, pillar, loaders):
    part = {
        "options": {"redis": {"password": CIPHER, "clients": {"web2": "192.0.2.3"}, "listen": {"web2": "192.0.2.2"}}}
    }
    pillar(others={"options": {"redis": {"db": "3"}}}, data=part, secrets={"options.redis.password": "hush"})
    found = loaders.modules["kw_service.options"]("mysite", "redis")
    assert found == {"db": "3", "password": "hush", "clients": {"web2": "192.0.2.3"}, "listen": ["192.0.2.2"]}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost:6379/3", {"scheme": "redis", "host": "localhost", "port": 6379, "path": "3"}),
        ("a://u%40:p%2F%20@[::1]/x?y=z", {"user": "u@", "password": "p/ ", "host": "::1", "query": {"y": "z"}}),
    ],
)
def test_the_parts_of_a_url(loaders, url, expected):
    found = loaders.modules["kw_service.parts"](url)
    assert {key: found[key] for key in expected} == expected


def test_the_name_of_an_instance_leads_nowhere_else(loaders, pillar):
    pillar()
    with pytest.raises(ValueError, match="not a plain name"):
        loaders.modules["kw_service.options"]("../x", "redis")


class Server:
    """What a state sees of a service: what is missing or left, and what was done to it."""

    def __init__(self, missing=(), remnants=(), error=None):
        self.parts, self.left, self.error, self.done = list(missing), list(remnants), error, []

    def missing(self, instance):
        if self.error:
            raise self.error
        return list(self.parts)

    def create(self, instance):
        parts, self.parts = self.missing(instance), []
        self.done += parts
        return parts

    def remnants(self, instance):
        return list(self.left)

    def drop(self, instance, what):
        self.done.append(what)
        self.left.remove(what)


@pytest.fixture
def serve(loaders, monkeypatch):
    """Put a server in the place of a service's module."""

    def put(server):
        for name in ("missing", "create", "remnants", "drop"):
            monkeypatch.setitem(loaders.modules, f"kw_search.{name}", getattr(server, name))
        return server

    return put


def test_present_sets_up_then_has_nothing_to_do(serve, state):
    server = serve(Server(missing=["role", "database"]))
    ret = state("kw_service.present", name="mysite", service="search")
    assert (ret["result"], ret["changes"]) == (True, {"role": "set", "database": "set"})
    assert server.done == ["role", "database"]
    ret = state("kw_service.present", name="mysite", service="search")
    assert (ret["result"], ret["changes"]) == (True, {})


def test_present_in_a_test_run(serve, state):
    server = serve(Server(missing=["settings"]))
    ret = state("kw_service.present", test=True, name="mysite", service="search")
    assert (ret["result"], ret["changes"], server.done) == (None, {"settings": "set"}, [])


def test_present_without_a_server(serve, state):
    serve(Server(error=RuntimeError("psql isn't installed on this node")))
    assert state("kw_service.present", test=True, name="mysite", service="search")["result"] is None
    ret = state("kw_service.present", name="mysite", service="search")
    assert (ret["result"], ret["comment"]) == (False, "psql isn't installed on this node")


def test_absent_deletes_what_is_named_in_order_then_has_nothing_to_do(serve, state):
    server = serve(Server(remnants=["tables", "database", "owner"]))
    ret = state("kw_service.absent", name="mysite", service="search", what=["owner", "processes", "database", "tables"])
    assert (ret["result"], set(ret["changes"])) == (True, {"tables", "database", "owner"})
    assert server.done == ["tables", "database", "owner"]
    ret = state("kw_service.absent", name="mysite", service="search", what=["database"])
    assert (ret["result"], ret["changes"]) == (True, {})


def test_absent_keeps_what_isn_t_named(serve, state):
    server = serve(Server(remnants=["tables", "database", "owner"]))
    assert state("kw_service.absent", name="mysite", service="search")["changes"] == {}
    ret = state("kw_service.absent", test=True, name="mysite", service="search", what=["tables"])
    assert (ret["result"], ret["changes"], server.done) == (None, {"tables": "deleted"}, [])
