"""The external pillar: what raw Salt and kraftwerk alike are told of a node's instances and their secrets."""

import json
import sys

import pytest

from kraftwerk import admin, saltconf, secret
from kraftwerk.paths import share


@pytest.fixture
def pillar(tmp_path, monkeypatch):
    """Return the pillar of the node blue, whose mirror has one instance with these variables."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(str(share("_pillar")))
    admin.ensure()

    def compile(environ, **options):
        import kw_instances

        arguments = {**saltconf.external_pillar()[0]["kw_instances"], **options}
        folder = tmp_path / "home" / ".state" / "instances" / "blue"
        folder.mkdir(parents=True, exist_ok=True)
        instance = {"name": "mysite", "project": "mysite", "environ": environ}
        (folder / "mysite.json").write_text(json.dumps(instance))
        return kw_instances.ext_pillar("blue", {}, **arguments)["kraftwerk"]

    yield compile
    sys.modules.pop("kw_instances", None)


def test_without_secrets_there_is_nothing_to_decrypt(pillar):
    found = pillar({"A": "b"})
    assert (found["secrets"], found["unreadable"]) == ({}, {})
    assert found["instances"]["mysite"]["environ"] == {"A": "b"}


def test_plain_text_stands_in_one_place_only(pillar):
    cipher = secret.encrypt("hush", [secret.public_key()])
    found = pillar({"TOKEN": cipher, "A": "b"})
    assert found["instances"]["mysite"]["environ"] == {"TOKEN": cipher, "A": "b"}
    assert found.pop("secrets") == {"mysite": {"environ.TOKEN": "hush"}}
    assert found["unreadable"] == {}
    assert "hush" not in str(found)


def test_what_an_admin_can_t_decrypt_is_named(pillar, tmp_path):
    secret.make_identity(tmp_path / "colleague.txt")
    cipher = secret.encrypt("hush", [secret.public_key()])
    found = pillar({"TOKEN": cipher}, identity=str(tmp_path / "colleague.txt"))
    assert (found["secrets"], found["unreadable"]) == ({}, {"mysite": ["environ.TOKEN"]})


def test_a_salt_without_kraftwerk_decrypts_nothing(pillar, monkeypatch):
    cipher = secret.encrypt("hush", [secret.public_key()])
    monkeypatch.setitem(sys.modules, "kraftwerk", None)
    assert pillar({"TOKEN": cipher})["secrets"] == {}


def test_instances_of_other_projects_stand_apart_where_only_some_are_meant(pillar):
    found = pillar({"A": "b"}, only=["shop"])
    assert (found["instances"], list(found["others"])) == ({}, ["mysite"])
    assert pillar({"A": "b"})["others"] == {}


def test_data_for_other_nodes_stands_beside_the_instances(pillar, tmp_path):
    pillar({"A": "b"})
    cipher = secret.encrypt("hush", [secret.public_key()])
    part = {"name": "shop", "project": "shop", "options": {"postgres": {"password": cipher}}}
    folder = tmp_path / "home" / ".state" / "instances" / "blue" / "data"
    folder.mkdir()
    (folder / "shop.json").write_text(json.dumps(part))
    found = pillar({"A": "b"}, only=["mysite"])
    assert found["data"] == {"shop": part}
    assert found["secrets"] == {"shop": {"options.postgres.password": "hush"}}
    assert list(found["instances"]) == ["mysite"]
