"""Backup points: whole or not there, in a folder and in a bucket."""

import hashlib
import io
import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from kraftwerk import secret
from tests import object_server

PART, SIZE = 100_000, 250_000
INDEX = {"instance": "site", "node": "blue", "point": "20261120T030000"}
NAMES = [*(f"site/blue/20261120T030000/{number:05}" for number in range(3)), "site/blue/20261120T030000.json"]


@pytest.fixture(scope="module")
def server():
    with object_server.running() as server:
        yield server


@pytest.fixture(params=["local", "s3"])
def store(request, patch_module, tmp_path):
    patch_module("kw_store", DELAYS=(0.01,), _drivers={})
    patch_module("kw_point", PART=PART)
    if request.param == "local":
        return {"url": f"local:{tmp_path}/points"}
    server = request.getfixturevalue("server")
    server.reset()
    return server.store


@pytest.fixture
def call(loaders):
    return lambda function, *arguments: loaders.modules[function](*arguments)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "site.kw"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def put(call, store, archive, tmp_path):
    return lambda recipients=(), **more: call(
        "kw_point.put", store, {**INDEX, **more}, str(archive), str(tmp_path), recipients
    )


def test_a_point_comes_back_as_it_was(call, store, archive, put, tmp_path):
    index = put(release=3)
    assert [part["size"] for part in index["parts"]] == [PART, PART, SIZE - 2 * PART]
    assert sorted(call("kw_store.names", store)) == sorted(NAMES)
    found = call("kw_point.found", store, "site")
    assert found == [{**index, "verified": None}] and found[0]["release"] == 3
    assert call("kw_point.fetch", store, found[0], str(tmp_path / "back")) == SIZE
    assert (tmp_path / "back").read_bytes() == archive.read_bytes()
    assert not list(tmp_path.glob("*part*"))


def test_what_somebody_else_wrote_into_the_store_is_no_point(call, store, put):
    index = put()
    later = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y%m%dT%H%M%S")
    for point in ("99999999T999999", later):
        call("kw_store.write", store, f"site/blue/{point}.json", json.dumps({**index, "point": point}))
        call("kw_store.write", store, f"site/blue/{point}/00000", "x")
    odd = {**index, "point": "20261119T030000", "parts": [{"size": -1, "sha256": ""}]}
    call("kw_store.write", store, "site/blue/20261119T030000.json", json.dumps(odd))
    call("kw_store.write", store, "site/blue/20261120T030000.verified", "[")
    assert call("kw_point.found", store, "site") == [{**index, "verified": None}]
    assert call("kw_point.leftovers", store, "site") == {}
    assert [line["action"] for line in call("kw_prune.plan", store, "site", "1d")] == ["keep"]


def test_a_part_is_no_larger_than_its_index_says(call, store, put, tmp_path):
    index = put()
    call("kw_store.write", store, NAMES[1], os.urandom(PART + 1))
    with pytest.raises(RuntimeError, match=f"larger than {PART} bytes"):
        call("kw_point.fetch", store, index, str(tmp_path / "back"))
    assert not list(tmp_path.glob("back*"))


def test_an_empty_archive_is_a_point_too(call, store, archive, put, tmp_path):
    archive.write_bytes(b"")
    assert call("kw_point.fetch", store, put(), str(tmp_path / "back")) == 0


@pytest.mark.skipif(not shutil.which("age"), reason="needs age")
def test_who_makes_an_encrypted_point_can_not_read_it(call, store, archive, put, tmp_path):
    identity = tmp_path / "identity"
    secret.make_identity(identity)
    key = identity.read_text().split("public key: ")[1].split()[0]
    index = put((key,))
    assert index["encryption"] == {"kind": "age", "recipients": [key]}
    call("kw_point.fetch", store, index, str(tmp_path / "back"))
    stored = (tmp_path / "back").read_bytes()
    assert archive.read_bytes()[:1000] not in stored
    assert b"".join(secret.decrypted(iter(io.BytesIO(stored).read1, b""), identity)) == archive.read_bytes()


@pytest.mark.skipif(not shutil.which("age"), reason="needs age")
def test_a_key_that_is_none(call, store, put):
    with pytest.raises(RuntimeError, match=r"^age: "):
        put(("age1nonsense",))
    assert call("kw_store.names", store) == {}


def test_an_altered_part_is_found(call, store, put, tmp_path):
    index = put()
    call("kw_store.write", store, NAMES[1], b"x" * PART)
    with pytest.raises(RuntimeError, match=f"20261120T030000 is damaged: {NAMES[1]} is not what was written there"):
        call("kw_point.fetch", store, index, str(tmp_path / "back"))
    assert not (tmp_path / "back").exists()
    call("kw_store.delete", store, NAMES[2])
    with pytest.raises(RuntimeError):
        call("kw_point.fetch", store, index, str(tmp_path / "back"))


def test_a_point_that_fails_leaves_nothing(call, server, put, patch_module, request):
    if "s3" not in request.node.name:
        pytest.skip("a bucket fails on demand")
    server.faults(room=SIZE)  # two parts and the index, but not the third
    with pytest.raises(RuntimeError, match="is full"):
        put()
    assert server.objects() == {}


def test_parts_without_an_index_are_no_point(call, store, put):
    put()
    call("kw_store.delete", store, NAMES[-1])
    assert call("kw_point.found", store, "site") == []
    assert call("kw_point.leftovers", store, "site", "blue") == {"blue": {"20261120T030000": SIZE}}
    put(point="20261121T030000")
    assert call("kw_point.leftovers", store, "site") == {"blue": {"20261120T030000": SIZE}}
    assert [each["point"] for each in call("kw_point.found", store, "site")] == ["20261121T030000"]


def test_points_of_other_instances_and_nodes(call, store, put):
    put()
    put(node="green")
    put(instance="site-staging")
    assert [each["node"] for each in call("kw_point.found", store, "site")] == ["blue", "green"]
    assert len(call("kw_point.found", store, "site", "green")) == 1
    call("kw_point.discard", store, {**INDEX, "node": "green"})
    assert [each["node"] for each in call("kw_point.found", store, "site")] == ["blue"]
    assert len(call("kw_point.found", store, "site-staging")) == 1


def test_a_rehearsal_is_recorded_beside_the_point(call, store, put):
    index = put()
    call("kw_point.verified", store, index, {"at": "2026-11-20T04:00:00+00:00"})
    assert call("kw_point.found", store, "site")[0]["verified"]["at"] == "2026-11-20T04:00:00+00:00"
    call("kw_store.write", store, "site/blue/20261120T030000.verified", "no json")
    assert call("kw_point.found", store, "site")[0]["verified"] is None
    call("kw_point.discard", store, index)
    assert call("kw_store.names", store) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"[]", b"{}", {"parts": None}, {"node": "green"}, {"format": 9}, {"parts": [{"size": "x"}]}],
)
def test_an_index_that_makes_no_sense_is_passed_over(call, store, put, content):
    index = put()
    altered = content if isinstance(content, bytes) else json.dumps({**index, **content})
    call("kw_store.write", store, NAMES[-1], altered)
    assert call("kw_point.found", store, "site") == []


@pytest.mark.parametrize("wrong", [{"node": "../x"}, {"instance": "a/../b"}, {"point": "now"}, {"node": ".."}])
def test_names_that_lead_elsewhere(call, store, wrong):
    with pytest.raises(ValueError, match="is no point"):
        call("kw_point.discard", store, {**INDEX, **wrong})


def plan(call, store, policy):
    return {(line["point"], line["action"]) for line in call("kw_prune.plan", store, "site", policy)}


def test_pruning_keeps_the_newest_and_clears_what_was_killed_long_ago(call, store, put):
    for day in ("18", "19", "20"):
        put(point=f"202611{day}T030000")
    put(point="20261001T030000")
    call("kw_store.delete", store, "site/blue/20261001T030000.json")
    call("kw_point.verified", store, {**INDEX, "point": "20261118T030000"}, {"at": "2026-11-20T04:00:00+00:00"})
    assert plan(call, store, "1d") == {
        ("20261001T030000", "clear"),
        ("20261118T030000", "keep"),
        ("20261119T030000", "remove"),
        ("20261120T030000", "keep"),
    }
    lines = call("kw_prune.plan", store, "site", "1d")
    call("kw_prune.carry_out", store, lines)
    assert plan(call, store, "1d") == {("20261118T030000", "keep"), ("20261120T030000", "keep")}
    assert len(call("kw_store.names", store)) == 2 * 4 + 1


def ago(**length):
    return (datetime.now(UTC) - timedelta(**length)).strftime("%Y%m%dT%H%M%S")


@pytest.mark.parametrize(
    ("age", "there", "elsewhere"),
    [({"hours": 1}, [], []), ({"days": 2}, ["clear"], []), ({"days": 8}, ["clear"], ["clear"])],
)
def test_parts_of_a_backup_that_may_still_run_are_left_alone(call, store, put, age, there, elsewhere):
    """Its own node knows after a day that it doesn't; others wait for a week, and see nodes that have no point, too."""
    point = ago(**age)
    put(point=point)
    call("kw_store.delete", store, f"site/blue/{point}.json")
    assert [line["action"] for line in call("kw_prune.plan", store, "site", "1d", "blue")] == there
    assert [line["action"] for line in call("kw_prune.plan", store, "site", "1d")] == elsewhere
    call("kw_prune.clear", store, "site", "blue")
    assert bool(call("kw_store.names", store)) == (not there)


def test_a_backup_in_the_same_second_has_a_name_of_its_own(call, store, put):
    created = "2026-11-20T03:00:00.700000+00:00"
    assert call("kw_point.fresh", store, "site", "blue", created) == "20261120T030000"
    put()
    put(point="20261120T030001")
    call("kw_store.delete", store, "site/blue/20261120T030001.json")
    assert call("kw_point.fresh", store, "site", "blue", created) == "20261120T030002"
    assert call("kw_point.fresh", store, "site", "green", created) == "20261120T030000"


def test_points_that_are_deleted_while_they_are_listed(call, store, put, loaders, patch_module):
    put()
    put(point="20261121T030000")
    read = loaders.modules["kw_store.read"]

    def late(store, name):
        call("kw_store.delete", store, NAMES[-1])
        return read(store, name)

    patch_module("kw_point", __salt__={**loaders.modules, "kw_store.read": late})
    assert [each["point"] for each in call("kw_point.found", store, "site")] == ["20261121T030000"]


def test_a_part_is_hashed_as_it_is_written(archive, put):
    first = put()["parts"][0]
    assert first["sha256"] == hashlib.sha256(archive.read_bytes()[:PART]).hexdigest()
