"""What runs on a node: every script is whole before it does anything."""

import os
import subprocess
import sys
import time

import pytest

from kraftwerk.paths import PACKAGE
from kraftwerk.remote import program, script

SCRIPTS = sorted(path.stem for path in (PACKAGE / "remote").glob("*.sh"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_a_main_that_is_called_last(name):
    text = script(name)
    assert text.startswith("# ")
    assert text.splitlines()[-1].startswith('main "$@"')
    assert subprocess.run(["sh", "-n"], input=text.encode(), check=False).returncode == 0


def leash(*words, watched="output", **options):
    return subprocess.Popen(
        [sys.executable, "-ISc", program("leash"), watched, *words], stdout=subprocess.PIPE, **options
    )


def test_a_leashed_program_keeps_its_words_stdin_and_exit_code():
    running = leash("sh", "-c", 'cat; printf "%s|" "$@"; exit 7', "sh", "a b", "$x\n'", stdin=subprocess.PIPE)
    printed, _ = running.communicate(b"stdin ")
    assert (printed, running.returncode) == (b"stdin a b|$x\n'|", 7)


def test_a_signals_exit_code_is_as_a_shells():
    running = leash("sh", "-c", "kill -TERM $$")
    running.communicate()
    assert running.returncode == 143


def test_a_missing_program_is_127():
    running = leash("no-such-program", stderr=subprocess.PIPE)
    _, errors = running.communicate()
    assert (running.returncode, errors) == (127, b"no-such-program: No such file or directory\n")


@pytest.mark.parametrize("watched", ["output", "stdin"])
def test_a_leashed_program_is_stopped_when_its_caller_is_gone(tmp_path, watched):
    script = f"echo $$ >{tmp_path}/pid; sleep 60 & wait"
    running = leash("sh", "-c", script, watched=watched, stdin=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (running.stdout if watched == "output" else running.stdin).close()
    assert running.wait(10) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
