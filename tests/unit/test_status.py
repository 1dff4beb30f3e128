"""Status: what the node prints becomes checks, and one line."""

import pytest

from kraftwerk.health import Look, parse
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.status import judge

NODE = Node("blue", "192.0.2.7", "ssh")
MYSITE = Instance("mysite", "mysite", "production", "mysite.wsgi", services=("postgres",), processes={"mail": "true"})
GOOD = """\
disk\t/\t11\t1
disk\t/var\t50\t1
release\tmysite\t3\tthere
workers\tmysite\t2\t2
process\tmysite\tweb\tmysite-web-a\trun\t90\tup
process\tmysite\tmail\tmysite-mail\trun\t90\tup
site\tmysite\t200
check\tmysite\tpostgres\t
"""


def status(printed):
    return judge(NODE, MYSITE, parse("blue", printed))


def test_all_is_well():
    found = status(GOOD)
    assert found.ok
    assert found.line() == "blue  ✓ web 2/2 · mail ✓ · postgres ✓ · disk 11% · release 3"
    assert found.line(named=True).startswith("blue  mysite  ✓ web 2/2")


def test_each_thing_that_is_wrong_is_said_with_what_to_do_about_the_first():
    bad = (
        GOOD.replace("/\t11", "/\t97")
        .replace("mysite\t2\t2", "mysite\t\t2")
        .replace("site\tmysite\t200", "site\tmysite\t502")
    )
    found = status(bad.replace("mysite-mail\trun", "mysite-mail\tdown"))
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
    assert status(GOOD.replace("site\tmysite\t200", f"site\tmysite\t{http}")).line() == f"blue  ✗ web 2/2 · {said}"


def test_an_instance_that_is_not_deployed():
    found = status("disk\t/\t11\t1\n")
    assert (found.ok, found.next_command) == (False, "kraftwerk deploy")


def test_json_has_every_check():
    assert status(GOOD).as_dict()["checks"]["web"] == {"ok": True, "text": "web 2/2"}


def test_a_live_release_whose_folder_is_gone_is_told():
    found = status(GOOD.replace("\tthere", "\t"))
    assert found.line().endswith("disk 11% · release 3 is not there any more → kraftwerk deploy")


def test_a_service_that_complains():
    found = status(GOOD.replace("postgres\t\n", "postgres\tno such database\n"))
    assert found.line().endswith("postgres ✗ no such database · disk 11% · release 3 → kraftwerk highstate blue")


def test_a_process_that_the_node_does_not_know_yet():
    assert "mail ✗" in status(GOOD.replace("process\tmysite\tmail", "process\tmysite\tother")).line()


def test_another_disk_that_is_full_is_told_instead():
    assert "disk of /var 93% · " in status(GOOD.replace("/var\t50", "/var\t93")).line()


def test_a_node_that_can_not_be_reached_is_all_there_is_to_say():
    found = judge(NODE, MYSITE, Look("blue", unreachable="blue can't be reached: timeout", advice="ping blue"))
    assert found.line() == "blue  ✗ blue can't be reached: timeout → ping blue"
