"""kw_couchdb against a real server of CouchDB's API: a rich data set comes through by document, revision and byte."""

import hashlib
import json
import os
import subprocess
import urllib.error

import pytest

from tests.couchdb_server import REAL, ask, empty, fetch, quoted

ODD = "b/c+d" if REAL else "b+c-d"  # pouchdb-server loses the slash
FORBIDS = "function (doc, old, user) { throw({forbidden: 'nobody writes here any more'}) }"
BIG = hashlib.shake_256(b"big").digest(3 * 2**20 + 17)
NAMES = ["plain", "with/slash", "plus+and space", "ümläut ☃", "_design/views", "pct%2Fx", 'quo"te']


@pytest.fixture
def url(couchdb_url):
    """The URL of the server, for short."""
    return couchdb_url


@pytest.fixture
def couchdb(loaders, patch_module, url, tmp_path):
    """Call a function of the module for an instance whose data is in that server; empty before and after."""
    options = {"options": {"couchdb": {"url": url}}}
    patch_module("kw_service", SECRETS=str(tmp_path))
    known = {"kraftwerk": {"instances": {"mysite": options, "mysite-staging": options}}}
    patch_module("kw_service", __pillar__=known)
    empty(url)
    yield lambda verb, *arguments, **keywords: loaders.modules[f"kw_couchdb.{verb}"](*arguments, **keywords)
    empty(url)


def leaf(identifier, generation, *ids, **body):
    """A revision as a replication brings it."""
    return {
        "_id": identifier,
        "_rev": f"{generation}-{ids[0]}",
        "_revisions": {"start": generation, "ids": list(ids)},
        **body,
    }


def fill(url, name, many=5):
    """Make a database with all that there is: conflicts, deleted ones, attachments, odd names, a local document."""
    path = url + quoted(name)
    ask(path, "PUT")
    old, one, two = "0" * 32, "1" * 32, "2" * 32
    docs = [
        leaf("conflict", 2, one, old, winner=False),
        leaf("conflict", 2, two, old, winner=True),
        leaf("gone", 3, two, one, old, _deleted=True, why="kept"),
        leaf("half-gone", 2, one, old, stays=1),
        leaf("half-gone", 2, two, old, _deleted=True),
        leaf("numbers", 1, one, n=[0, -1, 1.5, 1e300, 2**53, 1e-7], t=[True, False, None], s="\u0000\u2028 ü ☃ 𝄞"),
        leaf("long", 1, one, text="x" * 2**20),
        *(leaf(f"many/{number:04}", 1, one, number=number) for number in range(many)),
        *(leaf(each, 1, one, name=each) for each in NAMES if not each.startswith("_")),
    ]
    ask(f"{path}/_bulk_docs", "POST", {"docs": docs, "new_edits": False})
    ask(f"{path}/_design/views", "PUT", {"views": {"all": {"map": "function (doc) { emit(doc._id) }"}}})
    answer = ask(f"{path}/attached", "PUT", {"kind": "papers"})
    for attached, kind, data in [
        ("a b/ü.txt", "text/plain", b"short"),
        ("empty", "application/octet-stream", b""),
        ("big.bin", "application/octet-stream", BIG),
        ("log.txt", "text/plain", b"compressible " * 40000),
    ]:
        where = f"{path}/attached/{quoted(attached)}?rev={answer['rev']}"
        answer = ask(where, "PUT", data, kind)
    answer = ask(f"{path}/small", "PUT", {"kind": "note"})
    ask(f"{path}/small/note.txt?rev={answer['rev']}", "PUT", b"\x00\xff small", "text/plain")
    rights = {"names": ["web-mysite", "ada"], "roles": ["editors"]}
    ask(f"{path}/_security", "PUT", {"admins": {"names": ["ada"], "roles": []}, "members": rights})
    ask(f"{path}/_local/mine", "PUT", {"value": 42})
    ask(f"{path}/_design/strict", "PUT", {"validate_doc_update": FORBIDS})


def people(url):
    """Make users: two that a database lets in, one that none knows."""
    for name, roles in (("ada", []), ("grace", ["editors"]), ("eve", ["spies"])):
        user = {"name": name, "type": "user", "roles": roles, "password": f"{name}'s"}
        ask(f"{url}_users/{quoted(f'org.couchdb.user:{name}')}", "PUT", user)


def seen(url, name):
    """All that can be known of a database: leaves with bodies, histories and attachments by their bytes, and rights."""
    path, found = url + quoted(name), {}
    for change in ask(f"{path}/_changes?style=all_docs")["results"]:
        for each in change["changes"]:
            place = f"{path}/{quoted(change['id'])}?rev={each['rev']}"
            document = ask(f"{place}&revs=true")
            for attached, stub in document.get("_attachments", {}).items():
                data = fetch(f"{path}/{quoted(change['id'])}/{quoted(attached)}?rev={each['rev']}")
                document["_attachments"][attached] = [stub["content_type"], len(data), hashlib.sha256(data).hexdigest()]
            found[change["id"], each["rev"]] = document
    return found, ask(f"{path}/_security"), local(path)


def local(path):
    """The value of the local document, where there is one."""
    try:
        return ask(f"{path}/_local/mine")["value"]
    except urllib.error.HTTPError:
        return None


def test_everything_comes_through_onto_another_instance(couchdb, url, tmp_path):
    people(url)
    fill(url, "mysite_main", many=205)
    fill(url, f"mysite_{ODD}")
    ask(f"{url}mysite-staging_old", "PUT")
    ask(f"{url}other_main", "PUT")
    before = {name: seen(url, name) for name in ("mysite_main", f"mysite_{ODD}")}
    answer = couchdb("dump", "mysite", str(tmp_path))
    assert answer["counts"] == couchdb("inspect", "mysite")["counts"]
    assert answer["counts"]["databases"] == 2
    assert answer["counts"]["docs"] == 205 + 5 + 2 * (6 + 6 + 2)
    assert answer["counts"]["attachments"] == 2 * 5
    assert answer["consistency"]
    ask(f"{url}_users/{quoted('org.couchdb.user:ada')}?rev={user(url, 'ada')['_rev']}", "DELETE")
    prepared = couchdb("prepare", "mysite-staging", str(tmp_path), "abcd1234")
    assert prepared["counts"] == answer["counts"]
    scratch = prepared["environ"]["COUCHDB_PREFIX"]
    assert ask(f"{url}{quoted(scratch)}main")["doc_count"] == answer["counts"]["docs_by_database"]["main"]
    assert "mysite-staging_old" in ask(f"{url}_all_dbs")
    couchdb("activate", "mysite-staging", "abcd1234")
    couchdb("activate", "mysite-staging", "abcd1234")
    names = [name for name in ask(f"{url}_all_dbs") if not name.startswith("_")]
    ours = [f"mysite-staging_{ODD}", "mysite-staging_main", f"mysite_{ODD}", "mysite_main", "other_main"]
    assert sorted(names) == ours
    for name, (docs, rights, mine) in before.items():
        found, new, kept = seen(url, name.replace("mysite_", "mysite-staging_"))
        assert found == docs
        assert json.dumps(new) == json.dumps(rights).replace("web-mysite", "web-mysite-staging")
        assert kept in (mine, None)
        assert seen(url, name) == (docs, rights, mine)
    assert ask(f"{url.replace('root:hush', 'ada:ada%27s')}mysite-staging_main")["doc_count"]
    assert user(url, "grace")["roles"] == ["editors"]


def user(url, name):
    return ask(f"{url}_users/{quoted(f'org.couchdb.user:{name}')}")


def test_a_dump_is_json_lines_for_whoever_has_zstd(couchdb, url, tmp_path):
    fill(url, "mysite_main")
    answer = couchdb("dump", "mysite", str(tmp_path))
    (member,) = answer["members"]
    data = (tmp_path / member["name"]).read_bytes()
    assert (member["size"], member["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    lines = [json.loads(line) for line in subprocess.check_output(["zstd", "-dc"], input=data).splitlines()]
    assert [line["_database"] for line in lines if "_database" in line] == ["main", "_users"]
    assert max(len(json.dumps(line)) for line in lines) < 1.2 * 2**20
    documents = [line for line in lines if "_id" in line and not line["_id"].startswith("_local/")]
    assert [each["_id"] for each in documents[-2:]] == ["_design/views", "_design/strict"]
    plain = [each for each in documents if each["_id"] != "attached"]
    ask(f"{url}other", "PUT")
    for part in (plain[:-2], plain[-2:]):
        ask(f"{url}other/_bulk_docs", "POST", {"docs": part, "new_edits": False})
    assert ask(f"{url}other")["doc_count"] == answer["counts"]["docs"] - 1


@pytest.mark.parametrize("damage", ["cut", "other", "short"])
def test_a_damaged_dump_leaves_everything_as_it_was(couchdb, url, tmp_path, damage):
    fill(url, "mysite_main")
    before = seen(url, "mysite_main")
    (member,) = couchdb("dump", "mysite", str(tmp_path))["members"]
    path = tmp_path / member["name"]
    lines = subprocess.check_output(["zstd", "-dc", str(path)]).splitlines(keepends=True)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    else:
        kept = {"other": [b'{"x": 1}\n'], "short": lines[:-1]}[damage]
        path.write_bytes(subprocess.check_output(["zstd", "-c"], input=b"".join(kept)))
    with pytest.raises((RuntimeError, ValueError)):
        couchdb("prepare", "mysite", str(tmp_path), "abcd1234")
    assert [name for name in ask(f"{url}_all_dbs") if not name.startswith("_")] == ["mysite_main"]
    assert seen(url, "mysite_main") == before


def test_a_load_that_was_killed_is_finished_or_swept_away(couchdb, url, tmp_path, loaders, monkeypatch):
    fill(url, "mysite_main")
    before = seen(url, "mysite_main")[0]
    couchdb("dump", "mysite", str(tmp_path))
    couchdb("prepare", "mysite", str(tmp_path), "aaaaaaaa")
    ask(f"{url}mysite_later", "PUT")
    ask(f"{url}mysite_main", "DELETE")  # where a kill left it: between two databases
    couchdb("activate", "mysite", "aaaaaaaa")
    assert seen(url, "mysite_main")[0] == before
    assert "mysite_later" not in ask(f"{url}_all_dbs")
    couchdb("prepare", "mysite", str(tmp_path), "bbbbbbbb")
    couchdb("prepare", "mysite", str(tmp_path), "cccccccc")
    assert not [name for name in ask(f"{url}_all_dbs") if "bbbbbbbb" in name]
    couchdb("discard", "mysite", "cccccccc")
    couchdb("discard", "mysite", "cccccccc")
    assert [name for name in ask(f"{url}_all_dbs") if not name.startswith("_")] == ["mysite_main"]


def altered(folder, change):
    """Change the lines of a dump."""
    path = folder / "couchdb.jsonl.zst"
    lines = subprocess.check_output(["zstd", "-dc", str(path)]).splitlines(keepends=True)
    path.write_bytes(subprocess.check_output(["zstd", "-c"], input=change(lines)))


def test_a_dump_lets_nobody_into_what_else_is_on_the_server(couchdb, url, tmp_path, loaders, patch_module):
    people(url)
    fill(url, "mysite_main")
    couchdb("dump", "mysite", str(tmp_path))
    names = ("ada", "mallory", "web-other")
    users = [{"_id": f"org.couchdb.user:{name}", "name": name, "type": "user", "roles": []} for name in names]
    users = [{**user, "password": "mine"} for user in users]
    users += [{"_id": "_design/_auth", "name": "x", "validate_doc_update": "function () {}"}]
    altered(tmp_path, lambda lines: b"".join([*lines, *(json.dumps(user).encode() + b"\n" for user in users)]))
    server = loaders.modules.kw_couchserver.of("mysite")
    server.outside = False  # as on the node itself
    patch_module("kw_couchdb", _server=lambda instance: server)
    before, rules = user(url, "ada"), ask(f"{url}_users/_design%2F_auth")
    couchdb("prepare", "mysite", str(tmp_path), "abcd1234")
    couchdb("activate", "mysite", "abcd1234")
    assert (user(url, "ada"), ask(f"{url}_users/_design%2F_auth")) == (before, rules)
    assert user(url, "mallory")["name"] == "mallory"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        user(url, "web-other")


def test_a_line_is_no_larger_than_memory(couchdb, url, tmp_path, patch_module):
    fill(url, "mysite_main")
    couchdb("dump", "mysite", str(tmp_path))
    patch_module("kw_couchdump", LONGEST=2**22)
    altered(tmp_path, lambda lines: lines[0] + b'{"_database": "' + b"x" * 2**23)
    with pytest.raises(RuntimeError, match="a line has more than 4 MB"):
        couchdb("prepare", "mysite", str(tmp_path), "abcd1234")


def test_what_it_tells_of_the_server(couchdb, url, patch_module):
    fill(url, "mysite_main")
    assert couchdb("health", "mysite") == {"ok": True, "detail": "1 databases answer"}
    assert couchdb("environ", "mysite") == {"COUCHDB_URL": url, "COUCHDB_PREFIX": "mysite_"}
    found = couchdb("inspect", "mysite", detail=True)
    assert found["detail"]["databases"][0]["count"] == found["counts"]["docs"]
    assert found["version"]
    assert couchdb("remnants", "mysite") == ["tables", "database"]
    assert couchdb("drop", "mysite", "tables") is True
    assert couchdb("inspect", "mysite")["counts"]["docs"] == 0
    assert couchdb("drop", "mysite", "tables") is False
    assert couchdb("drop", "mysite", "database") is True
    assert couchdb("remnants", "mysite") == []
    wrong = url.replace("hush", "wrong")
    patch_module(
        "kw_service", __pillar__={"kraftwerk": {"instances": {"mysite": {"options": {"couchdb": {"url": wrong}}}}}}
    )
    answer = couchdb("health", "mysite")
    assert answer["ok"] is False
    assert "401" in answer["detail"] and "wrong" not in answer["detail"]


def test_a_console_shows_no_password(couchdb, url):
    found = couchdb("console", "mysite")
    assert "hush" not in " ".join(found["argv"])
    shell = [*found["argv"][:2], found["argv"][2].replace("bash --norc", "curl -s $COUCHDB_URL/_session; ps -ef; env")]
    said = subprocess.run(
        shell, env={**os.environ, **found["environ"]}, capture_output=True, text=True, check=True
    ).stdout
    assert '"name":"root"' in said
    assert "root:hush" not in said
