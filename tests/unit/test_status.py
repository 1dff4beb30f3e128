"""Status: what the node prints becomes checks, and one line."""

import pytest

from kraftwerk.status import Check, Status, parse

GOOD = "disk\t11\nrelease\t3\tthere\nweb\t2\t2\nprocess\tmail\trun\nhttp\t200\n"


def status(printed):
    web, rest = parse(printed)
    return Status("blue", "mysite", (*web, Check("postgres", "postgres ✓"), *rest))


def test_all_is_well():
    found = status(GOOD)
    assert found.ok
    assert found.line() == "blue  ✓ web 2/2 · mail ✓ · postgres ✓ · disk 11% · release 3"
    assert found.line(named=True).startswith("blue  mysite  ✓ web 2/2")


def test_each_thing_that_is_wrong_is_said_with_what_to_do_about_the_first():
    found = status("disk\t97\nrelease\t3\tthere\nweb\t\t2\nprocess\tmail\tdown\nhttp\t502\n")
    assert not found.ok
    assert found.line() == (
        "blue  ✗ web 0/2 · answers 502 · mail ✗ · postgres ✓ · disk 97% · release 3 → kraftwerk logs --process web"
    )


@pytest.mark.parametrize(
    ("http", "said"),
    [
        ("000", "does not answer · mail ✓ · postgres ✓ · disk 11% · release 3 → kraftwerk logs --process web"),
        ("refused", "nginx does not run · mail ✓ · postgres ✓ · disk 11% · release 3 → kraftwerk highstate"),
        ("404", "answers 404 · mail ✓ · postgres ✓ · disk 11% · release 3 → kraftwerk logs"),
    ],
)
def test_a_site_that_does_not_answer(http, said):
    assert status(GOOD.replace("http\t200", f"http\t{http}")).line() == f"blue  ✗ web 2/2 · {said}"


def test_an_instance_that_is_not_deployed():
    found = status("disk\t11\nrelease\t\n")
    assert (found.ok, found.next_command) == (False, "kraftwerk deploy")


def test_json_has_every_check():
    assert status(GOOD).as_dict()["checks"]["web"] == {"ok": True, "text": "web 2/2"}


def test_a_live_release_whose_folder_is_gone_is_told():
    found = status(GOOD.replace("\tthere", "\t"))
    assert found.line().endswith("disk 11% · release 3 is not there any more → kraftwerk deploy")
