import json
from dataclasses import replace

import pytest

from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Member, ServiceDump, parse, service_dump
from tests.manifests import manifest_of

DIGEST = "0" * 64
POSTGRES = ServiceDump("postgres", "15.14", (Member("database.pgdump", 3, DIGEST),), {"tables": 10, "rows": 31})
FILES = ServiceDump("files", "1", (Member("files.tar.zst", 5, DIGEST),), {"files": 0, "by": {"ä\n": 1}})
MANIFEST = manifest_of(POSTGRES, FILES)


def plain():
    return json.loads(MANIFEST.as_bytes())


def cause(content) -> str:
    with pytest.raises(KraftwerkError) as raised:
        parse(content if isinstance(content, bytes) else json.dumps(content).encode())
    assert "\n" not in str(raised.value)
    return raised.value.cause


def test_round_trip():
    assert parse(MANIFEST.as_bytes()) == MANIFEST
    assert MANIFEST.service("files").size == 5


def test_the_first_layout_lacks_what_the_second_added():
    old = replace(MANIFEST, format=1)
    assert parse(old.as_bytes()) == old
    assert "frozen" not in json.loads(old.as_bytes())


def test_blanks_fill_it_up():
    padded = MANIFEST.as_bytes(5000)
    assert len(padded) == 5000 and padded.endswith(b" \n")
    assert parse(padded) == MANIFEST


def test_no_release_yet():
    manifest = replace(MANIFEST, release=None)
    assert parse(manifest.as_bytes()).release is None


def test_checksums_name_every_file():
    names = [line.split("  ")[1] for line in MANIFEST.checksums().decode().splitlines()]
    assert names == ["manifest.json", "postgres/database.pgdump", "files/files.tar.zst"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_no_json(content):
    assert cause(content) == "manifest.json is no JSON"


def test_another_format_is_told_apart_from_damage():
    assert "format 3 is not known" in cause({**plain(), "format": 3})
    assert cause([]) == "manifest.json has no format version"
    assert cause({**plain(), "format": True}) == "manifest.json has no format version"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("project",), "../etc", "project is no proper name"),
        (("node",), "-oProxyCommand=x", "node is no proper name"),
        (("instance",), "a\nb", "instance is no proper name"),
        (("release",), -1, "release is no whole number from 0 on"),
        (("created",), "yesterday", "created is no time with a time zone"),
        (("created",), "2026-11-20T10:12:00", "created is no time with a time zone"),
        (("kraftwerk",), "0\x1b[2J", "kraftwerk is no line of text"),
        (("services", 0, "service"), "../../etc", "services[0].service is no proper name"),
        (("services", 0, "members", 0, "name"), "../passwd", "services[0].members[0].name is no proper name"),
        (("services", 0, "members", 0, "name"), "/etc/passwd", "services[0].members[0].name is no proper name"),
        (("services", 0, "members", 0, "name"), "-rf", "services[0].members[0].name is no proper name"),
        (("services", 0, "members", 0, "name"), "..", "services[0].members[0].name is no proper name"),
        (("services", 0, "members", 0, "name"), "x" * 4000, "services[0].members[0].name is no proper name"),
        (("services", 0, "members", 0, "size"), -1, "services[0].members[0].size is no whole number from 0 on"),
        (("services", 0, "members", 0, "size"), 1 << 70, "services[0].members[0].size is no whole number from 0 on"),
        (("services", 0, "members", 0, "size"), 3.0, "services[0].members[0].size is no whole number from 0 on"),
        (("services", 0, "members", 0, "sha256"), "A" * 64, "services[0].members[0].sha256 is no proper name"),
        (("services", 0, "counts"), [], "services[0].counts is no object"),
        (("services", 0, "counts", "rows"), "31", "services[0].counts.rows is no whole number from 0 on"),
        (("services", 0, "extra"), 1, "services[0].extra is not known"),
        (("services", 0, "consistency"), "a\nb", "services[0].consistency is no line of text"),
        (("frozen",), 1, "frozen is neither true nor false"),
        (("services",), {}, "services is no list"),
        (("services", 0), "postgres", "services[0] is no object"),
    ],
)
def test_what_does_not_fit_is_named(path, value, where):
    content = plain()
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert cause(content) == f"manifest.json: {where}"


def test_missing_key():
    content = plain()
    del content["node"]
    assert cause(content) == "manifest.json: node is missing"


def test_order_must_list_each_service_once():
    assert "order does not list" in cause({**plain(), "order": ["files", "postgres"]})
    twice = [plain()["services"][0]] * 2
    assert "order does not list" in cause({**plain(), "services": twice, "order": ["postgres", "postgres"]})


def test_members_are_named_once():
    content = plain()
    content["services"][0]["members"] *= 2
    assert cause(content) == "manifest.json: services[0] names a member twice"


def test_an_answer_of_a_module_is_checked_too():
    members = [{"name": "database.pgdump", "size": 3, "sha256": DIGEST}]
    answer = {"version": "15.14", "members": members, "counts": {"tables": 10, "rows": 31}}
    assert service_dump("postgres", answer) == POSTGRES
    with pytest.raises(KraftwerkError, match=r"kw_postgres\.dump broke its contract"):
        service_dump("postgres", {**answer, "members": [{"name": "../x", "size": 3, "sha256": DIGEST}]})
    with pytest.raises(KraftwerkError, match=r"kw_postgres\.dump answered 'no such database'"):
        service_dump("postgres", "no such database")
