"""Hundreds of archives that aren't right: neither the admin's reader nor the node's takes one, and nothing is left."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from kraftwerk import archive, extraction
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Member, ServiceDump
from tests.manifests import manifest_of, write
from tests.nodemodules import functions

CONTENTS = {
    ("postgres", "postgres.dump.zst"): random.Random(1).randbytes(3000),
    ("redis", "dump.rdb"): random.Random(2).randbytes(512),
    ("files", "uploads.tar.zst"): random.Random(3).randbytes(2048),
    ("files", "empty"): b"",
}


def member(service, name, content=None):
    content = CONTENTS[service, name] if content is None else content
    return Member(name, len(content), hashlib.sha256(content).hexdigest())


def dumped(service, **counts):
    return ServiceDump(service, "15", tuple(member(*key) for key in CONTENTS if key[0] == service), counts, "one point")


GOOD = manifest_of(dumped("postgres", rows=31, by={"a": 31}), dumped("redis", keys=2), dumped("files", files=1))


@contextmanager
def source(service, member):
    yield iter([CONTENTS[service, member.name]])


def good(tmp_path):
    path = tmp_path / "good.kw"
    write(path, GOOD, source)
    return path.read_bytes()


def packed(files):
    """Write a tar by other means: (name, content) or a header of one's own with its content."""
    out = io.BytesIO()
    for name, content in files:
        info = name
        if not isinstance(name, tarfile.TarInfo):
            info = tarfile.TarInfo.frombuf(archive.header("x", 0, archive.made(GOOD)), "ascii", "strict")
            info.name, info.size = name, len(content)
        out.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512))
    return out.getvalue() + bytes(1024)


def whole(manifest, members):
    """Write an archive that is right about itself, whatever its manifest says."""
    content = manifest if isinstance(manifest, bytes) else manifest.as_bytes()
    lines = [(hashlib.sha256(content).hexdigest(), "manifest.json")]
    lines += [(hashlib.sha256(data).hexdigest(), str(getattr(name, "name", name))) for name, data in members]
    sums = "".join(f"{digest}  {name}\n" for digest, name in lines).encode()
    return packed([("manifest.json", content), *members, ("SHA256SUMS", sums)])


MEMBERS = [("/".join(key), content) for key, content in CONTENTS.items()]


def truncated(data):
    chosen = random.Random(4)
    for size in [0, 1, 511, 512, len(data) - 1, len(data) - 512, len(data) - 1023]:
        yield f"{size} bytes", data[:size]
    for size in sorted(chosen.sample(range(2, len(data) - 1024), 60)):
        yield f"{size} bytes", data[:size]


def flipped(data):
    chosen = random.Random(5)
    for place in sorted(chosen.sample(range(len(data)), 90)):
        altered = bytearray(data)
        altered[place] ^= 1 << chosen.randrange(8)
        yield f"a bit at {place}", bytes(altered)


def rearranged(data):
    sums = GOOD.checksums()
    first = ("manifest.json", GOOD.as_bytes())
    for one in range(len(MEMBERS)):
        for other in range(one):
            swapped = list(MEMBERS)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            yield f"{other} and {one} swapped", packed([first, *swapped, ("SHA256SUMS", sums)])
            contents = list(MEMBERS)
            contents[one], contents[other] = (MEMBERS[one][0], MEMBERS[other][1]), (MEMBERS[other][0], MEMBERS[one][1])
            yield f"contents of {other} and {one} swapped", packed([first, *contents, ("SHA256SUMS", sums)])
        missing = [*MEMBERS[:one], *MEMBERS[one + 1 :]]
        yield f"{one} missing", packed([first, *missing, ("SHA256SUMS", sums)])
        twice = [*MEMBERS[: one + 1], *MEMBERS[one:]]
        yield f"{one} twice", packed([first, *twice, ("SHA256SUMS", sums)])
    yield "one more", packed([first, *MEMBERS, ("files/more", b"x"), ("SHA256SUMS", sums)])
    yield "one behind", packed([first, *MEMBERS, ("SHA256SUMS", sums), ("files/more", b"x")])
    yield "no checksums", packed([first, *MEMBERS])
    yield "checksums of nothing", packed([first, *MEMBERS, ("SHA256SUMS", b"")])
    yield "no manifest", packed([*MEMBERS, ("SHA256SUMS", sums)])
    yield "manifest last", packed([*MEMBERS, ("SHA256SUMS", sums), first])
    yield "rubbish behind", data + b"x"
    yield "two archives", data + data


def miscounted(data):
    text = GOOD.as_bytes()
    counts = [(b'"rows": 31', b'"rows": 32'), (b'"keys": 2', b'"keys": 0'), (b'"a": 31', b'"a": 13')]
    sizes = [(b'"size": 512', b'"size": 513'), (b'"size": 3000', b'"size": 2999')]
    words = [(b'"release": 1', b'"release": 2'), (b'"frozen": false', b'"frozen": true'), (b'"15"', b'"14"')]
    for old, new in [*counts, *sizes, *words, (b"one point", b"two point")]:
        assert old in text
        altered = [("manifest.json", text.replace(old, new, 1)), *MEMBERS, ("SHA256SUMS", GOOD.checksums())]
        yield f"{new.decode()} in the manifest alone", packed(altered)
    yield "a size too large", whole(text.replace(b'"size": 3000', b'"size": 3001'), MEMBERS)
    yield "a size beyond reason", whole(text.replace(b'"size": 3000', b'"size": 1152921504606846975'), MEMBERS)
    yield "another checksum", whole(text.replace(MEMBERS_SHA, b"0" * 64), MEMBERS)


MEMBERS_SHA = member("redis", "dump.rdb").sha256.encode()
NAMES = [
    "../x",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b",
    "-rf",
    "a\nb",
    "a\0b",
    "x" * 300,
    "x" * 100_000,
    "ä",
    "~root",
    "a b",
]


def misnamed(data):
    for name in NAMES:
        other = replace(GOOD.services[1], members=(member("redis", name, CONTENTS["redis", "dump.rdb"]),))
        manifest = replace(GOOD, services=(GOOD.services[0], other, GOOD.services[2]))
        members = [(f"redis/{name}" if key == "redis/dump.rdb" else key, content) for key, content in MEMBERS]
        yield f"member {name[:20]!r}", whole(manifest, members)
        service = replace(GOOD.services[1], service=name)
        manifest = replace(
            GOOD, order=("postgres", name, "files"), services=(GOOD.services[0], service, GOOD.services[2])
        )
        members = [(f"{name}/dump.rdb" if key == "redis/dump.rdb" else key, content) for key, content in MEMBERS]
        yield f"service {name[:20]!r}", whole(manifest, members)
        members = [(name if key == "redis/dump.rdb" else key, content) for key, content in MEMBERS]
        yield f"header alone {name[:20]!r}", whole(GOOD, members)
    longest = tarfile.TarInfo("redis/" + "x" * 5000)
    yield "a name in a block of its own", longest.tobuf(tarfile.GNU_FORMAT) + data
    yield "a name in a pax header", longest.tobuf(tarfile.PAX_FORMAT) + data


def disguised(data):
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
    kinds += [tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME]
    for kind in kinds:
        for target in ("/etc/shadow", "../../x"):
            info = tarfile.TarInfo.frombuf(archive.header("redis/dump.rdb", 512, archive.made(GOOD)), "ascii", "strict")
            info.type, info.linkname = kind, target
            members = [(info if key == "redis/dump.rdb" else key, content) for key, content in MEMBERS]
            yield f"type {kind!r} to {target}", whole(GOOD, members)


def strange(data):
    text = json.loads(GOOD.as_bytes())

    def changed(**keys):
        return whole(json.dumps({**text, **keys}, indent=2).encode() + b"\n", MEMBERS)

    yield "format 3", changed(format=3)
    yield "format 1.0", changed(format=1.0)
    yield "format true", changed(format=True)
    yield "an unknown key in a service", changed(services=[{**text["services"][0], "run": "id"}, *text["services"][1:]])
    yield "services twice", changed(services=text["services"] * 2, order=text["order"] * 2)
    yield "another order", changed(order=text["order"][::-1])
    yield "no services", changed(services=[], order=[])
    yield "services as text", changed(services="postgres")
    yield "members as text", changed(services=[{**text["services"][0], "members": "x"}, *text["services"][1:]])
    yield "counts as a list", changed(services=[{**text["services"][0], "counts": []}, *text["services"][1:]])
    size = {**text["services"][1]["members"][0]}
    for wrong in (-1, 1.5, "512", None, True, 1 << 70, [512]):
        services = [
            text["services"][0],
            {**text["services"][1], "members": [{**size, "size": wrong}]},
            text["services"][2],
        ]
        yield f"size {wrong!r}", changed(services=services)
    yield "nested too deep", whole(b"[" * 100_000, MEMBERS)
    yield "no JSON", whole(b"{", MEMBERS)
    yield "NaN", whole(GOOD.as_bytes().replace(b'"size": 512', b'"size": NaN'), MEMBERS)
    yield "a huge number", whole(GOOD.as_bytes().replace(b'"size": 512', b'"size": ' + b"9" * 5000), MEMBERS)
    yield "no text", whole(b"\xff\xfe" * 100, MEMBERS)
    yield "zeros", bytes(50_000)
    yield "a manifest beyond reason", archive.header("manifest.json", 1 << 40) + b"{" * 5000
    yield "a negative size", archive.header("manifest.json", 512)[:124] + b"\xff" * 12 + data[136:]
    for program in (["zstd", "-qc"], ["gzip", "-c"]):
        yield f"packed by {program[0]}", subprocess.run(program, input=data, capture_output=True, check=True).stdout
    yield "a bomb", subprocess.run(["zstd", "-qc"], input=bytes(20 << 20), capture_output=True, check=True).stdout


KINDS = [truncated, flipped, rearranged, miscounted, misnamed, disguised, strange]


@pytest.fixture
def receive(tmp_path, monkeypatch):
    """Have the node's reader read bytes; returns the manifest, having left members in the folder `web`."""
    with functions() as found:
        reader = found["kw_receipt.receive"]
        found["kw_archive.folder"]
        monkeypatch.setattr(sys.modules["kw_archive"], "ROOT", str(tmp_path / "web"))

        def run(data, **options):
            reading, writing = os.pipe()
            with os.fdopen(reading, "rb") as stream:
                feeder = threading.Thread(target=feed, args=(writing, data))
                feeder.start()
                try:
                    return reader("mysite", "abcd1234", descriptor=stream.fileno(), **options)
                finally:
                    stream.close()
                    feeder.join()

        yield run


def feed(descriptor, data):
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def test_the_archive_that_all_others_are_made_of_is_right(tmp_path, receive):
    data = good(tmp_path)
    assert whole(GOOD, MEMBERS) == data
    assert archive.verify(tmp_path / "good.kw") == GOOD
    assert receive(data) == json.loads(GOOD.as_bytes())
    assert receive(data + bytes(8192), only=["files"]) == json.loads(GOOD.as_bytes())
    found = tmp_path / "web" / "mysite" / "dump"
    assert sorted(str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()) == [
        "abcd1234/files/empty",
        "abcd1234/files/uploads.tar.zst",
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_not_right_is_refused_and_leaves_nothing(kind, tmp_path, receive):
    data, path, folder = good(tmp_path), tmp_path / "bad.kw", tmp_path / "web" / "mysite" / "dump"
    for what, bad in kind(data):
        path.write_bytes(bad)
        with pytest.raises(KraftwerkError) as raised:
            archive.verify(path)
        assert "\n" not in str(raised.value), what
        with pytest.raises(KraftwerkError):
            extraction.extract(path, tmp_path / "out")
        with pytest.raises((RuntimeError, OSError)) as refused:
            receive(bad)
        assert "\n" not in str(refused.value), what
        assert list(folder.iterdir()) == [], what
        assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.kw", "good.kw", "web"], what


def test_they_are_more_than_two_hundred(tmp_path):
    data = good(tmp_path)
    assert len({bad for kind in KINDS for _, bad in kind(data)}) > 250
