"""States over the real modules of couchdb and a real server: no-op, test run and change."""

import json
import os
import urllib.error
import urllib.parse

import pytest

from tests.couchdb_server import ask, empty

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="secrets belong to root")


@pytest.fixture
def url(couchdb_url, patch_module, tmp_path):
    """Let the server be the node's own, with nothing in it."""
    split = urllib.parse.urlsplit(couchdb_url)
    (tmp_path / "couchdb.json").write_text(json.dumps({"port": split.port, "password": split.password}))
    patch_module("kw_couchserver", ADMIN=str(tmp_path / "couchdb.json"), NAME=split.username)
    for module in ("kw_service", "kw_environ", "kw_couchdb"):
        patch_module(module, SECRETS=str(tmp_path / "secrets"))
    empty(couchdb_url)
    yield couchdb_url
    empty(couchdb_url)


def test_present_makes_what_is_missing_then_has_nothing_to_do(state, url, loaders):
    ret = state("kw_service.present", test=True, name="mysite", service="couchdb")
    assert (ret["result"], ret["changes"]) == (None, {"user": "set", "database": "set"})
    assert "mysite_main" not in ask(f"{url}_all_dbs")
    ret = state("kw_service.present", name="mysite", service="couchdb")
    assert (ret["result"], ret["changes"]) == (True, {"user": "set", "database": "set"})
    ret = state("kw_service.present", name="mysite", service="couchdb")
    assert (ret["result"], ret["changes"]) == (True, {})
    own = loaders.modules["kw_couchdb.environ"]("mysite")
    assert own["COUCHDB_PREFIX"] == "mysite_"
    assert ask(f"{own['COUCHDB_URL']}mysite_main/hello", "PUT", {"a": 1})["ok"] is True
    state("kw_service.present", name="shop", service="couchdb")
    with pytest.raises(urllib.error.HTTPError, match=r"40[13]"):
        ask(f"{loaders.modules['kw_couchdb.environ']('shop')['COUCHDB_URL']}mysite_main/hello")


def test_present_where_nothing_is_set_up(state, url, patch_module, tmp_path):
    patch_module("kw_couchserver", ADMIN=str(tmp_path / "none.json"))
    assert state("kw_service.present", test=True, name="mysite", service="couchdb")["result"] is None
    ret = state("kw_service.present", name="mysite", service="couchdb")
    assert (ret["result"], ret["comment"]) == (False, "CouchDB isn't set up on this node")


def test_absent_deletes_what_is_named_then_has_nothing_to_do(state, url):
    state("kw_service.present", name="mysite", service="couchdb")
    ask(f"{url}mysite_main/hello", "PUT", {"a": 1})
    ret = state("kw_service.absent", test=True, name="mysite", service="couchdb", what=["tables", "processes"])
    assert (ret["result"], ret["changes"]) == (None, {"tables": "deleted"})
    ret = state("kw_service.absent", name="mysite", service="couchdb", what=["tables", "database", "owner"])
    assert (ret["result"], set(ret["changes"])) == (True, {"tables", "database", "owner"})
    ret = state("kw_service.absent", name="mysite", service="couchdb", what=["tables", "database", "owner"])
    assert (ret["result"], ret["changes"]) == (True, {})
    assert "mysite_main" not in ask(f"{url}_all_dbs")


def test_admin_is_made_once(state, patch_module, tmp_path, monkeypatch):
    monkeypatch.setattr("pwd.getpwnam", lambda name: type("entry", (), {"pw_uid": 0, "pw_gid": 0}))
    patch_module("kw_couchserver", ADMIN=str(tmp_path / "admin.json"))
    name = tmp_path / "admin.ini"
    ret = state("kw_couchdb.admin", test=True, name=str(name))
    assert (ret["result"], list(ret["changes"]), name.exists()) == (None, ["admin"], False)
    ret = state("kw_couchdb.admin", name=str(name))
    password = json.loads((tmp_path / "admin.json").read_text())["password"]
    assert (ret["result"], password in str(ret)) == (True, False)
    assert name.read_text() == f"[admins]\nkraftwerk = {password}\n"
    assert name.stat().st_mode & 0o777 == (tmp_path / "admin.json").stat().st_mode & 0o777 == 0o600
    ret = state("kw_couchdb.admin", name=str(name))  # nothing_to_do
    assert (ret["result"], ret["changes"]) == (True, {})
