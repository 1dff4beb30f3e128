"""Logs: what is asked of a node, and what comes of several of them."""

import json

import pytest

from kraftwerk import logs, logstream, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.logs import Query, Record

MYSITE = Instance(
    *("mysite", "mysite", "production", "mysite.wsgi:application"),
    processes={"mail": {"run": "python mail.py", "count": 2}},
    cron={"tidy": {"at": "@daily", "run": "true"}},
)


@pytest.mark.parametrize("name", ["web", "mail", "mail.2", "cron.tidy", "cron", "nginx"])
def test_each_process_has_a_log(name):
    logs.check([Instance("mysite", "mysite", "production", "mysite.wsgi"), MYSITE], Query((name,)))


def test_logs_of_a_process_that_is_not_there():
    said = "no process is called mial; there are web, nginx, mail, mail.2, cron.tidy, cron"
    with pytest.raises(KraftwerkError, match=said) as caught:
        logs.check([MYSITE], Query(("web", "mial")))
    assert caught.value.code == 2


def test_what_is_no_regular_expression():
    with pytest.raises(KraftwerkError, match=r"--grep '\(' is no regular expression: missing \), unterminated"):
        logs.check([MYSITE], Query(grep="("))


def test_a_node_is_asked_with_one_program_and_one_question():
    python, isolated, _, question = logs.words(MYSITE, Query(("web",), 5.5, 20, "a'b", follow=True))
    assert (python, isolated) == ("python3", "-ISc")
    assert json.loads(question) == {
        **{"instance": "mysite", "processes": ["web"], "since": 5.5, "lines": 20, "grep": "a'b", "follow": True},
        "hold": logs.HOLD,
    }


def test_a_record_is_printed_with_its_time_and_process_on_each_line(monkeypatch):
    monkeypatch.setattr(logs.moment, "shown", lambda stamp: f"at {stamp}")
    record = logs.parse("blue", b'[7.5, "web", "bad\\nTraceback"]')
    assert record.lines(named=0, wide=5) == ["at 7.5  web    bad", "at 7.5  web    Traceback"]
    assert record.lines(named=6, wide=3) == ["at 7.5  blue    web  bad", "at 7.5  blue    web  Traceback"]
    assert (record.as_dict()["node"], record.as_dict()["text"]) == ("blue", "bad\nTraceback")
    assert logs.parse("blue", b"null\n") is None


def records(node, *stamps):
    return [Record(stamp, node, "web", f"{node} {stamp}") for stamp in stamps]


def test_several_nodes_are_one_stream_and_the_last_lines_are_of_all_together():
    histories = [records("blue", 1, 4, 5), records("green", 2, 3, 6)]
    assert [record.stamp for record in logs.merged(histories, None)] == [1, 2, 3, 4, 5, 6]
    assert [record.stamp for record in logs.merged(histories, 2)] == [5, 6]


class Given:
    """A stream of a node, as it comes."""

    def __init__(self, node, was=(), comes=(), error=None):
        self.was, self.comes, self.error, self.broken = was, comes, None, error

    def history(self):
        yield from self.was
        self.error = None if self.comes else self.broken

    def coming(self):
        yield from self.comes
        self.error = self.broken


def test_what_comes_from_several_nodes_is_put_in_order(monkeypatch, capsys):
    monkeypatch.setattr(screen, "is_read", lambda: True)
    gone = KraftwerkError("blue can't be reached")
    streams = [Given("blue", comes=records("blue", 2, 4), error=gone), Given("green", comes=records("green", 1, 3))]
    streams[1].broken = KraftwerkError("green: its log ended")
    assert [record.stamp for record in logstream.coming(streams, hold=5)] == [1, 2, 3, 4]
    assert "Warning: blue can't be reached" in capsys.readouterr().err


def test_a_node_that_cannot_be_reached_holds_up_no_other(capsys):
    gone = KraftwerkError("green can't be reached")
    shown = []
    streams = [Given("blue", records("blue", 1)), Given("green", error=gone)]
    assert logstream.run(streams, Query(), shown.append) == 1
    assert [record.text for record in shown] == ["blue 1"]
    assert capsys.readouterr().err == "Warning: green can't be reached\n"
    with pytest.raises(KraftwerkError, match="green can't be reached"):
        logstream.run([Given("green", error=gone)], Query(), shown.append)


def test_nothing_is_told_in_words(capsys):
    assert logstream.run([Given("blue")], Query(), print) == 0
    assert logstream.run([Given("blue")], Query(grep="x"), print) == 0
    assert capsys.readouterr().err == "nothing was logged yet\nnothing like that was logged\n"
