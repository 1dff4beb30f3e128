"""Packages that wait: from apt's words, read by the script as it runs on a node, to ours."""

import os
import subprocess

import pytest

from kraftwerk.remote import script
from kraftwerk.updates import Updates, parse

APT = """\
#!/bin/sh
echo "asked $*" >>{folder}/asked
echo "NOTE: This is only a simulation!"
cat {folder}/waits
exit $(cat {folder}/code)
"""
WAITS = """\
Inst libssl3 [3.0.15-1] (3.0.17-1~deb12u2 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libapache2-mod-security2 [2.9.5] (2.9.7 Debian:12.12/oldstable [amd64])
Inst tzdata [2024a] (2025b Debian:12.12/oldstable [all])
Conf libssl3 (3.0.17-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
"""


class Apt:
    """A stand-in for apt, with its lists and what the script notes below a folder."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("lists/partial", "dpkg", "bin", "noted"):
            (folder / name).mkdir(parents=True)
        (folder / "dpkg" / "status").touch()
        (folder / "lists" / "x_Packages").touch()
        (folder / "noted" / "health").touch()
        (folder / "code").write_text("0")
        program = folder / "bin" / "apt-get"
        program.write_text(APT.format(folder=folder))
        program.chmod(0o755)
        self.waits(WAITS)

    def waits(self, text):
        (self.folder / "waits").write_text(text)

    @property
    def asked(self):
        file = self.folder / "asked"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def seen(self):
        places = {"/var/lib/apt": self.folder, "/var/lib/dpkg": self.folder / "dpkg"}
        body = script("health").replace("/var/lib/kraftwerk", str(self.folder / "noted"))
        for usual, here in places.items():
            body = body.replace(usual, str(here))
        body = body.replace('main "$@" </dev/null', "updates")
        environ = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-seu"], input=body.encode(), env=environ, capture_output=True, check=True)
        assert done.stderr == b""
        return parse(done.stdout.decode().rstrip("\n").split("\t")[1:]) if done.stdout else None

    def counts(self):
        found = self.seen()
        return found.count, found.security


@pytest.fixture
def apt(tmp_path):
    return Apt(tmp_path)


def test_what_waits_is_counted_and_asked_once(apt):
    assert [apt.counts(), apt.counts()] == [(3, 1)] * 2
    assert apt.asked == 1


def test_it_is_asked_again_when_something_was_installed_or_lists_came(apt):
    apt.seen()
    apt.waits("")
    for file in ("dpkg/status", "lists"):
        os.utime(apt.folder / file, (1, 1))
        assert apt.counts() == (0, 0)
    assert apt.asked == 3


def test_since_when_one_for_security_waits_is_remembered(apt):
    apt.seen()
    noted = apt.folder / "noted" / "updates"
    *rest, since = noted.read_text().split()
    noted.write_text(" ".join([*rest, str(int(since) - 1000)]))
    assert 1000 <= apt.seen().waited < 1100
    os.utime(apt.folder / "dpkg" / "status", (1, 1))
    assert 1000 <= apt.seen().waited < 1100  # asked again, and it still waits
    apt.waits("")
    os.utime(apt.folder / "dpkg" / "status", (2, 2))
    assert apt.seen().waited == 0


def test_a_node_without_lists_or_with_a_broken_apt_says_nothing(apt):
    (apt.folder / "code").write_text("100")
    assert apt.seen() is None
    (apt.folder / "lists" / "x_Packages").unlink()
    assert apt.seen() is None
    assert apt.asked == 1


def test_a_node_that_was_cleaned_gets_no_notes(apt):
    (apt.folder / "noted" / "health").unlink()
    assert apt.counts() == (3, 1)
    assert list((apt.folder / "noted").iterdir()) == []


def test_a_damaged_note_is_written_anew(apt):
    (apt.folder / "noted" / "updates").write_text("")
    assert apt.counts() == (3, 1)
    assert apt.counts() == (3, 1)


@pytest.mark.parametrize(
    ("updates", "words"),
    [
        (Updates(), "no updates"),
        (Updates(1), "1 update"),
        (Updates(3, 1), "3 updates, 1 security"),
        (Updates(3, 0, 0, 12 * 86400), "3 updates by lists of 12 d ago"),
    ],
)
def test_words(updates, words):
    assert updates.words == words


def test_only_what_waits_for_long_is_a_complaint():
    assert Updates(3, 2, 6 * 86400).complaint(7) == ""
    assert Updates(3, 2, 8 * 86400).complaint(7) == "2 security updates wait, for 8 d"
    assert Updates(3, 0, 0).complaint(0) == ""
