"""Both ends of a copy from node to node, on this machine, with the caller's pipes between them."""

import os
import subprocess
import sys

import pytest

from kraftwerk import moverelease, process, relay
from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program


class Here:
    """A connection to this machine."""

    class node:
        name = "here"

    def popen(self, words, **streams):
        return process.popen([sys.executable, *words[1:]], **streams)


@pytest.fixture
def folders(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "below").mkdir(parents=True)
    target.mkdir()
    (source / "below" / "a file").write_text("first")
    (source / "link").symlink_to("below")
    with (source / "sparse").open("wb") as file:
        file.truncate(50_000_000)
    os.utime(source / "below" / "a file", (1_000_000_000, 1_000_000_000))
    return source, target


def same(source, target):
    return subprocess.run(["diff", "-r", str(source), str(target)], check=False).returncode == 0


def test_a_folder_becomes_the_same_and_then_only_what_changed_travels(folders):
    source, target = folders
    (target / "gone").write_text("goes")
    relay.copy(Here(), source, Here(), target)
    assert same(source, target)
    assert (target / "link").is_symlink()
    assert (target / "below" / "a file").stat().st_mtime == 1_000_000_000
    assert (target / "sparse").stat().st_blocks < 100
    assert relay.copy(Here(), source, Here(), target) < 5000
    (source / "below" / "new").write_bytes(os.urandom(100_000))
    assert 100_000 < relay.copy(Here(), source, Here(), target, options=["--fsync"]) < 110_000
    assert same(source, target)


def test_what_can_not_be_copied_is_told(folders):
    source, target = folders
    with pytest.raises(KraftwerkError, match=r"here → here: .*missing can't be copied: .*No such file"):
        relay.copy(Here(), source / "missing", Here(), target)


@pytest.mark.parametrize(
    "line",
    [
        b"rsync --server -logDtpre.iLsfxCIvu . /etc/\n",
        b"rsync --server --sender -logDtpre.iLsfxCIvu . /tmp/here/\n",
        b"sh -c id /tmp/here/\n",
        b"rsync --server -e.iLsf --remove-source-files . /tmp/here/\n",
    ],
)
def test_the_receiving_end_does_nothing_else(line):
    command = [sys.executable, "-ISc", program("relay"), "receive", "/tmp/here"]
    done = subprocess.run(command, input=line, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"refused" in done.stderr


def test_secrets_are_the_instance_s_own_files(tmp_path):
    """What a node sends could be anything: others' secrets, or a link that root would read."""
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("mysite", "other"):
        (source / name).mkdir(parents=True)
        (source / name / "SECRET_KEY").write_text(name)
    (source / "mysite" / "link").symlink_to("/etc/shadow")
    packed = process.run(["tar", "--create", "--directory", str(source), "mysite", "other"]).stdout
    process.run(["sh", "-ec", moverelease.UNPACK, "unpack", str(target), "mysite"], input=packed)
    assert [str(path.relative_to(target)) for path in sorted(target.rglob("*"))] == ["mysite", "mysite/SECRET_KEY"]
