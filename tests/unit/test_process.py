"""Programs in the foreground: their exit codes are ours, and what ends us ends them."""

import os
import signal
import subprocess
import sys

import pytest

from kraftwerk import process


def start(*words, before="pass"):
    code = f"import signal, sys; from kraftwerk import process; {before}; sys.exit(process.foreground({list(words)}))"
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_exit_codes_are_as_a_shell_tells_them(command, code):
    assert start("sh", "-c", command).wait(10) == code


def test_stdin_and_stdout_are_the_program_s():
    assert start("cat").communicate("through\n", timeout=10)[0] == "through\n"


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_reaches_the_program_and_is_what_is_told(sent, code):
    loop = "trap 'echo ended; exit 255' TERM HUP; echo ready; while :; do sleep 0.05; done"
    running = start("sh", "-c", loop, before="signal.signal(signal.SIGHUP, signal.SIG_DFL)")  # this run may be nohup's
    assert running.stdout.readline() == "ready\n"
    running.send_signal(sent)
    assert running.communicate(timeout=10)[0] == "ended\n"
    assert running.returncode == code


def test_nohup_holds():
    running = start("sh", "-c", "echo 1; read x", before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    assert running.stdout.readline() == "1\n"
    running.send_signal(signal.SIGHUP)
    running.communicate("x\n", timeout=10)
    assert running.returncode == 0


def test_ctrl_c_is_an_interruption():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(KeyboardInterrupt):
            process.foreground(["sh", "-c", f"kill -INT {os.getpid()}; sleep 5"])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("fatal: '/x' is no repository\nfatal: Could not read from remote repository.\n\nPlease make sure you have the "
         "correct access rights\nand the repository exists.", "fatal: '/x' is no repository"),
        ("git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.",
         "git@host: Permission denied (publickey)."),
        ("fatal: Could not read from remote repository.", "fatal: Could not read from remote repository."),
        ("file has vanished\nrsync error: some files vanished (code 24)", "file has vanished"),
        ("", "no output"),
    ],
)  # fmt: skip
def test_a_failure_is_told_by_its_reason(said, told):
    completed = subprocess.CompletedProcess(["git"], 128, b"", said.encode())
    assert process.failure(["/usr/bin/git"], completed) == f"git failed with exit code 128: {told}"


def test_a_copy_that_is_interrupted_on_its_way_out_goes_no_further():
    class Interrupted:
        def flush(self):
            raise KeyboardInterrupt

    def work():
        sys.stdout = Interrupted()

    pid = process.fork(work, 1, 2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == process.INTERRUPTED
