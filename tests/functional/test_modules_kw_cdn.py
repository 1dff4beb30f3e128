"""kw_cdn: what of a release's static files goes into a bucket, in which order, and what it is served as from there."""

import re
import urllib.error
import urllib.request

import pytest

from tests import object_server

FOREVER, HOUR = "public, max-age=31536000, immutable", "public, max-age=3600"
STYLE, HASHED = "static/site.css", "static/site.55e7cbb9ba48.css"


@pytest.fixture(scope="module")
def server():
    with object_server.running() as server:
        yield server


@pytest.fixture
def store(server, patch_module):
    """Return a folder of a bucket without faults that everybody may read; tries follow each other quickly."""
    server.reset()
    patch_module("kw_store", DELAYS=(0.01, 0.01), _drivers={})
    return {**server.store, "url": f"{server.url.replace('/backups', '/production')}&acl=public-read"}


@pytest.fixture
def folder(tmp_path):
    """Return a folder of static files as Django collects them."""
    for name, text in {
        "site.css": "body {}",
        "site.55e7cbb9ba48.css": "body{}",
        "staticfiles.json": "{}",
        "img/logo.svg": "<svg/>",
        "empty.js": "",
    }.items():
        (tmp_path / "static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "static" / name).write_text(text)
    return tmp_path / "static"


@pytest.fixture
def push(loaders, store, folder):
    def call(cache_control=HOUR, **keys):
        return loaders.modules["kw_cdn.push"]({"/static/": str(folder)}, {**store, **keys}, cache_control)

    return call


@pytest.fixture
def asked(server):
    """Return what was asked of the server since the last time, without looks at the bucket itself."""
    seen = [0]

    def since():
        requests = server.requests()[seen[0] :]
        seen[0] += len(requests)
        return [each for each in requests if each not in ("HEAD /points", "HEAD /points/")]

    return since


def puts(requests):
    return {each.removeprefix("PUT /points/production/") for each in requests if each.startswith("PUT")}


def visited(server, name):
    """Return what a CDN gets of an object: content, type and Cache-Control."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{server.address}/points/production/{name}", timeout=20) as answer:
        return answer.read().decode(), answer.headers["Content-Type"], answer.headers["Cache-Control"]


def test_files_are_there_with_their_type_and_for_how_long_they_may_be_kept(push, server):
    assert push() == {"files": 4, "sent": 4, "size": 19, "changed": []}
    assert visited(server, STYLE) == ("body {}", "text/css; charset=utf-8", HOUR)
    assert visited(server, HASHED) == ("body{}", "text/css; charset=utf-8", FOREVER)
    assert visited(server, "static/img/logo.svg") == ("<svg/>", "image/svg+xml", HOUR)
    assert visited(server, "static/empty.js") == ("", "text/javascript; charset=utf-8", HOUR)
    assert "production/static/staticfiles.json" not in server.objects()


def test_what_is_there_takes_a_listing_and_no_more(push, asked, folder):
    push()
    asked()
    assert push() == {"files": 4, "sent": 0, "size": 0, "changed": []}
    assert asked() == ["GET /points"]
    (folder / "new.js").write_text("1")
    assert push()["sent"] == 1
    assert puts(asked()) == {"static/new.js", "static/.kraftwerk"}


def test_a_letter_that_changed_is_seen_and_old_files_stay(push, server, asked, folder):
    push()
    asked()
    (folder / "img/logo.svg").write_text("<svg.>")  # as long as before
    (folder / "site.css").write_text("body { }")
    (folder / "site.55e7cbb9ba48.css").rename(folder / "site.0123456789ab.css")
    assert push() == {"files": 4, "sent": 3, "size": 20, "changed": ["static/img/logo.svg"]}
    sent = [each for each in asked() if each.startswith("PUT")]
    assert sent[0] == "PUT /points/production/static/site.0123456789ab.css", "what replaces nothing goes first"
    assert f"production/{HASHED}" in server.objects()


def test_what_somebody_else_did_in_the_bucket_is_put_right(push, server, loaders, store, tmp_path):
    push()
    (tmp_path / "other").write_text("evil{}")
    loaders.modules["kw_store.put"](store, HASHED, str(tmp_path / "other"))
    assert push()["sent"] == 1
    assert visited(server, HASHED)[0] == "body{}"


def test_other_rules_send_all_anew(push, server):
    push()
    assert push("no-cache")["sent"] == 4
    assert visited(server, STYLE)[2] == "no-cache" and visited(server, HASHED)[2] == FOREVER
    private = f"s3://points/production?endpoint={server.address}"
    found = push("no-cache", url=private)
    assert (found["sent"], found["changed"]) == (4, [])
    with pytest.raises(urllib.error.HTTPError, match="403"):
        visited(server, STYLE)
    assert push("no-cache", url=private)["sent"] == 0


def test_where_no_md5_is_listed_a_name_with_a_hash_tells(push, store, asked):
    keyed = f"{store['url']}&encryption=aws:kms"
    push(url=keyed)
    asked()
    assert push(url=keyed) == {"files": 4, "sent": 3, "size": 13, "changed": []}
    assert HASHED not in puts(asked())


def test_a_bucket_that_refuses_in_the_midst_of_it_keeps_what_others_use(push, server, folder):
    push()
    (folder / "site.css").write_text("body { color: red }")
    for number in range(30):
        (folder / f"part{number:02}.js").write_text("0123456789")
    server.faults(room=100)
    with pytest.raises(RuntimeError, match=r"^s3://points is full: .*507"):
        push()
    server.faults()
    assert visited(server, STYLE)[0] == "body {}"
    assert push()["sent"] < 31
    assert visited(server, STYLE)[0] == "body { color: red }"


def test_a_bad_line_is_no_failure(push, server):
    server.faults(error=2)
    assert push()["sent"] == 4
    assert re.fullmatch("body.*", visited(server, STYLE)[0])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.woff2", "font/woff2"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.CSS", "text/css; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.css.gz", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_types_are_the_same_whatever_a_node_has_installed(loaders, name, kind):
    assert loaders.modules["kw_cdn.headers"](name, HOUR) == [kind, {"Cache-Control": HOUR}]


@pytest.mark.parametrize("name", ["a.000000000001.css", "a.5e7cbb9ba48.css", "jquery-3.7.1.js", "55e7cbb9ba48"])
def test_a_name_without_a_hash_is_not_kept_for_ever(loaders, name):
    assert loaders.modules["kw_cdn.headers"](name, HOUR)[1] == {"Cache-Control": HOUR}
