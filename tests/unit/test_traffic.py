"""What visitors met: from lines of nginx's log, read by the script as it runs on a node, to words."""

import subprocess
import time

import pytest

from kraftwerk.remote import script
from kraftwerk.traffic import Traffic, parse

LOGS = "/var/log/nginx"
OLD = '192.0.2.9 - - [{time}] "GET / HTTP/1.1" {status} 12 "-" "{agent}"'  # as nginx wrote before it noted seconds


def line(status=200, seconds="0.010", upstream=None, ago=5, agent="curl/7", request="GET / HTTP/1.1"):
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.localtime(time.time() - ago))
    rest = f'{seconds} "{status if upstream is None else upstream}"'
    return f'192.0.2.9 - - [{stamp}] "{request}" {status} 12 "-" "{agent}" {rest}\n'


@pytest.fixture
def seen(tmp_path):
    """Return a function that has the script read lines of a log, and of the one before it."""
    body = script("health").replace(LOGS, str(tmp_path)).replace('main "$@" </dev/null', 'traffic "$@"')

    def read(lines, before=None):
        (tmp_path / "shop.access.log").write_text("".join(lines))
        if before is not None:
            (tmp_path / "shop.access.log.1").write_text("".join(before))
        done = subprocess.run(["sh", "-seu", "--", "shop"], input=body.encode(), capture_output=True, check=True)
        assert done.stderr == b""
        kind, name, *words = done.stdout.decode().rstrip("\n").split("\t")
        assert (kind, name) == ("traffic", "shop")
        return parse(words)

    return read


def test_requests_of_the_last_ten_minutes_are_counted_over_a_rotation(seen):
    assert seen([line(), line(ago=100), line(ago=590)], [line(ago=595), line(ago=620)]) == Traffic(4, 0, 10, 600)


def test_nothing_was_asked(seen):
    assert seen([]) == Traffic(0, 0, None, 600)
    assert seen([line(ago=1000)]) == Traffic(0, 0, None, 600)


def test_our_own_looks_websockets_and_a_page_that_keeps_visitors_out_are_no_errors(seen):
    ours = line(500, agent="kraftwerk-health")
    socket = line(101, seconds="900.000")
    assert seen([ours, socket, line(503, upstream="-"), line(503), line(502), line(404), line()]).errors == 2
    assert seen([ours, socket]).requests == 0


def test_ninety_five_of_a_hundred(seen):
    slow = [line(seconds=f"0.{number:03d}") for number in range(1, 101)]
    assert seen(slow).p95 == 95
    assert seen([line(seconds="1.234")]).p95 == 1234
    assert seen([*[line()] * 94, *[line(seconds="80.5")] * 6]).p95 == 60000


def test_what_visitors_send_and_broken_lines_do_no_harm(seen):
    odd = line(request="GET /[x] \\x22 500 \\x22", agent="[a] \\x22 b 0.1")
    assert seen(["cut off\n", "\n", '"""[\n', odd, line()]) == Traffic(2, 0, 10, 600)


def test_a_log_without_seconds_counts_all_the_same(seen):
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.localtime())
    old = [OLD.format(time=stamp, status=status, agent=agent) + "\n" for status, agent in ((200, "a"), (502, "b"))]
    assert seen(old) == Traffic(2, 1, None, 600)


def test_of_a_busy_site_it_is_said_how_far_back_it_was_read(seen):
    busy = [line(ago=300)] * 15000 + [line(ago=100)] * 30000  # 3 MB: the last 2 begin 100 s ago
    found = seen(busy)
    assert 20000 < found.requests < 30000
    assert 95 <= found.seconds <= 110


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        (Traffic(), "no requests in the last 10 min"),
        (Traffic(1, 0, 7), "5xx 0.0% · p95 7 ms · 1 request in the last 10 min"),
        (Traffic(3400, 4, 1210), "5xx 0.1% · p95 1.2 s · 3400 requests in the last 10 min"),
        (Traffic(10, 10, None, 30), "5xx 100.0% · 10 requests in the last 30 s"),
    ],
)
def test_words(traffic, words):
    assert traffic.words == words


@pytest.mark.parametrize(
    ("requests", "errors", "wrong"), [(4, 4, False), (10, 5, True), (101, 5, False), (100, 5, True), (0, 0, False)]
)
def test_few_errors_or_few_of_all_are_no_finding(requests, errors, wrong):
    assert bool(Traffic(requests, errors).complaint(5)) is wrong


def test_the_complaint():
    said = "7 of 70 requests in the last 10 min were answered with 5xx"
    assert Traffic(70, 7).complaint(5) == said
    assert Traffic(70, 7, 12).as_dict() == {
        **{"requests": 70, "errors": 7, "error_percent": 10.0},
        **{"p95_ms": 12, "seconds": 600},
    }
