"""Services on other nodes: what must be said of them before anything is touched."""

import pytest

from kraftwerk import places
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node, save_node


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
