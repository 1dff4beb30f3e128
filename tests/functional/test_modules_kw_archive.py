"""Archives as a node writes, sends and receives them: with services of the test's own, on folders of this machine."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kraftwerk import archive, incoming
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import parse
from tests.nodemodules import functions

MAGIC = b"kraftwerk archive in frames, layout 2\n".ljust(512, b"\0")
# Three services as others may write them: one that streams, one of the first kind, which wants a folder, and a cache.
STREAMS = """
def dump(instance, target):
    with __salt__["kw_member.writing"](target, "one.zst") as one:
        one.run(["cat", "/proc/self/cmdline"], filter=["zstd", "-q"])
        one.write(b"and more")
    with __salt__["kw_member.writing"](target, "two") as two:
        two.write(bytes(3_000_000))
    if FAILS:
        raise RuntimeError("the server went away")
    return {"version": "7", "members": [two.describe(), one.describe()], "counts": COUNTS, "consistency": "one point"}

def inspect(instance):
    return {"version": "7", "size": 4000, "counts": COUNTS}

COUNTS, FAILS = {"rows": 3, "by": {"a": 3}}, False
"""
OLD = """
import os

def dump(instance, target):
    with open(os.path.join(target, "plain"), "w") as file:
        file.write("from a folder")
    with open(f"{target}/unnamed", "w") as file:
        file.write("not named")
    return {"version": "1", "members": [__salt__["kw_member.describe"](os.path.join(target, "plain"))], "counts": {}}

def inspect(instance):
    return {"version": "1", "size": 0, "counts": {}}
"""
CACHE = """
def health(instance):
    return {"ok": True, "detail": ""}
"""


@contextmanager
def piped(data):
    """Yield the reading end of a pipe that bytes go into."""
    reading, writing = os.pipe()

    def feed():
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as stream:
            stream.write(data)

    feeder = threading.Thread(target=feed)
    with os.fdopen(reading, "rb", buffering=0) as stream:
        feeder.start()
        yield stream
    feeder.join()


class Node:
    """The modules over folders that a test can look into."""

    def __init__(self, salt, root):
        self.salt, self.dump = salt, root / "web" / "mysite" / "dump"
        (root / "web" / "mysite" / "releases" / "4").mkdir(parents=True)
        (root / "web" / "mysite" / "current").symlink_to("releases/4")
        (root / "instances").mkdir()
        known = {"project": "mysite", "environment": "production", "services": ["files", "cache", "streams", "old"]}
        (root / "instances" / "mysite.json").write_text(json.dumps(known))
        self.record = root / "dumps" / "mysite.json"
        places = {"ROOT": root / "web", "REGISTRY": root / "instances", "RECORDS": root / "dumps"}
        self.patch("kw_archive", **{name: str(path) for name, path in places.items()})
        self.patch("kw_files", dump=lambda instance, target: sys.modules["kw_old"].dump(instance, target))
        self.salt.loaded["kw_files"]["dump"] = self.salt["kw_old.dump"]
        self.salt.loaded["kw_files"]["inspect"] = self.salt["kw_old.inspect"]

    def patch(self, module, **values):
        """Set constants of a module."""
        self.salt.get(f"{module}.dump")
        vars(sys.modules[module]).update(values)

    def send(self, **options):
        """Return all that the node sends, and what it says of it."""
        reading, writing = os.pipe()
        pieces = []

        def read():
            with os.fdopen(reading, "rb") as stream:
                pieces.append(stream.read())

        reader = threading.Thread(target=read)
        reader.start()
        try:
            said = self.salt["kw_archive.send"]("mysite", "blue", descriptor=writing, **options)
        finally:
            os.close(writing)
            reader.join()
        return pieces[0], said

    def receive(self, data, **options):
        """Have the node read what was sent."""
        with piped(data) as stream:
            return self.salt["kw_receipt.receive"]("mysite", "abcd1234", descriptor=stream.fileno(), **options)

    def received(self):
        """Return the members that lie there."""
        folder = self.dump / "abcd1234"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def node(tmp_path):
    """A node whose instance has four services: one that streams, two that want a folder, and a cache."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for name, text in {"streams": STREAMS, "old": OLD, "cache": CACHE}.items():
        (modules / f"kw_{name}.py").write_text(text)
    with functions(modules) as salt:
        yield Node(salt, tmp_path)


def take(sent, path):
    """Have the admin write what was sent."""
    data, said = sent
    manifest = parse(json.dumps(said["manifest"]).encode())
    with incoming.part(path, ".part") as file:
        file.write(data)
        incoming.complete(file, manifest, said["reserved"])
    return manifest


def test_an_archive_on_the_node_is_one_that_the_admin_reads(node, tmp_path):
    made = node.salt["kw_archive.create"]("mysite", node="blue", kraftwerk="1.2")
    path = Path(made["path"])
    manifest = archive.verify(path)
    assert json.loads(manifest.as_bytes()) == made["manifest"]
    assert (manifest.node, manifest.release, manifest.kraftwerk, manifest.frozen) == ("blue", 4, "1.2", False)
    assert manifest.order == ("streams", "old", "files")  # files last, whatever the order of their declaration
    assert made["skipped"] == ["cache"]
    assert [member.name for member in manifest.service("streams").members] == ["one.zst", "two"]
    assert manifest.service("streams").consistency == "one point"
    assert made["sha256"] == node.salt["kw_member.describe"](made["path"])["sha256"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(node.dump.iterdir()) == [path]
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xf", path, "-C", out], check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    assert (out / "old" / "plain").read_text() == "from a folder"


def test_what_is_sent_is_the_same_on_the_admin_and_on_another_node(node, tmp_path):
    data = node.send()[0]
    manifest = take(node.send(frames=False), tmp_path / "x.kw")
    assert archive.verify(tmp_path / "x.kw") == manifest
    assert not (tmp_path / ".part").exists()

    assert {**node.receive(data), "created": manifest.created} == json.loads(manifest.as_bytes())
    streamed = node.received()
    assert len(streamed) == 4
    assert node.receive((tmp_path / "x.kw").read_bytes()) == json.loads(manifest.as_bytes())
    assert node.received() == streamed
    node.receive(b"".join(archive.packed(tmp_path / "x.kw", ["old"])))
    assert list(node.received()) == ["old/plain"]
    node.receive(data, only=["old"])
    assert list(node.received()) == ["old/plain"]
    node.salt["kw_archive.forget"]("mysite", "abcd1234")
    node.salt["kw_archive.forget"]("mysite", "abcd1234")
    assert list(node.dump.iterdir()) == []


def test_a_manifest_that_outgrows_its_place_moves_what_is_behind_it(node, tmp_path):
    node.patch("kw_streams", COUNTS={"rows": 0, "by": {f"public.table_{number}": number for number in range(5000)}})
    manifest = take(node.send(frames=False), tmp_path / "x.kw")
    assert len(manifest.as_bytes()) > 100_000
    assert archive.verify(tmp_path / "x.kw") == manifest
    node.record.unlink()
    assert archive.verify(Path(node.salt["kw_archive.create"]("mysite")["path"])).services == manifest.services
    again = tmp_path / "y.kw"  # now its place is large enough from the beginning
    assert archive.verify(take(node.send(frames=False), again) and again).services == manifest.services
    assert archive.positions(again)[0].offset > archive.positions(tmp_path / "x.kw")[0].offset


def test_the_last_dump_is_on_record(node):
    assert node.salt["kw_archive.estimate"]("mysite") == 1000  # a quarter of what the database holds
    made = node.salt["kw_archive.create"]("mysite")
    record = json.loads(node.record.read_text())
    assert record["created"] == made["manifest"]["created"]
    assert record["services"]["streams"]["counts"] == {"rows": 3, "by": {"a": 3}}
    assert node.salt["kw_archive.estimate"]("mysite") == record["size"] == made["size"] > 3_000_000


def test_an_archive_of_some_services_is_no_record_of_all(node):
    made = node.salt["kw_archive.create"]("mysite", only=["old"])
    assert archive.verify(Path(made["path"])).order == ("old",)
    assert not node.record.exists()
    assert node.salt["kw_archive.estimate"]("mysite", only=["old"]) == 0
    node.salt["kw_archive.create"]("mysite", str(node.dump / "all.kw"))
    assert node.salt["kw_archive.estimate"]("mysite", only=["streams"]) == 1000


def test_a_service_that_fails_leaves_nothing(node, tmp_path):
    node.dump.mkdir()
    (node.dump / ".mysite.kw.part").write_bytes(b"of a killed dump")
    (node.dump / ".dump-old-x").mkdir()
    node.patch("kw_streams", FAILS=True)
    with pytest.raises(RuntimeError, match="the server went away"):
        node.salt["kw_archive.create"]("mysite")
    assert list(node.dump.iterdir()) == []
    assert not node.record.exists()


def test_no_room_is_told_with_figures_before_anything_is_written(node, tmp_path):
    node.record.parent.mkdir()
    node.record.write_text(json.dumps({"size": 1 << 60}))
    with pytest.raises(RuntimeError, match=r"no room: about 1152921504606\.8 MB are needed, [\d.]+ MB are free in /"):
        node.salt["kw_archive.create"]("mysite")
    assert list(node.dump.iterdir()) == []


def test_a_module_that_names_other_members_than_it_wrote_is_refused(node):
    node.salt.loaded["kw_old"]["dump"] = lambda instance, target: {
        "version": "1", "members": [{"name": "../x", "size": 0, "sha256": ""}], "counts": {}
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="names"):
        node.salt["kw_archive.create"]("mysite")


def test_a_stream_that_breaks_anywhere_leaves_nothing(node, tmp_path):
    frames = node.send()[0]
    plain, said = node.send(frames=False)
    for end in [0, 100, 512, 513, 1100, 40_000, -2_000_000, -10, -1]:
        with pytest.raises(KraftwerkError, match="not what its manifest says"):
            take((plain[:end], said), tmp_path / "x.kw")
        assert not list(tmp_path.glob("*.kw")) and not list(tmp_path.glob(".part"))
        with pytest.raises(RuntimeError, match=r"truncated"):
            node.receive(frames[:end])
        assert list(node.dump.iterdir()) == []
    with pytest.raises(KraftwerkError, match="not what its manifest says"):
        take((plain + b"x", said), tmp_path / "x.kw")


def test_a_stream_that_was_altered_brings_the_same_or_nothing(node):
    data = node.send()[0]
    manifest, members = node.receive(data), node.received()
    refused = 0
    places = [*range(0, 512, 40), *range(33_000, len(data), len(data) // 100), *range(len(data) - 2000, len(data), 50)]
    for place in places:
        altered = bytearray(data)
        altered[place] ^= 1
        try:
            assert node.receive(bytes(altered)) == manifest  # a blank of the manifest's place, which counts for nothing
            assert node.received() == members
        except (RuntimeError, OSError):
            refused += 1
            assert list(node.dump.iterdir()) == []
    assert refused > len(places) * 0.9


@pytest.mark.parametrize("name", ["../../x", "streams/../../x", "/etc/x", "streams/x/y", "streams", ""])
def test_a_frame_leads_nowhere_else(node, name):
    block = name.encode().ljust(100, b"\0") + archive.header("streams/two", 0)[100:]
    with pytest.raises(RuntimeError, match="no proper name"):
        node.receive(MAGIC + b"H" + len(block).to_bytes(8, "big") + block + b"D" + bytes(7) + b"\1x")
    assert list(node.dump.iterdir()) == []


def test_a_file_that_is_there_is_kept(node, tmp_path):
    (tmp_path / "x.kw").write_text("mine")
    with pytest.raises(KraftwerkError, match="exists already"):
        take(node.send(frames=False), tmp_path / "x.kw")
    assert (tmp_path / "x.kw").read_text() == "mine"


def test_a_disk_that_cannot_be_written_to_is_one_line(node):
    with pytest.raises(KraftwerkError, match="can't be written: No such file or directory"):
        take(node.send(frames=False), Path("/nowhere/x.kw"))
