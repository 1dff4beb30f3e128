"""Work at several nodes: real processes, without nodes."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from kraftwerk import node, process, project, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import bound, choice, deploying, foreman, parcel, rolling, sharing
from kraftwerk.fleet.board import IN_MEMORY, Board
from kraftwerk.release import History, Release
from kraftwerk.rollout import Rollout
from tests.waiting import wait_for


def work(tasks, at_once=8, **options):
    return foreman.work(tasks, Board(list(tasks), doing="Working", **options), at_once)


def test_results_are_in_the_order_of_nodes_whoever_ends_first(tmp_path, capsys):
    last = tmp_path / "last"

    def first(on_progress):
        wait_for(last.exists)
        return "first"

    def second(on_progress):
        last.touch()
        return "second"

    done = work({"a": first, "long": second}, told=lambda value: [value, "and more"])
    assert [(each.name, each.value, each.error) for each in done] == [("a", "first", None), ("long", "second", None)]
    assert capsys.readouterr().out == "a     first\na     and more\nlong  second\nlong  and more\n"


def test_so_many_at_once_and_no_more(tmp_path):
    begun, now = tmp_path / "begun", tmp_path / "now"
    begun.mkdir()
    now.mkdir()

    def task(name, other, on_progress):
        (now / name).touch()
        (begun / name).touch()
        wait_for((begun / other).exists)
        count = len(list(now.iterdir()))
        (now / name).unlink()
        return count

    pairs = {"a": "b", "b": "a", "c": "d", "d": "c", "e": "f", "f": "e"}
    done = work({name: partial(task, name, other) for name, other in pairs.items()}, at_once=2)
    assert {each.value for each in done} <= {1, 2}


def test_one_that_fails_holds_up_no_other(capfd):
    def fails(on_progress):
        raise KraftwerkError("b: no way", next_command="another", code=2)

    def mistaken(on_progress):
        raise ValueError("a mistake")

    def killed(on_progress):
        os.kill(os.getpid(), signal.SIGKILL)

    done = work({"a": lambda _: 1, "b": fails, "c": mistaken, "d": killed, "e": lambda _: 2}, at_once=1)
    assert [each.value for each in done] == [1, None, None, None, 2]
    assert done[1].error.code == 2
    assert capfd.readouterr().err.splitlines() == [
        "b  ✗ no way → another",
        "c  ✗ ValueError: a mistake → the same command with --debug",
        "d  ✗ what worked on it was ended by SIGKILL, without a result",
    ]


def test_what_programs_print_carries_the_node_s_name(capfd):
    def task(on_progress):
        print("from Python")
        process.run(["sh", "-c", "echo a program; printf 'its error' >&2"], stdout=None, stderr=None)

    work({"a": task, "b": task})
    out, err = capfd.readouterr()
    assert out == "".join(f"{name}  from Python\n{name}  a program\n" for name in "ab")
    assert err == "a  its error\nb  its error\n"


def test_much_is_held_back_and_carried_over(capfd):
    line = "x" * 99

    def much(on_progress):
        for _ in range(IN_MEMORY // 50):
            print(line)
        return line * (1 << 14)

    done = work({"a": much, "b": much})
    assert [len(each.value) for each in done] == [99 << 14] * 2
    assert capfd.readouterr().out.count(f"b  {line}\n") == IN_MEMORY // 50


def test_json_stays_readable(capfd):
    def task(on_progress):
        print("said")
        return 1

    work({"a": task}, told=lambda value: ["shown"], as_json=True)
    assert capfd.readouterr() == ("", "a  said\n")


def test_progress_is_told_with_v(capfd, monkeypatch):
    monkeypatch.setattr("kraftwerk.screen.settings.verbosity", 1)
    work({"a": lambda on_progress: on_progress("at it")})
    assert "a  at it" in capfd.readouterr().err


PARENT = """
import sys, time
from pathlib import Path
from kraftwerk import process
from kraftwerk.fleet import foreman
from kraftwerk.fleet.board import Board
folder = Path(sys.argv[1])

def task(name, on_progress):
    program = process.popen(["sleep", "600"])
    print("at work")
    try:
        (folder / f"{name}.new").write_text(str(program.pid))
        (folder / f"{name}.new").rename(folder / name)
        program.wait()
    finally:
        program.kill()
        program.wait()
        (folder / f"{name}.clean").touch()

tasks = {name: (lambda on_progress, name=name: task(name, on_progress)) for name in ("a", "b", "c")}
try:
    foreman.work(tasks, Board(list(tasks), doing="Working"), 2)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def at_work(tmp_path):
    """Start a process with two workers at work and a third that waits; each has a program running."""
    words = [sys.executable, "-uc", PARENT, str(tmp_path)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    yield running
    running.kill()
    running.communicate()


def alive(pid):
    """Tell whether a process is there; one that has ended and isn't waited for isn't."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_what_ends_us_ends_all_of_them_cleanly(at_work, tmp_path, number, code):
    at_work.send_signal(number)
    assert at_work.wait(30) == code
    wait_for(lambda: (tmp_path / "a.clean").exists() and (tmp_path / "b.clean").exists())
    assert not any(alive(int((tmp_path / name).read_text())) for name in ("a", "b"))
    assert not (tmp_path / "c").exists()


def test_the_first_one_is_heard_at_once(at_work):
    assert at_work.stdout.readline() == "a  at work\n"
    assert at_work.poll() is None


def test_how_many_fit(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(bound, "free", lambda: 64 << 30)
    assert bound.at_once(None, heavy=True) == 2 * bound.RENDERS
    assert bound.at_once(None, heavy=False) == 2 * bound.WAITS
    assert bound.at_once(100, heavy=True) == 100
    monkeypatch.setattr(bound, "free", lambda: 300 << 20)
    assert bound.at_once(None, heavy=True) == 4
    monkeypatch.setattr(bound, "free", lambda: 0)
    assert bound.at_once(None, heavy=True) == 1


@pytest.fixture
def three(tmp_path, monkeypatch):
    """Return a project whose database lives on the second of its three nodes."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    for name in ("web1", "db1", "web2", "spare"):
        node.save_node(node.Node(name, f"192.0.2.{len(name)}", "ssh"))
    root = tmp_path / "mysite"
    root.mkdir()
    (root / "kraftwerk.yaml").write_text(
        "wsgi: mysite.wsgi\nservices: {postgres: {node: db1}}\nrelease: [python manage.py migrate]\n"
        "environments: {production: {nodes: [web1, db1, web2]}}\n"
    )
    return project.find(root)


def test_a_deploy_begins_where_the_data_is(three):
    found = choice.targets(three, "production", (), False, by="")
    assert [each.node.name for each in found] == ["db1", "web1", "web2"]
    found = choice.targets(three, "production", ("spare", "web2", "spare"), False, by="")
    assert [each.node.name for each in found] == ["spare", "web2"]


def test_names_and_all_of_them_is_bad_usage():
    with pytest.raises(KraftwerkError, match="either web1 or --all") as caught:
        choice.check(("web1",), True)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("environment", "wheels", "options"),
    [("production", None, ""), ("staging", None, " --env staging"), ("production", Path("/w"), " --wheels /w")],
)
def test_what_is_left_of_a_deploy_is_deployed_in_the_same_way(three, environment, wheels, options):
    run = Rollout(three, choice.targets(three, environment, ("web1",), False, by="")[0])
    run.wheels = wheels
    with pytest.raises(KraftwerkError, match="web1, web2: not deployed") as caught:
        deploying._ended("web1, web2: not deployed", ["web1", "web2"], run)
    assert caught.value.next_command == f"kraftwerk deploy web1 web2{options}"


def runs(three, *names):
    return [Rollout(three, target.resolve(three, "production", name)) for name in names]


def names(waves):
    return [[run.target.node.name for run in wave] for wave in waves]


def test_nodes_with_the_same_database_are_led_by_the_first(three):
    assert sharing.leaders(runs(three, "db1", "web1", "web2")) == {"db1": "db1", "web1": "db1", "web2": "db1"}
    assert sharing.leaders(runs(three, "web1", "web2")) == {"web1": "web1", "web2": "web1"}


@pytest.mark.parametrize(
    ("services", "shared"),
    [
        ("[postgres]", False),
        ("[files]", False),
        ("[redis]", True),
        ("{}", True),
        ("{postgres: {url: 'postgres://db/x'}, files: {}}", True),
        ("{postgres: {node: db1}, mysql: {}}", False),
    ],
)
def test_nodes_with_databases_of_their_own_lead_themselves(three, services, shared):
    file = three.root / "kraftwerk.yaml"
    file.write_text(f"wsgi: mysite.wsgi\nservices: {services}\n")
    found = sharing.leaders(runs(project.find(three.root), "web1", "web2"))
    assert found == {"web1": "web1", "web2": "web1" if shared else "web2"}


def test_one_goes_first_then_others_in_batches(three):
    found = runs(three, "db1", "web1", "web2", "spare")
    assert names(sharing.waves(found, None)) == [["db1"], ["web1", "web2", "spare"]]
    assert names(sharing.waves(found, 2)) == [["db1"], ["web1", "web2"], ["spare"]]
    assert names(sharing.waves(found[:1], None)) == [["db1"]]


def test_of_two_with_one_database_in_common_one_comes_after_the_other(three):
    """Each has a mysql of its own, and runs release commands; so do `postgres`' of the same place."""
    file = three.root / "kraftwerk.yaml"
    file.write_text("wsgi: mysite.wsgi\nservices: {postgres: {node: db1}, mysql: {}}\nrelease: [migrate]\n")
    found = runs(project.find(three.root), "spare", "web1", "web2")
    assert names(sharing.waves(found, None)) == [["spare"], ["web1", "web2"]]
    file.write_text("wsgi: mysite.wsgi\nservices: {postgres: {}, mysql: {node: db1}}\nrelease: [migrate]\n")
    own = project.find(three.root)
    file.write_text("wsgi: mysite.wsgi\nservices: {postgres: {}, mysql: {}}\nrelease: [migrate]\n")
    first = runs(project.find(three.root), "spare")
    assert names(sharing.waves([*first, *runs(own, "web1", "web2", "db1")], None)) == [
        ["spare"],
        ["web1"],
        ["web2", "db1"],
    ]


def test_a_batch_is_a_number_or_a_part():
    assert [deploying.size(each, 10) for each in ("", "3", "25%", "1%")] == [None, 3, 2, 1]
    for wrong in ("0", "many", "%", "-1"):
        with pytest.raises(KraftwerkError, match="neither a number of nodes"):
            deploying.size(wrong, 10)


def test_the_outcome_says_where_what_serves():
    outcome = rolling.Outcome(["web1", "web2"], ["web3", "web4"], {"web1": 4}, ["web2"])
    told = "web3, web4: not deployed; gone back: web1 (release 4); the new release stays live on web2"
    assert str(outcome) == f"{told}: versions are mixed"


def test_an_interruption_says_no_more_than_is_known():
    told = "interrupted: web1 has the new release, web2, web3 may have it; kraftwerk status tells"
    assert rolling._interrupted(["web1"], ["web1", "web2", "web3"]) == told
    assert rolling._interrupted([], []) == "interrupted: no node has the new release; kraftwerk status tells"


def test_only_nodes_that_others_follow_tell_what_they_made(three):
    assert rolling._led_by(runs(three, "db1", "web1", "web2")) == {"db1"}
    (three.root / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi\nservices: [postgres]\n")
    assert rolling._led_by(runs(project.find(three.root), "db1", "web1", "web2")) == {"db1"}


def test_going_back_is_to_what_was_live_before_and_never_to_a_served_one(three):
    run = runs(three, "web1")[0]
    before = History({2: Release(2, "previous"), 3: Release(3, "live", served=True)}, live=3)
    served = {2: Release(2, "previous"), 3: Release(3, "served", served=True)}
    run.history = before
    assert rolling._before(run, History({**served, 4: Release(4, "live")}, live=4)) == rolling.STAYS
    failed = {4: Release(4, "failed")}  # somebody else's, since we looked
    assert rolling._before(run, History({**served, **failed, 5: Release(5, "live")}, live=5)) == rolling.STAYS
    deployed = {4: Release(4, "previous")}
    assert rolling._before(run, History({**served, **deployed, 5: Release(5, "live")}, live=5)) == 4
    run.history = History({2: Release(2, "live")}, live=2)
    assert rolling._before(run, History({2: Release(2, "previous"), 3: Release(3, "live")}, live=3)) == 2
    assert rolling._before(run, History({4: Release(4, "live")}, live=4)) == rolling.STAYS


def test_files_are_copied_once_and_killed_deploys_leave_no_copies(three):
    (three.root / "shop.py").write_text("one")
    (three.root / "requirements.txt").write_text("gunicorn\n")
    found = runs(three, "web1", "web2")
    with parcel.packed(found) as folder:
        (three.root / "shop.py").write_text("two")
        assert [(run.folder / "shop.py").read_text() for run in found] == ["one", "one"]
        assert {run.requirements.kind for run in found} == {"requirements.txt"}
        left = folder.with_name("left")
        left.mkdir()
        with parcel.packed(found):
            assert folder.exists() and not left.exists()
    assert not folder.exists()


def test_what_was_checked_goes_through_a_pipe(three):
    (run,) = runs(three, "web1")
    done = work({"web1": lambda on_progress: run})
    assert done[0].value.instance == run.instance


def test_on_a_terminal_each_node_has_a_line():
    """A pseudo-terminal of 24 lines shows what is at work, and in the end nothing but results."""
    code = (
        "from kraftwerk.fleet import foreman; from kraftwerk.fleet.board import Board; import os, sys\n"
        "def task(name, on_progress):\n"
        "    on_progress(f'{name} is at it')\n"
        "    os.read(int(sys.argv[1]), 1)\n"
        "    return name\n"
        "names = ['a', 'b']\n"
        "tasks = {name: (lambda on_progress, name=name: task(name, on_progress)) for name in names}\n"
        "foreman.work(tasks, Board(names, doing='Working', told=lambda value: [f'✓ {value}']), 2)\n"
    )
    ours, theirs = pty.openpty()
    reading, writing = os.pipe()
    words = [sys.executable, "-c", code, str(reading)]
    running = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, pass_fds=[reading])
    os.close(theirs)
    shown = b""
    while b"a is at it" not in shown or b"b is at it" not in shown:
        shown += os.read(ours, 1 << 16)
    assert "Working … 0 of 2 done" in shown.decode()
    os.write(writing, b"xx")
    shown = b""
    with suppress(OSError):  # a terminal whose other end is gone
        while piece := os.read(ours, 1 << 16):
            shown += piece
    assert running.wait(10) == 0
    assert "a  ✓ a\r\n" in shown.decode() and "b  ✓ b\r\n" in shown.decode()
    for descriptor in (ours, reading, writing):
        os.close(descriptor)
