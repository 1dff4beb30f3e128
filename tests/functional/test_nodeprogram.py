"""Calls of the nodes' modules without Salt: the very program, run by this machine's python3 instead of a node's."""

import json
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kraftwerk import nodeprogram, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from tests.waiting import wait_for

TOP = Path(__file__).parents[2]
OWN = """
import os, subprocess, sys, time

def echo(*arguments, **keywords):
    __salt__["kw_call.progress"]("busy")
    __salt__["kw_call.report"]({"half": 1})
    print("this is a stream", flush=True)
    print("and this is noise", file=sys.stderr, flush=True)
    return {"arguments": arguments, "keywords": keywords, "argv": sys.argv, "pillar": __pillar__}

def fails(kind):
    raise {"runtime": RuntimeError("psql: no"), "os": FileNotFoundError(2, "No such file or directory", "/x"),
           "key": KeyError("a bug"), "gone": SystemExit(3)}[kind]

def knows(name):
    return name in __salt__

def who():
    known = __salt__["kw_name.plain"]("loaded-late")
    return [os.getresuid(), os.getresgid(), os.getgroups(), os.stat("/proc/self/mem").st_uid, known]

def sleeps(folder):
    child = subprocess.Popen(["sleep", "600"])
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo here; sleep 601"], stdout=subprocess.PIPE)
    stubborn.stdout.readline()
    with open(folder + "/pids", "w") as file:
        file.write(f"{child.pid} {stubborn.pid} {os.getpid()}\\n")
    try:
        stubborn.wait()
    finally:
        open(folder + "/undone", "w").close()

def streams(count):
    for _ in range(count):
        sys.stdout.buffer.write(bytes(1000))
    sys.stdout.flush()
    return count

def counts():
    size = 0
    while piece := os.read(0, 1000):
        size += len(piece)
    return size
"""


class Here:
    """A connection to no node: words are run here, as ssh would run them there."""

    node = Node(name="blue", host="127.0.0.1", user="root", port=22, provider="local")

    def popen(self, words, **streams):
        """Start a program."""
        return process.popen(words, **streams)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project with a module of its own."""
    folder = tmp_path / "mysite" / "salt" / "_modules"
    folder.mkdir(parents=True)
    (folder / "kw_own.py").write_text(OWN)
    (tmp_path / "mysite" / "kraftwerk.yaml").write_text("wsgi: mysite:app\n")
    monkeypatch.chdir(tmp_path / "mysite")
    return folder


def test_arguments_and_answers_are_json_and_no_process_list_shows_them(own):
    texts, values = [], []
    told = {"on_progress": texts.append, "on_report": values.append}
    answer = nodeprogram.call(Here(), "kw_own.echo", "a=b", [1, None, {"ä": "\x1e\n"}], key="s3cret", **told)
    assert answer["arguments"] == ["a=b", [1, None, {"ä": "\x1e\n"}]]
    assert answer["keywords"] == {"key": "s3cret"}
    assert answer["pillar"] == {}
    assert answer["argv"] == ["-c"]
    assert (texts, values) == (["busy"], [{"half": 1}])


def test_large_answers_come_through(own):
    assert len(nodeprogram.call(Here(), "kw_own.echo", "x" * 3_000_000)["arguments"][0]) == 3_000_000


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("kw_own.fails", ["runtime"], "blue: psql: no"),
        ("kw_own.fails", ["os"], "blue: /x: No such file or directory"),
        ("kw_own.fails", ["key"], "blue: KeyError: 'a bug'"),
        ("kw_own.fails", ["gone"], "blue: kw_own.fails failed: "),
        ("kw_own.nothing", [], "blue: there is no function kw_own.nothing here"),
        ("kw_nothing.at_all", [], "blue: there is no function kw_nothing.at_all here"),
        ("os.getcwd", [], "blue: there is no function os.getcwd here"),
        ("kw_own._private", [], "blue: there is no function kw_own._private here"),
    ],
)
def test_what_goes_wrong_there_is_one_line_here(own, function, arguments, words):
    with pytest.raises(KraftwerkError) as raised:
        nodeprogram.call(Here(), function, *arguments)
    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)


def test_a_module_that_cannot_be_used_says_why(own):
    (own / "kw_off.py").write_text(
        "def __virtual__():\n    return False, 'kw_off: needs a moon'\n\ndef f():\n    pass\n"
    )
    with pytest.raises(KraftwerkError, match="kw_off: needs a moon"):
        nodeprogram.call(Here(), "kw_off.f")
    (own / "kw_off.py").write_text("def __virtual__():\n    return 'kw_off'\n\ndef f():\n    return 7\n")
    assert nodeprogram.call(Here(), "kw_off.f") == 7  # what changed is sent


def test_a_project_module_wins(own):
    (own / "kw_files.py").write_text("def inspect(instance):\n    return f'mine of {instance}'\n")
    assert nodeprogram.call(Here(), "kw_files.inspect", "mysite") == "mine of mysite"
    assert nodeprogram.call(Here(), "kw_own.knows", "kw_files.inspect") is True
    assert nodeprogram.call(Here(), "kw_own.knows", "kw_files.dump") is False
    assert nodeprogram.call(Here(), "kw_own.knows", "cmd.run") is False


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_call_runs_as_somebody_else_and_for_good(own):
    user = pwd.getpwnam("www-data")
    everywhere, groups = [user.pw_uid] * 3, os.getgrouplist("www-data", user.pw_gid)
    answer = nodeprogram.call(Here(), "kw_own.who", user="www-data")
    assert answer[:2] == [everywhere, [user.pw_gid] * 3] and sorted(answer[2]) == sorted(groups)
    assert answer[3:] == [0, "loaded-late"], "its memory is root's to read alone"
    with pytest.raises(KraftwerkError, match="blue: there is no user nobody-knows on this node"):
        nodeprogram.call(Here(), "kw_own.who", user="nobody-knows")


def test_bytes_come_and_go_as_streams(own):
    with nodeprogram.start(Here(), "kw_own.streams", 5000) as running:
        assert len(running.stdout.read()) == 5_000_000
        assert running.result() == 5000
    with nodeprogram.start(Here(), "kw_own.counts", feeds=True) as running:
        running.stdin.write(bytes(3_000_000))
        running.stdin.close()
        assert running.result() == 3_000_000


def test_an_error_in_what_is_told_of_progress_is_ours(own):
    def refuse(value):
        raise KraftwerkError("not like this")

    with pytest.raises(KraftwerkError, match="not like this"):
        nodeprogram.call(Here(), "kw_own.echo", on_report=refuse)


def alive(pid):
    """Tell whether a process runs; one that nobody has waited for doesn't."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


CALLER = """
import sys
sys.path.insert(0, {top!r})
from tests.functional.test_nodeprogram import Here
from kraftwerk import nodeprogram
nodeprogram.call(Here(), "kw_own.sleeps", {folder!r})
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_whoever_is_killed_leaves_nothing_running(own, tmp_path, number):
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER.format(top=str(TOP), folder=str(tmp_path))], stderr=subprocess.DEVNULL
    )
    pids = tmp_path / "pids"
    wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"))
    running = [int(pid) for pid in pids.read_text().split()]
    assert all(map(alive, running))
    caller.send_signal(number)
    caller.wait(30)
    wait_for(lambda: not any(map(alive, running)))
    assert (tmp_path / "undone").exists()  # what was half done was undone before


def test_a_call_that_takes_too_long_is_ended(own, tmp_path):
    with pytest.raises(KraftwerkError, match=r"kw_own\.sleeps did not finish within 1 s"):
        nodeprogram.call(Here(), "kw_own.sleeps", str(tmp_path), timeout=1)
    running = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(running) == 3
    wait_for(lambda: not any(map(alive, running)))  # the kernel closes a killed one's files just before it's gone


def test_cron_runs_the_same_modules_from_a_folder(own, tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    for path in nodeprogram.module_files():
        (folder / path.name).write_bytes(path.read_bytes())

    def run(*words):
        return subprocess.run(
            ["python3", "-I", folder / "kw_call.py", *words], capture_output=True, text=True, check=False, cwd="/"
        )

    done = run("kw_own.echo", "mysite", "detail=true", "at=03:00")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["keywords"] == {"detail": True, "at": "03:00"}
    assert done.stderr.startswith("busy\n")
    failed = run("kw_own.fails", "runtime")
    assert (failed.returncode, failed.stderr) == (1, "kw_own.fails: psql: no\n")
    assert "usage" in run().stderr
    assert os.listdir(folder).count("__pycache__") <= 1
