"""Stores of backup points: what is in them is what was given, whatever the server does in between."""

import os
import resource
import signal
from collections import Counter

import pytest

from tests import object_server
from tests.object_server import KEY, PAGE, SECRET

SIZE = 3_000_000


@pytest.fixture(scope="module")
def server():
    with object_server.running() as server:
        yield server


@pytest.fixture
def store(server, patch_module):
    """Return the store of an S3 server without faults; tries follow each other quickly."""
    server.reset()
    patch_module("kw_store", DELAYS=(0.01, 0.01, 0.01), _drivers={})
    return server.store


@pytest.fixture
def kw_store(loaders):
    return lambda function, *arguments: loaders.modules[f"kw_store.{function}"](*arguments)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "given"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(params=["local", "s3"])
def any_store(request, tmp_path):
    if request.param == "s3":
        return request.getfixturevalue("store")
    return {"url": f"local:{tmp_path}/points"}


def test_what_is_put_is_there_and_goes_again(kw_store, any_store, file, tmp_path):
    kw_store("put", any_store, "site/blue/1/00000", str(file))
    kw_store("write", any_store, "site/blue/1.json", "{}")
    kw_store("write", any_store, "site-staging/blue/1.json", b"{}")
    assert kw_store("names", any_store, "site/") == {"site/blue/1.json": 2, "site/blue/1/00000": SIZE}
    assert len(kw_store("names", any_store)) == 3
    kw_store("get", any_store, "site/blue/1/00000", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == file.read_bytes()
    assert (tmp_path / "got").stat().st_mode & 0o777 == 0o600
    assert kw_store("read", any_store, "site/blue/1.json") == b"{}"
    for name in ("site/blue/1/00000", "site/blue/1.json", "site/blue/none"):
        kw_store("delete", any_store, name)
    assert list(kw_store("names", any_store)) == ["site-staging/blue/1.json"]
    with pytest.raises(RuntimeError, match=r"site/blue/1.json is not there$"):
        kw_store("read", any_store, "site/blue/1.json")


def test_an_object_is_replaced(kw_store, any_store, file):
    kw_store("write", any_store, "name", "old")
    kw_store("write", any_store, "name", "new")
    assert kw_store("read", any_store, "name") == b"new"


@pytest.mark.parametrize("fault", ["error", "cut", "corrupt", "unread"])
def test_failures_that_pass(kw_store, store, server, file, fault):
    server.faults(**{fault: 2})
    kw_store("put", store, "part", str(file))
    assert server.objects() == {"backups/part": SIZE}
    assert Counter(server.faults())["PUT /points/backups/part"] == {"unread": 1}.get(fault, 3)
    kw_store("get", store, "part", str(file) + ".back")
    with open(str(file) + ".back", "rb") as back:
        assert back.read() == file.read_bytes()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"error": 99}, r"^s3://points: .*500"),
        ({"cut": 99}, r"^s3://points: .*(aborted|reset|closed|[Bb]roken)"),
        ({"corrupt": 99}, r"^s3://points: part is not what was written; 3 times$"),
        ({"unread": 99}, r"^s3://points: .*503"),
    ],
)
def test_failures_that_stay(kw_store, store, server, file, fault, words):
    server.faults(**fault)
    with pytest.raises(RuntimeError, match=words):
        kw_store("put", store, "part", str(file))
    assert Counter(server.faults())["PUT /points/backups/part"] == {"corrupt": 3, "unread": 1}.get(next(iter(fault)), 4)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"room": SIZE - 1}, "s3://points is full: .*507"),
        ({"skew": True}, r"the clocks differ too much; here it is \d\d:\d\d UTC"),
    ],
)
def test_failures_that_no_other_try_would_mend(kw_store, store, server, file, fault, words):
    kw_store("write", store, "before", "connected")
    server.faults(**fault)
    with pytest.raises(RuntimeError, match=words):
        kw_store("put", store, "part", str(file))
    assert Counter(server.faults())["PUT /points/backups/part"] == 1


@pytest.mark.parametrize(
    ("wrong", "words"), [({"access_key": "AKIANOBODY"}, "InvalidAccessKeyId"), ({"secret_key": "x"}, "SignatureDoes")]
)
def test_wrong_credentials(kw_store, store, file, wrong, words):
    with pytest.raises(RuntimeError, match=rf"^s3://points refuses the access key or secret key: {words}") as error:
        kw_store("put", {**store, **wrong}, "part", str(file))
    assert SECRET not in str(error.value) and "AKIANOBODY" not in str(error.value)


def test_no_credentials(kw_store, store):
    with pytest.raises(RuntimeError, match="no access key"):
        kw_store("names", {"url": store["url"]})


def test_a_bucket_that_is_not_there(kw_store, store, file):
    elsewhere = {**store, "url": store["url"].replace("points", "nowhere")}
    with pytest.raises(RuntimeError, match=r"^s3://nowhere: there is no such bucket; make it there first$"):
        kw_store("put", elsewhere, "part", str(file))


def test_nobody_listens(kw_store, store, file):
    elsewhere = {**store, "url": "s3://points?endpoint=http://127.0.0.1:9"}
    with pytest.raises(RuntimeError, match=r"^s3://points: .*refused"):
        kw_store("put", elsewhere, "part", str(file))


def test_a_server_that_says_nothing(kw_store, store, server, file, patch_module):
    patch_module("kw_bucket", TIMEOUT=0.2)
    server.faults(late=1, seconds=1)
    kw_store("put", store, "part", str(file))
    assert Counter(server.faults())["PUT /points/backups/part"] == 2


def test_the_sum_that_the_server_returned_can_be_trusted_instead(kw_store, store, server, file):
    kw_store("put", {**store, "url": store["url"] + "&readback=hash"}, "part", str(file))
    assert not [each for each in server.faults() if each.startswith("GET")]


def test_what_a_killed_put_left_in_a_folder_goes_with_the_object(kw_store, tmp_path):
    store = {"url": f"local:{tmp_path}/points"}
    kw_store("write", store, "site/blue/1.json", "{}")
    (tmp_path / "points/site/blue/1.json.part").write_bytes(b"x")
    kw_store("delete", store, "site/blue/1.json")
    assert kw_store("names", store) == {}


def test_a_folder_s_full_disk_leaves_no_half(kw_store, file, tmp_path):
    """A file of any size is too large for a limit of our own, which the kernel minds as it minds a disk's end."""
    store, limit = {"url": f"local:{tmp_path}/points"}, resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, limit[1]))
    try:
        with pytest.raises(RuntimeError, match=rf"^{tmp_path}/points: File too large$"):
            kw_store("put", store, "site/part", str(file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert kw_store("names", store) == {}
    assert not (tmp_path / "points/site").exists()


def test_more_objects_than_a_page(kw_store, store, server):
    wanted = [f"many/{number:02}" for number in range(2 * PAGE + 1)]
    for name in wanted:
        kw_store("write", store, name, "x")
    assert list(kw_store("names", store, "many/")) == wanted


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("local:relative", "is followed by a folder"),
        ("local:/", "is followed by a folder"),
        ("local:/a/../etc", "is followed by a folder"),
        ("ftp://host/folder", "is no address of a store; there are local:/folder, s3://bucket"),
        ("s3://", "is no address"),
        ("libcloud:minio", "is no address"),
        (f"s3://{KEY}:{SECRET}@bucket", "an address holds no credentials"),
        (f"s3://bucket?secret_key={SECRET}", "an address holds no credentials"),
        ("s3://bucket?readback=maybe", "readback is whole or hash"),
    ],
)
def test_addresses_that_make_no_sense(kw_store, url, words):
    with pytest.raises(ValueError, match=words) as error:
        kw_store("parse", url)
    assert SECRET not in str(error.value)


def test_addresses(kw_store):
    assert kw_store("parse", "s3://bucket/some/folder/?region=fsn1&endpoint=https://host:1") == {
        "kind": "s3",
        "provider": "s3",
        "bucket": "bucket",
        "prefix": "some/folder",
        "options": {"region": "fsn1", "endpoint": "https://host:1"},
    }
    assert kw_store("parse", "libcloud:minio/bucket/folder?host=h")["provider"] == "minio"
    assert kw_store("parse", "local:/var/backups/")["bucket"] == "/var/backups"
    for kind in ("gs", "azure", "b2", "swift"):
        assert kw_store("parse", f"{kind}://bucket")["bucket"] == "bucket"
