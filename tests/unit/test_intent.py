"""The journal of machines that cost money."""

from dataclasses import replace

import pytest

from kraftwerk import intent, paths
from kraftwerk.errors import KraftwerkError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    return tmp_path


def test_what_is_written_is_read_again_by_its_owner_alone(home):
    begun = replace(intent.begin("web1", "ec2", "ec2-small"), host_key_private="-----BEGIN\nx\n")
    intent.write(begun)
    assert intent.load("web1") == begun
    assert (home / "intents" / "web1.json").stat().st_mode & 0o777 == 0o600
    assert (home / "intents").stat().st_mode & 0o777 == 0o700


def test_tokens_differ_and_fit_into_a_tag():
    first, second = intent.begin("web1", "ec2"), intent.begin("web1", "ec2")
    assert first.token != second.token
    assert len(f"kraftwerk-intent:{first.token}") <= 50, "Linode's tags have no more"


def test_they_are_listed_the_oldest_first_and_locks_are_none(home):
    for name, created in (("web2", "2026-01-02T00:00:00+00:00"), ("web1", "2026-01-03T00:00:00+00:00")):
        intent.write(replace(intent.begin(name, "ec2"), created=created))
    (home / "intents" / ".web3.lock").touch()
    (home / "intents" / ".web3.json.17").touch()
    assert [begun.name for begun in intent.all_intents()] == ["web2", "web1"]


def test_none_is_no_error():
    assert intent.load("web1") is None
    assert intent.all_intents() == []
    intent.remove("web1")


def test_one_of_an_older_kraftwerk_is_read(home):
    path = intent.file_of("web1")
    paths.write_atomic(
        path, '{"name": "web1", "provider": "ec2", "token": "t", "created": "2026-01-01T00:00:00+00:00"}'
    )
    assert intent.load("web1").machine_id == ""


def test_a_damaged_one_is_told_with_its_file(home):
    paths.write_atomic(intent.file_of("web1"), "{")
    with pytest.raises(KraftwerkError, match=r"intents/web1\.json is damaged"):
        intent.all_intents()


def test_the_wait_is_counted_from_the_last_order():
    begun = replace(intent.begin("web1", "ec2"), created="2020-01-01T00:00:00+00:00")
    assert begun.waited > 10**6
    assert replace(begun, ordered=intent.now()).waited < 5
