"""What stands by for the next save: it loads libraries, waits for its word, and then is the program."""

import os
import signal
import subprocess
import sys

import pytest

from kraftwerk.paths import PACKAGE
from tests.waiting import wait_for

STANDBY = PACKAGE / "remote" / "standby.py"
PROGRAM = """\
import os, signal, sys
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
print(__name__, sys.argv, sys.path[0], os.environ["DJANGO_SETTINGS_MODULE"], signal.SIGUSR1 in blocked)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "serve-it"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "flask.py").write_text("print('loaded', flush=True)")
    return tmp_path


def start(folder, **options):
    environ = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    words = [sys.executable, str(STANDBY), str(folder / "word"), str(folder / "ready"), "serve-it", "--workers", "1"]
    environ["DJANGO_SETTINGS_MODULE"] = "no.such"
    return subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True, **options)


def expected(folder):
    return f"__main__ ['{folder}/bin/serve-it', '--workers', '1'] {folder}/bin no.such False\n"


def test_it_waits_for_the_word_and_is_the_program_then(folder):
    running = start(folder)
    wait_for((folder / "ready").exists)
    assert running.poll() is None
    (folder / "word").touch()
    running.send_signal(signal.SIGUSR1)
    assert running.communicate(timeout=30)[0] == "loaded\n" + expected(folder)
    assert running.returncode == 0


def test_a_word_that_came_before_it_was_ready_is_enough(folder):
    (folder / "word").touch()
    assert start(folder).communicate(timeout=30)[0] == expected(folder)  # and nothing more is loaded


def test_a_signal_that_comes_late_ends_nothing(folder):
    (folder / "bin" / "serve-it").write_text("print('begun', flush=True)\nprint(input())\n")
    (folder / "word").touch()
    running = start(folder, stdin=subprocess.PIPE)
    assert running.stdout.readline() == "begun\n"
    running.send_signal(signal.SIGUSR1)
    assert running.communicate("goes on\n", timeout=30)[0] == "goes on\n"
    assert running.returncode == 0


def test_it_can_be_stopped_while_it_waits(folder):
    running = start(folder)
    wait_for((folder / "ready").exists)
    running.terminate()
    running.communicate(timeout=30)
    assert running.returncode == -signal.SIGTERM


def test_what_wants_to_change_libraries_is_not_forestalled(folder):
    (folder / "gevent.py").touch()
    running = start(folder)
    wait_for((folder / "ready").exists)
    (folder / "word").touch()
    running.send_signal(signal.SIGUSR1)
    assert running.communicate(timeout=30)[0] == expected(folder)
