"""What is told of a load: what differs, what waited."""

import pytest

from kraftwerk import load
from kraftwerk.counts import Comparison
from kraftwerk.hold import Hold
from kraftwerk.load import Outcome
from tests.manifests import manifest_of


def test_what_differs_after_the_swap_is_a_warning(capsys):
    rows = Comparison("postgres", "rows", 31, 31)
    load.tell(Outcome(manifest_of(), (rows,), (Comparison("postgres", "rows", 31, 33),)))
    output = capsys.readouterr()
    assert "postgres: 33/31 rows since" in output.err
    assert output.out == "loaded and checked against the manifest ✓ 31/31 rows\n"


def test_the_way_back_is_the_last_line(capsys):
    load.tell(Outcome(manifest_of(), ()), "kraftwerk load x.kw --to blue")
    assert capsys.readouterr().out.splitlines()[-1] == "undo: kraftwerk load x.kw --to blue"


def test_counts_after_a_hook_are_told(capsys):
    load.tell(Outcome(manifest_of(), (Comparison("postgres", "rows", 31, 31),), (), {"postgres": {"rows": 2}}))
    assert capsys.readouterr().out.splitlines()[-1] == "anonymized: postgres 2 rows"


@pytest.mark.parametrize(
    ("waited", "refused", "note"),
    [
        (0, 0, ""),
        (7, 0, "7 requests waited, 0.6s at most"),
        (9, 2, "9 requests waited, 0.6s at most, 2 of them too long"),
    ],
)
def test_how_long_requests_waited(waited, refused, note):
    hold = Hold("green", "mysite", None, seconds=0.61, waited=waited, refused=refused)
    assert load._waited(hold) == note
