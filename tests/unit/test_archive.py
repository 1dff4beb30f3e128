import hashlib
import io
import json
import random
import subprocess
import tarfile
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner

from kraftwerk import archive
from kraftwerk.cli import cli
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Member, ServiceDump
from tests.manifests import manifest_of, write

CONTENTS = {
    ("postgres", "database.pgdump"): b"PGDMP" * 300,
    ("files", "files.tar.zst"): b"\x28\xb5\x2f\xfd" + bytes(508),
    ("files", "empty"): b"",
}


def member(service, name):
    content = CONTENTS[service, name]
    return Member(name, len(content), hashlib.sha256(content).hexdigest())


MANIFEST = manifest_of(
    ServiceDump("postgres", "15.14", (member("postgres", "database.pgdump"),), {"rows": 31}),
    ServiceDump("files", "1", (member("files", "files.tar.zst"), member("files", "empty")), {"files": 1}),
)


@contextmanager
def source(service, member):
    yield iter([CONTENTS[service, member.name]])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mysite-blue-20261120T1012.kw"
    write(path, MANIFEST, source)
    return path


def cause(path) -> str:
    with pytest.raises(KraftwerkError) as raised:
        archive.verify(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)
    return raised.value.cause.removeprefix(f"{path}: ")


def repack(path, files, kind=tarfile.REGTYPE):
    """Write an archive by other means; files are (name, content) pairs."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uname, info.gname = len(content), 0o600, "root", "root"
            if name not in (archive.MANIFEST, archive.CHECKSUMS):
                info.type = kind
            tar.addfile(info, io.BytesIO(content))


def files_of(path):
    with tarfile.open(path) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]


def test_round_trip(path):
    assert archive.verify(path) == archive.read_manifest(path) == MANIFEST
    for position in archive.positions(path):
        with archive.reading(path, position) as chunks:
            assert b"".join(chunks) == CONTENTS[position.service, position.member.name]


def test_tar_and_sha256sum_read_it(path, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    listing = subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True).stdout.split()
    assert listing == ["manifest.json", "postgres/database.pgdump", "files/files.tar.zst", "files/empty", "SHA256SUMS"]
    subprocess.run(["tar", "-xf", path, "-C", target], check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=target, check=True)
    assert json.loads((target / "manifest.json").read_text())["services"][0]["counts"] == {"rows": 31}


def test_what_tar_packed_in_the_same_order_is_read(path):
    repack(path, files_of(path))
    assert archive.verify(path) == MANIFEST


@pytest.mark.parametrize("answer", [b"", b"PGDMP" * 299, b"PGDMP" * 301, b"x" * 1500])
def test_a_member_that_came_otherwise_is_found(answer):
    @contextmanager
    def other(service, member):
        yield iter([answer])

    with pytest.raises(KraftwerkError, match="changed or was cut on its way"):
        list(archive.written(MANIFEST, other))


def layout_1(path):
    """Write the same data as the first kraftwerk did: SHA256SUMS second, no word about consistency."""
    old = replace(MANIFEST, format=1)
    members = [(f"{one.service}/{member.name}", CONTENTS[one.service, member.name])
               for one in old.services for member in one.members]  # fmt: skip
    repack(path, [("manifest.json", old.as_bytes()), ("SHA256SUMS", old.checksums()), *members])
    return old


def test_the_first_layout_is_read_too(path):
    old = layout_1(path)
    assert {"frozen", "consistency"}.isdisjoint(json.loads(old.as_bytes()))
    assert archive.verify(path) == archive.read_manifest(path) == old


@pytest.mark.parametrize("only", [None, ("files",), ()])
def test_what_is_sent_to_a_node_is_of_the_present_layout(path, tmp_path, only):
    layout_1(path)
    sent = tmp_path / "sent.kw"
    sent.write_bytes(b"".join(archive.packed(path, only)))
    chosen = [one for one in MANIFEST.services if only is None or one.service in only]
    assert archive.verify(sent) == replace(MANIFEST, order=tuple(one.service for one in chosen), services=tuple(chosen))


def test_a_file_that_changed_after_it_was_verified_is_not_sent(path):
    altered = archive.packed(path)
    path.write_bytes(path.read_bytes().replace(b"PGDMPPGDMP", b"PGDMPPGDMQ", 1))
    with pytest.raises(KraftwerkError, match="changed or was cut on its way"):
        list(altered)


def test_every_truncation_is_found(path):
    whole = path.read_bytes()
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        cause(path)


def test_truncation_is_called_so(path):
    whole = path.read_bytes()
    start = whole.index(b"PGDMP")
    path.write_bytes(whole[: start + 100])
    assert cause(path) == "the archive is truncated: 1400 bytes of postgres/database.pgdump are missing"
    path.write_bytes(whole[:-1024])
    assert cause(path) == "the archive is truncated: its end is missing"


def test_every_flipped_bit_is_found(path):
    whole = path.read_bytes()
    chosen = random.Random(2)
    for place in range(0, len(whole), 3):
        altered = bytearray(whole)
        altered[place] ^= 1 << chosen.randrange(8)
        path.write_bytes(altered)
        cause(path)


def test_an_altered_member_is_named(path):
    path.write_bytes(path.read_bytes().replace(b"PGDMPPGDMP", b"PGDMPPGDMQ", 1))
    assert cause(path) == "postgres/database.pgdump was altered: its checksum is not the manifest's"


def test_an_altered_count_is_found(path):
    files = dict(files_of(path))
    files["manifest.json"] = files["manifest.json"].replace(b'"rows": 31', b'"rows": 32')
    repack(path, files.items())
    assert cause(path) == "manifest.json was altered: its checksum is not the one in SHA256SUMS"


def test_members_missing_added_swapped(path):
    files = files_of(path)
    repack(path, files[:-1])
    assert cause(path) == "the archive is damaged: SHA256SUMS should stand here"
    repack(path, [*files, ("more", b"x")])
    assert cause(path) == "the archive holds more than its manifest says"
    repack(path, [files[0], files[2], files[1], *files[3:]])
    assert cause(path) == "the archive holds 'files/files.tar.zst' where postgres/database.pgdump should stand"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "postgres/../../x", "postgres/" + "x" * 300])
def test_path_tricks(path, name):
    files = files_of(path)
    repack(path, [files[0], (name, files[1][1]), *files[2:]])
    assert "where postgres/database.pgdump should stand" in cause(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(path, kind):
    repack(path, files_of(path), kind=kind)
    assert "where postgres/database.pgdump should stand" in cause(path)


def test_path_tricks_in_the_manifest(path):
    manifest = replace(
        MANIFEST, services=(replace(MANIFEST.services[0], members=(Member("../x", 0, "0" * 64),)), MANIFEST.services[1])
    )
    repack(path, [("manifest.json", manifest.as_bytes()), ("SHA256SUMS", manifest.checksums())])
    assert cause(path) == "manifest.json: services[0].members[0].name is no proper name"


def test_another_format(path):
    later = replace(MANIFEST, format=3)
    repack(path, [("manifest.json", later.as_bytes()), ("SHA256SUMS", later.checksums())])
    assert cause(path).startswith("format 3 is not known to kraftwerk")


@pytest.mark.parametrize("content", [b"", b"not a tar", bytes(20000), b"\x28\xb5\x2f\xfd" * 400])
def test_no_archive(path, content):
    path.write_bytes(content)
    assert cause(path) == "this is no kraftwerk archive" + ("" if content else ": it is empty")


def test_another_tar(path):
    repack(path, [("etc/passwd", b"x")])
    assert cause(path) == "this is no kraftwerk archive: it does not start with manifest.json"


def test_a_manifest_too_large_to_read(path):
    block = tarfile.TarInfo("manifest.json")
    block.size = 1 << 40
    path.write_bytes(block.tobuf(tarfile.GNU_FORMAT))
    assert cause(path) == "manifest.json is larger than 16 MB"


def test_no_such_file(tmp_path):
    with pytest.raises(KraftwerkError, match=r"x\.kw can't be read: No such file or directory"):
        archive.verify(tmp_path / "x.kw")


def test_memory_stays_flat(tmp_path):
    size, piece = 200 << 20, bytes(1 << 20)
    digest = hashlib.sha256()
    for _ in range(200):
        digest.update(piece)
    big = Member("big", size, digest.hexdigest())
    manifest = replace(MANIFEST, order=("files",), services=(ServiceDump("files", "1", (big,), {}),))

    @contextmanager
    def zeros(service, member):
        yield (piece for _ in range(200))

    tracemalloc.start()
    try:
        write(tmp_path / "big.kw", manifest, zeros)
        archive.verify(tmp_path / "big.kw")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        (tmp_path / "big.kw").unlink(missing_ok=True)
    assert peak < 8 << 20


def test_sizes_beyond_8_gib_fit_the_header():
    block = archive.header("files/big", 1 << 43)
    assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").size == 1 << 43


def test_the_commands_show_and_verify(path):
    shown = CliRunner().invoke(cli, ["archive", "show", str(path)])
    assert shown.output.splitlines()[0] == "mysite on blue (production, release 1), dumped 2026-11-20 10:12 UTC"
    assert "postgres  15.14" in shown.output and "1.5 kB" in shown.output
    verified = CliRunner().invoke(cli, ["archive", "verify", str(path), "--json"])
    assert json.loads(verified.output)["manifest"]["services"][0]["counts"] == {"rows": 31}


def test_show_reads_the_manifest_alone_and_verify_everything(path):
    path.write_bytes(path.read_bytes()[:-3000])
    assert CliRunner().invoke(cli, ["archive", "show", str(path)]).exit_code == 0
    assert isinstance(CliRunner().invoke(cli, ["archive", "verify", str(path)]).exception, KraftwerkError)
