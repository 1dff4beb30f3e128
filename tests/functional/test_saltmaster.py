"""A real salt-master of an ordinary folder: it starts, says so, and leaves nothing when it ends, however it ends."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from kraftwerk import admin, saltmaster
from kraftwerk.errors import KraftwerkError
from kraftwerk.localproc import wait_until
from kraftwerk.paths import master_sockets
from kraftwerk.ports import free_port


@pytest.fixture
def folder(tmp_path, request):
    admin.ensure()
    folder = tmp_path / getattr(request, "param", "master")
    saltmaster.write(folder, publish_port=free_port(), return_port=free_port())
    yield folder
    saltmaster.stop(folder)


@pytest.mark.parametrize("folder", ["m", "a-name-with-which-the-path-of-a-socket-is-too-long-by-far"], indirect=True)
def test_it_runs_once_and_ends_whole(folder):
    running = saltmaster.start(folder)
    assert saltmaster.status(folder) == running and running.whole and saltmaster.answers(folder)
    with pytest.raises(KraftwerkError, match="runs already"):
        saltmaster.start(folder)
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir() if path.is_file()} == {0}
    assert saltmaster.stop(folder) is True
    assert saltmaster.status(folder) is None and not list(master_sockets(folder).glob("*.ipc"))
    assert saltmaster.stop(folder) is False


def test_a_long_log_is_begun_anew(folder, monkeypatch):
    saltmaster.log_file(folder).write_text("old\n" * 10)
    monkeypatch.setattr(saltmaster, "KEPT_LOG", 20)
    saltmaster.start(folder)
    assert (folder / "log.old").read_text() == "old\n" * 10
    saltmaster.stop(folder)  # which it logs
    assert "SIGTERM" in saltmaster.log_file(folder).read_text()


def test_what_a_killed_one_leaves_is_ended_by_the_next_start(folder):
    first = saltmaster.start(folder)
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: not saltmaster.status(folder).whole, timeout=5)  # its children still hold the lock
    second = saltmaster.start(folder)
    assert second.pid != first.pid and saltmaster.status(folder) == second


def test_what_took_the_place_of_the_one_that_was_seen_is_left_alone(folder, monkeypatch):
    first = saltmaster.start(folder)
    saltmaster.stop(folder)
    second = saltmaster.start(folder)
    looks, look = [first], saltmaster.status
    monkeypatch.setattr(saltmaster, "status", lambda where: looks.pop() if looks else look(where))
    saltmaster.stop(folder)
    assert saltmaster.status(folder) == second and saltmaster.answers(folder)


def test_a_master_whose_bus_was_killed_is_known_to_hear_nothing(folder):
    running = saltmaster.start(folder)
    assert saltmaster.hears(folder)
    words = ["pgrep", "-f", "-g", str(running.pid), "EventPublisher"]
    os.kill(int(subprocess.check_output(words)), signal.SIGKILL)
    assert wait_until(lambda: not saltmaster.hears(folder), timeout=5)
    assert saltmaster.status(folder).whole


def test_in_the_foreground_a_signal_ends_all_of_it(folder):
    code = "import sys; from pathlib import Path; from kraftwerk import saltmaster; saltmaster.run(Path(sys.argv[1]))"
    running = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.DEVNULL)
    assert wait_until(lambda: saltmaster.answers(folder), timeout=30)
    assert saltmaster.status(folder).pid == running.pid
    running.terminate()
    running.wait(30)
    assert wait_until(lambda: saltmaster.status(folder) is None, timeout=10)


def test_a_port_that_is_taken_is_said(tmp_path):
    admin.ensure()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        saltmaster.write(tmp_path / "m", publish_port=free_port(), return_port=taken.getsockname()[1])
        with pytest.raises(KraftwerkError, match="ports are not available"):
            saltmaster.start(tmp_path / "m")
    assert saltmaster.status(tmp_path / "m") is None


def test_of_those_who_start_it_at_the_same_instant_one_does_and_no_other_ends_it(folder):
    code = "import sys; from pathlib import Path; from kraftwerk import saltmaster; saltmaster.start(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(folder)]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [each.communicate(timeout=60)[1] for each in started]
    assert sorted(each.returncode for each in started) == [0, 1, 1, 1]
    assert all("runs already" in words for words in said if words)
    assert saltmaster.answers(folder)


def test_nobody_is_killed_for_a_number_that_is_not_known(folder, monkeypatch):
    monkeypatch.setattr(saltmaster, "RECORD_TIMEOUT", 0.1)
    saltmaster.start(folder)
    running = folder / "running"
    known = running.read_text()
    running.unlink()  # as a start leaves it that is killed too early
    assert saltmaster.status(folder) == saltmaster.Running(0, "", whole=False)
    with pytest.raises(KraftwerkError, match="doesn't end"):
        saltmaster.stop(folder)
    running.write_text(known)
