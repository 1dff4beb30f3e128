"""What `make proof` concludes from what visitors saw, and that they notice what is wrong."""

import asyncio
import hashlib

import pytest

from tests.benchmarks import timed
from tests.proof.found import Found
from tests.proof.proofs import PROOFS
from tests.proof.report import FIGURES, Report
from tests.proof.tally import Tally
from tests.proof.visits import Visits

SUM = hashlib.sha256(b"").hexdigest()


class Answers:
    """A connection on which one answer comes."""

    def __init__(self, *answer):
        self.answer = answer

    async def ask(self, *_):
        if isinstance(self.answer[0], Exception):
            raise self.answer[0]
        return self.answer

    def close(self):
        """Hang up."""


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((200, f"v1 v1 {SUM}".encode()), ""),
        ((200, f"...v1 v1 {SUM}".encode()), ""),
        ((502, b"Bad Gateway"), "look: 502 b'Bad Gateway'"),
        ((200, f"v1 v2 {SUM}".encode()), "look: code of v1 with files of v2"),
        ((200, b"v1 v1 0123"), "look: it got something else than was sent"),
        ((ConnectionResetError(),), "look: ConnectionResetError()"),
    ],
)
def test_an_answer_counts_when_all_of_it_is_right(answer, failure):
    visits = Visits("10.0.0.1", "shop.blue")
    asyncio.run(visits.ask("look", Answers(*answer), "GET", "/"))
    assert list(visits.tally.failed) == ([failure] if failure else [])
    assert visits.tally.answers["look"] == (not failure)


def seen():
    """Return what visitors saw who got three answers and failed twice."""
    tally = Tally()
    for _ in range(3):
        tally.answered("look", "v1", 0.01)
    for _ in range(2):
        tally.wrong("look", "502")
    return tally.whole() | {"seconds": 2.0}


def test_a_failed_request_is_wrong_and_two_runs_are_added():
    found = Found()
    found.visited(seen())
    found.visited(seen())
    assert found.wrong == ["2 × look: 502"] * 2
    assert (found.figures["requests"], found.figures["failed"], found.figures["requests/s"]) == (6, 4, 2)


def test_a_page_keeps_what_earlier_runs_found(tmp_path):
    for proof, wrong in zip(PROOFS, (["a line"], []), strict=False):
        found = Found(figures={"races": 7}, wrong=wrong)
        Report(tmp_path).add(proof, found)
    page = (tmp_path / "reliability.md").read_text()
    assert page.count("7 races") == 2 and "| **1 wrong** |" in page and "| proven |" in page
    assert f"- *{PROOFS[0].title}*: a line" in page
    Report(tmp_path).add(PROOFS[0], Found())
    assert "Nothing." in (tmp_path / "reliability.md").read_text() and (tmp_path / FIGURES).exists()


def test_the_seconds_of_a_phase():
    assert timed.seconds("lock ✓\nlock took 0.100 s\nvirtualenv took 1.234 s\n", "virtualenv") == 1.234
