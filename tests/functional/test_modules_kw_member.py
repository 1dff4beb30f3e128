"""The files of a dump, written and read as the modules of services do it."""

import hashlib
import os
import subprocess
import threading

import pytest


@pytest.fixture
def member(loaders):
    """The module, as Salt loads it."""
    return loaders.modules.kw_member


def test_a_file_is_described_by_its_name_size_and_checksum(member, tmp_path):
    content = b"0123456789" * 300_000  # more than one piece
    (tmp_path / "uploads.tar.zst").write_bytes(content)
    assert member.describe(str(tmp_path / "uploads.tar.zst")) == {
        "name": "uploads.tar.zst",
        "size": 3_000_000,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_a_file_that_is_missing_is_no_empty_one(member, tmp_path):
    with pytest.raises(OSError):
        member.describe(str(tmp_path / "none"))


def test_what_programs_print_is_written_described_and_read_again(member, tmp_path):
    with member.writing(str(tmp_path), "rows.zst") as rows:
        said = rows.run(["sh", "-c", "seq 500000; echo done >&2; exit 1"], accepted=(0, 1), filter="zstd")
    with member.writing(str(tmp_path), "note") as note:
        note.write(b"first ")
        note.run(["cat"], stdin=subprocess.DEVNULL)
        note.run(["sh", "-c", 'printf %s "$WORD"'], env={"WORD": "second"})
    assert said == "done\n"
    assert [rows.describe(), note.describe()] == [
        member.describe(str(tmp_path / name)) for name in ("rows.zst", "note")
    ]
    assert (tmp_path / "note").read_bytes() == b"first second"
    assert (tmp_path / "note").stat().st_mode & 0o777 == 0o600
    with member.reading(str(tmp_path), "rows.zst") as pipe:
        counted = subprocess.run(["wc", "-l"], stdin=pipe, capture_output=True, check=True)
    assert counted.stdout.split() == [b"500000"]
    with member.reading(str(tmp_path), "note", unpack=None) as plain:
        assert plain.read() == b"first second"


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        (["sh", "-c", "echo a; echo no such table >&2; exit 3"], {}, "sh: no such table"),
        (["sh", "-c", "echo a; echo no such table >&2; exit 3"], {"filter": "zstd"}, "sh: no such table"),
        (["sh", "-c", "exit 3"], {}, r"sh: failed without a word \(3\)"),
        (["seq", "9"], {"filter": ["sh", "-c", "echo disk full >&2; exit 1"]}, "sh: disk full"),
        (["no-such-program"], {}, "no-such-program isn't installed on this node"),
        (["true"], {"user": "no-such-user"}, "there is no user no-such-user on this node"),
    ],
)
def test_a_program_that_fails_leaves_no_member_and_has_the_last_word(member, tmp_path, command, options, words):
    with pytest.raises(RuntimeError, match=words), member.writing(str(tmp_path), "x") as part:
        part.run(command, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_member_follows_no_link(member, tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), member.writing(str(tmp_path), "x") as part:
        part.write(b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_member_is_an_error_though_its_reader_was_content(member, tmp_path):
    with member.writing(str(tmp_path), "x.zst") as part:
        part.run(["seq", "500000"], filter="zstd")
    whole = (tmp_path / "x.zst").read_bytes()
    (tmp_path / "x.zst").write_bytes(whole[:-1000])
    with pytest.raises(RuntimeError, match="zstd: "), member.reading(str(tmp_path), "x.zst") as pipe:
        os.read(pipe.fileno(), 1)


def test_a_bomb_is_stopped_before_the_disk_is_full(member, patch_module, tmp_path):
    with member.writing(str(tmp_path), "bomb.zst") as part:
        part.run(["head", "-c", "2G", "/dev/zero"], filter="zstd")
    assert (tmp_path / "bomb.zst").stat().st_size < 300_000
    tight = threading.Event()
    patch_module("kw_member", DISKS=(str(tmp_path),), _is_tight=lambda path: tight.is_set())
    seen = 0
    with (
        pytest.raises(RuntimeError, match="no room for what it unpacks to"),
        member.reading(str(tmp_path), "bomb.zst") as pipe,
    ):
        while piece := os.read(pipe.fileno(), 1 << 16):
            seen += len(piece)
            tight.set()
            tight.wait(0.001)  # a disk takes its time
    assert seen < 2 << 30
