"""Runs of states are marked on their node: whoever wants its lock sees that something is at work, and for whom."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from kraftwerk.lockowner import Owner
from kraftwerk.remote import saltlock

STATES = ["state.pkg", "/proc/7/fd/5", "test=None"]
ADA = Owner("ada", "laptop", 4711, "kraftwerk deploy", "2026-11-20T11:00:00Z")
RUN = """\
import sys
from kraftwerk.remote import saltlock
saltlock.mark(sys.argv[2:], sys.argv[1])
print("at work", flush=True)
sys.stdin.read()
"""


@contextmanager
def running(folder):
    """Run states in a process of their own."""
    words = [sys.executable, "-c", RUN, str(folder), *STATES]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "at work\n"
        yield
        program.stdin.close()


def is_free(folder):
    return subprocess.run(["flock", "-n", folder / "node.run", "true"], check=False).returncode == 0


def who(folder):
    return Owner.from_json((folder / "node.run").read_text())


def test_it_is_marked_as_long_as_it_lasts_with_who_began_it(tmp_path):
    folder = tmp_path / "locks"
    folder.mkdir()
    (folder / "node.owner").write_text(f"12/fd/9\nticket\n{ADA.as_json()}\n")
    with running(folder), running(folder):
        assert not is_free(folder)
        assert who(folder).words.startswith("ada@laptop (states that kraftwerk deploy began, process 4711) since ")
    assert is_free(folder)


@pytest.mark.parametrize("owner", [None, "", "12/fd/9\nticket\n", "1\n2\nnull\n", "1\n2\n{}\n"])
def test_without_the_lock_it_is_salt_s(tmp_path, owner):
    folder = tmp_path / "locks"
    if owner is not None:
        folder.mkdir()
        (folder / "node.owner").write_text(owner)
    with running(folder):
        assert (who(folder).user, who(folder).command, who(folder).by_hand) == ("root", "states that Salt began", False)


@pytest.mark.parametrize("words", [["test.ping"], [*STATES[:2], "test=True"], ["kw_postgres.inspect", "shop"]])
def test_what_changes_nothing_is_not_marked(tmp_path, words):
    saltlock.mark(words, str(tmp_path / "locks"))
    assert not (tmp_path / "locks").exists()
