"""The program that reads logs on a node: times, tracebacks, files that were turned over, and what comes."""

import gzip
import io
import json
import os
import subprocess
import sys
import time

import pytest

from kraftwerk.remote import logs, program

NOW = 1795312800.0  # 2026-11-22 02:00:00 UTC
TRACE = ["bad thing", "Traceback (most recent call last):", '  File "a.py", line 1', "    boom()", "ValueError: no"]
CHAINED = ["", "During handling of the above exception, another exception occurred:", "", *TRACE[1:4], "KeyError: 'x'"]


def stamped(stamp, text):
    moment = time.strftime("%Y-%m-%d_%H:%M:%S", time.gmtime(stamp))
    return f"{moment}.{int(stamp % 1 * 100000):05d} {text}\n"


def runit(folder, *lines, name="current"):
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(stamped(stamp, said) for stamp, said in lines)
    (folder / name).write_text(text)
    os.utime(folder / name, (lines[-1][0], lines[-1][0]))


@pytest.fixture
def node(tmp_path, monkeypatch):
    """The folders of a node's logs; its clock stands at NOW."""
    for name in ("LOGS", "NGINX"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(logs, name, str(tmp_path / name))
    monkeypatch.setattr(logs.time, "time", lambda: NOW)
    return tmp_path


def asked(capsys, **question):
    usual = {"instance": "mysite", "processes": [], "since": 0, "lines": None, "grep": "", "follow": False, "hold": 0}
    logs.main(json.dumps(usual | question))
    *records, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert end is None
    return records


def texts(records):
    return [f"{process} {text}" for _, process, text in records]


def test_times_of_all_who_write():
    assert logs.runit_line(b"2026-11-22_02:00:00.25000 said\n") == (NOW + 0.25, b"said\n")
    access = b'10.0.0.1 - - [22/Nov/2026:03:00:00 +0100] "GET / HTTP/1.1" 200 5 "-" "curl"'
    assert logs.nginx_line(access) == (NOW, b'10.0.0.1 - - "GET / HTTP/1.1" 200 5 "-" "curl"')
    assert logs.nginx_line(b"[22/Nov/2026:01:30:00 -0030] x")[0] == NOW
    stamp, text = logs.nginx_line(b"2026/11/22 02:00:00 [error] 7#7: *1 connect() failed")
    assert (stamp, text) == (time.mktime((2026, 11, 22, 2, 0, 0, 0, 0, -1)), b"[error] 7#7: *1 connect() failed")
    assert logs.parsed(logs.nginx_line, b"garbage \xff\n") == (None, "garbage �")
    assert logs.parsed(logs.runit_line, b"2026-99-22_02:00:00.25 said\n")[0] is None


def grouped(*lines):
    group = logs.Group("web")
    found = [record for stamp, text in lines for record in group.add(stamp, text)]
    return [text for _, _, text in [*found, *group.end()]]


def test_a_traceback_is_one_record_with_the_line_before_it():
    lines = ["before", *TRACE, *CHAINED, 'GET "/" 500', "  indented"]
    close = [(1 + number / 1000, text) for number, text in enumerate(lines)]
    assert grouped(*close) == ["before", "\n".join([*TRACE, *CHAINED]), 'GET "/" 500\n  indented']


def test_what_comes_much_later_belongs_to_nothing():
    assert grouped((1, "one"), (9, "  two"), (20, logs.TRACEBACK), (20, "  File"), (20, "E"), (20, "new")) == [
        *["one", "  two", f"{logs.TRACEBACK}\n  File\nE", "new"]
    ]


def test_lines_without_a_time_belong_to_the_one_before_and_records_have_an_end():
    assert grouped((1, "one"), (None, "two"), (2, "three")) == ["one\ntwo", "three"]
    assert [len(text.splitlines()) for text in grouped(*[(1, " x")] * 2500)] == [1000, 1000, 500]


def test_all_processes_are_one_stream(node, capsys):
    runit(node / "LOGS/mysite/web-a", (NOW - 9, "a1"), (NOW - 5, "a2"))
    runit(node / "LOGS/mysite/web-b", (NOW - 7, "b1"))
    runit(node / "LOGS/mysite/mail.2", (NOW - 6, "m2"))
    runit(node / "LOGS/mysite/cron.tidy", (NOW - 4, "c1"))
    runit(node / "LOGS/other/web-a", (NOW - 3, "not mine"))
    (node / "NGINX/mysite.access.log").write_text('::1 - - [22/Nov/2026:01:59:52 +0000] "GET /"\n')
    (node / "NGINX/mysite-staging.access.log").write_text('::1 - - [22/Nov/2026:01:59:52 +0000] "not mine"\n')
    every = ["web a1", 'nginx ::1 - - "GET /"', "web b1", "mail.2 m2", "web a2", "cron.tidy c1"]
    assert texts(asked(capsys)) == every
    assert texts(asked(capsys, processes=["mail", "cron"])) == ["mail.2 m2", "cron.tidy c1"]
    assert texts(asked(capsys, processes=["nginx"])) == every[1:2]
    assert texts(asked(capsys, since=NOW - 6)) == every[3:]
    assert texts(asked(capsys, lines=2)) == every[-2:]
    assert texts(asked(capsys, lines=0)) == []
    assert texts(asked(capsys, lines=5, since=NOW - 6, grep="[ac][12]")) == every[-2:]


def test_an_instance_without_logs_has_none(node, capsys):
    assert asked(capsys, lines=20) == []


def test_logs_that_were_turned_over_are_read_as_far_back_as_it_takes(node, capsys, monkeypatch):
    folder = node / "LOGS/mysite/web-a"
    runit(folder, (NOW - 900000, "oldest"), name="@400000006740000000000000.s")
    runit(folder, (NOW - 9000, "older"), (NOW - 8000, TRACE[0]), name="@400000006750000000000000.u")
    runit(folder, *((NOW - 8000, line) for line in TRACE[1:]), (NOW - 10, "now"))
    access = "::1 - - [{}/Nov/2026:01:00:00 +0000] {}\n"
    (node / "NGINX/mysite.access.log").write_text(access.format(22, "today"))
    (node / "NGINX/mysite.access.log.1").write_text(access.format(21, "yesterday"))
    with gzip.open(node / "NGINX/mysite.access.log.2.gz", "wt") as file:
        file.write(access.format(20, "before"))
    for name, age in (("log.1", 80000), ("log.2.gz", 170000)):
        os.utime(node / f"NGINX/mysite.access.{name}", (NOW - age, NOW - age))
    every = [
        "web oldest",
        *(f"nginx ::1 - - {day}" for day in ("before", "yesterday")),
        "web older",
        "web " + "\n".join(TRACE),
        "nginx ::1 - - today",
        "web now",
    ]
    assert texts(asked(capsys)) == every
    for count in range(len(every) + 2):
        assert texts(asked(capsys, lines=count)) == every[-count:][:count]
    assert texts(asked(capsys, grep="^ValueError", lines=1)) == [every[4]]
    opened, real = [], logs.opened
    monkeypatch.setattr(logs, "opened", lambda path: opened.append(os.path.basename(path)) or real(path))
    assert texts(asked(capsys, since=NOW - 10000)) == every[3:]
    assert sorted(opened) == ["@400000006750000000000000.u", "current", *["mysite.access.log", "mysite.error.log"]]


def test_a_file_that_is_no_gzip_hides_nothing(node, capsys):
    (node / "NGINX/mysite.access.log").write_text("::1 - - [22/Nov/2026:01:00:00 +0000] here\n")
    (node / "NGINX/mysite.access.log.2.gz").write_text("broken")
    assert texts(asked(capsys)) == ["nginx ::1 - - here"]


class Counted(io.BufferedReader):
    """A file that counts how many lines are read."""

    lines = 0

    def readline(self, *arguments):
        self.lines += 1
        return super().readline(*arguments)


def test_a_time_is_found_in_a_large_file_by_reading_little_of_it(tmp_path):
    path = tmp_path / "current"
    path.write_text("".join(stamped(NOW + number, f"line {number} {'x' * 100}") for number in range(20000)))
    with Counted(io.FileIO(path)) as file:
        logs.approach(file, NOW + 15000, logs.runit_line)
        assert file.lines < 50
        assert NOW + 14000 < logs.runit_line(file.readline())[0] <= NOW + 15000
        logs.approach(file, NOW - 1, logs.runit_line)
        assert file.tell() == 0


class Following:
    """The program, while it follows."""

    def __init__(self, node, **question):
        usual = {"instance": "mysite", "processes": [], "since": 0, "lines": 0, "grep": "", "follow": True}
        text = program("logs").replace("/var/log/kraftwerk", f"{node}/LOGS").replace("/var/log/nginx", f"{node}/NGINX")
        text = text.replace("RESCAN = 2", "RESCAN = 0").replace("OLD = 10 ", "OLD = 0.5 ")
        words = [sys.executable, "-ISc", text, json.dumps(usual | {"hold": 0.3} | question)]
        self.running = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.running.stdout.readline() == "null\n"

    def next(self):
        return json.loads(self.running.stdout.readline())[2]

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.running.communicate(timeout=10)
        assert self.running.returncode == 0


def add(path, text, age=0.0):
    with path.open("a") as file:
        file.write(stamped(time.time() - age, text))


@pytest.fixture
def followed(tmp_path):
    for folder in ("NGINX", "LOGS/mysite/web-a", "LOGS/mysite/web-b"):
        (tmp_path / folder).mkdir(parents=True)
    add(tmp_path / "LOGS/mysite/web-a/current", "old")
    return tmp_path


def test_what_comes_is_followed_over_turns_and_to_new_processes(followed):
    web = followed / "LOGS/mysite/web-a"
    with Following(followed) as following:
        add(web / "current", "one")
        assert following.next() == "one"
        (web / "current").rename(web / "@400000006740000000000000.s")
        add(web / "@400000006740000000000000.s", "two")  # who writes notices later
        assert following.next() == "two"
        add(web / "current", "three")
        assert following.next() == "three"
        add(followed / "LOGS/mysite/web-b/current", "the other slot")
        assert following.next() == "the other slot"
        (followed / "LOGS/mysite/mail").mkdir()
        add(followed / "LOGS/mysite/mail/current", "a new process")
        assert following.next() == "a new process"
        (web / "current").write_text("")  # shorter than it was, and so is what comes
        add(web / "current", "x")
        assert following.next() == "x"


def test_two_turns_at_once_lose_nothing(followed):
    web = followed / "LOGS/mysite/web-a"
    with Following(followed) as following:
        for number, name in enumerate(("@400000006740000000000001.s", "@400000006740000000000002.s")):
            add(web / "current", f"turn {number}")
            (web / "current").rename(web / name)
        add(web / "current", "live")
        assert [following.next() for _ in range(3)] == ["turn 0", "turn 1", "live"]


def test_what_comes_is_put_in_order_and_tracebacks_stay_whole(followed):
    with Following(followed, grep="one|Traceback|three") as following:
        add(followed / "LOGS/mysite/web-b/current", "three")
        add(followed / "LOGS/mysite/web-a/current", "nothing", age=4)
        add(followed / "LOGS/mysite/web-a/current", "one", age=3)
        for line in TRACE:
            add(followed / "LOGS/mysite/web-a/current", line, age=1)
        assert [following.next() for _ in range(3)] == ["one", "\n".join(TRACE), "three"]


def test_half_a_line_is_waited_for(followed):
    path = followed / "LOGS/mysite/web-a/current"
    with Following(followed) as following:
        whole = stamped(time.time(), "a whole line")
        for half in (whole[:20], whole[20:]):
            with path.open("a") as file:
                file.write(half)
        assert following.next() == "a whole line"


def test_it_ends_when_nobody_reads(followed):
    following = Following(followed)
    following.running.stdout.close()
    add(followed / "LOGS/mysite/web-a/current", "one")
    assert following.running.wait(10) == 0
