"""A question that can be answered with yes, no, more, and all that are left."""

import io

import pytest

from kraftwerk import screen
from kraftwerk.fleet import deploying
from kraftwerk.rollout import Rollout


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.parametrize(
    ("text", "answer"),
    [("y\n", screen.YES), ("n\n", screen.NO), ("\n", screen.NO), ("", screen.NO), ("Yes\n", screen.YES)],
)
def test_a_letter_is_enough_and_nobody_there_is_no(typed, text, answer):
    typed(text)
    assert screen.decide("Deploy?", list) == answer


def test_more_is_shown_and_asked_again(typed, capsys):
    typed("m\nwhat?\ny\n")
    assert screen.decide("Deploy?", lambda: ["Files", "  + a"]) == screen.YES
    assert capsys.readouterr().out.count("  Files\n    + a\n") == 2


def test_all_is_an_answer_only_where_there_are_others(typed):
    typed("a\ny\n")
    assert screen.decide("Deploy?", list) == screen.YES
    typed("a\n")
    assert screen.decide("Deploy?", list, others=True) == screen.ALL


class Node:
    def __init__(self, name):
        self.node = self
        self.name = name


def test_each_node_is_deployed_to_or_skipped(typed):
    runs = [Rollout(None, Node(name)) for name in ("a", "b", "c", "d")]
    typed("n\ny\nn\n\n")
    assert deploying.ask(runs) == [runs[1]]
    typed("n\na\n")
    assert deploying.ask(runs) == runs[1:]
