"""Who holds a lock, in words; and which lock is meant."""

import time

import pytest

from kraftwerk import lock, lockbook, lockowner
from kraftwerk.errors import KraftwerkError
from kraftwerk.lockowner import Owner

ADA = Owner("ada", "laptop", 4711, "kraftwerk deploy", "2026-11-20T11:00:00Z")


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_who_is_at_work_is_named_with_process_command_and_time():
    assert ADA.words == "ada@laptop (kraftwerk deploy, process 4711) since 2026-11-20 11:00"


def test_who_took_it_by_hand_says_why_and_until_when():
    now = time.time()
    owner = Owner("ada", "laptop", 0, "kraftwerk lock", lockowner.stamp(now), "a new disk", "2036-11-20T12:00:00Z")
    since = time.strftime("%H:%M:%S", time.gmtime(now))
    assert owner.words == f"ada@laptop by hand since {since} until 2036-11-20 12:00: a new disk"


def test_an_owner_travels_as_one_line():
    owner = lockowner.ours("two\nlines", 60)
    assert "\n" not in owner.as_json()
    assert Owner.from_json(owner.as_json()) == owner
    assert (owner.by_hand, lockowner.ours().by_hand) == (True, False)


@pytest.mark.parametrize("text", ["", "ada since 11:00", "[]", "{}", "null"])
def test_what_another_version_wrote_is_somebody(text):
    assert Owner.from_json(text).words == "somebody@somewhere (an unknown command, process 1) since an unknown time"


def test_locks_lent_by_who_started_us_are_handed_on(monkeypatch):
    monkeypatch.setenv(lock.VARIABLE, "a1,b2")
    assert lock.tickets() == "a1,b2"


def test_outside_of_a_project_it_is_the_whole_node_and_a_name_is_checked(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KraftwerkError, match="which node"):
        lockbook.which(None, None, "production")
    with pytest.raises(KraftwerkError, match="no name of a lock"):
        lockbook.which("blue", "../shop", "production")
