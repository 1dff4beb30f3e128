"""Status: what the node prints becomes checks, and one line."""

from dataclasses import replace

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


def test_locks_by_hand_are_told_and_nothing_wrong():
    owner = '{"user": "ada", "host": "laptop", "pid": 0, "since": "", "command": "kraftwerk lock", "message": "why"}'
    found = status(GOOD + f"byhand\tnode\t{owner}\nbyhand\tmysite\t{owner}\nbyhand\tother\t{owner}\n")
    said = "is locked by ada@laptop by hand since an unknown time: why (kraftwerk unlock blue --name"
    assert found.ok
    assert found.line().endswith(f" · release 3 · mysite on blue {said} mysite) · all of blue {said} node)")
    assert set(found.as_dict()["checks"]) >= {"lock", "lock.node"}
    assert status(f"byhand\tmysite\t{owner}\n").line().startswith("blue  ✗ not deployed · mysite on blue is locked")


def test_a_worker_that_the_live_release_had_otherwise_is_told_with_the_way_out():
    down = GOOD.replace("mysite-mail\trun", "mysite-mail\tdown")
    had = 'record\tmysite\t{"number": 3, "state": "live", "beside": {"processes": {"mail": "%s"}, "cron": {}}}'
    found = status(down + had % "false")
    assert "mail ✗, and not as release 3 had it" in found.line()
    assert found.next_command == "kraftwerk logs --process mail, then kraftwerk deploy"
    assert "not as release" not in status(down + had % "true").line()
    assert status(GOOD + had % "false").ok  # it stays up all the same


def test_a_deploy_that_was_cut_off_after_its_switch_is_told():
    cut = GOOD + 'record\tmysite\t{"number": 3, "state": "new"}\n'
    found = status(cut)
    assert (found.ok, found.next_command) == (False, "kraftwerk deploy")
    assert "release 3 ✗ its deploy was cut off after the switch" in found.line()
    assert status(cut + "lock\tmysite\n").ok  # it is under way


def test_a_damaged_record_hides_nothing_else():
    found = status(GOOD + 'record\tmysite\t{"number": 3')
    assert found.ok and found.release is None
    assert status(GOOD + 'record\tmysite\t{"number": 3, "content": "aaa"}').release.content == "aaa"


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


CRON = """\
cron\tmysite\ttidy\t\t0\t{"began": 1795290398.5, "ended": 1795290400.0, "code": 0, "pid": 7, "by": ""}
cron\tmysite\tlong\trunning\t2\t{"began": 1795290398.5, "ended": null, "code": null, "pid": 7, "by": ""}
"""


def test_cron_jobs_are_one_word_until_one_failed():
    site = replace(MYSITE, cron={"tidy": {}, "long": {}, "new": {}})
    good = judge(NODE, site, parse("blue", GOOD + CRON))
    assert good.ok
    assert "mail ✓ · cron 3 ✓ (long running) · postgres" in good.line()
    bad = judge(NODE, site, parse("blue", GOOD + CRON.replace('"code": 0', '"code": 2')))
    assert "cron tidy ✗ exit code 2 at 20" in bad.line()
    assert bad.line().endswith("→ kraftwerk logs --process cron.tidy")


def test_of_several_workers_it_is_said_how_many_run_and_what_one_said_that_does_not():
    site = replace(MYSITE, processes={"mail": {"run": "true", "count": 2}})
    second = "process\tmysite\tmail.2\tmysite-mail.2\trun\t90\tup\n"
    assert "· mail 2/2 ✓ ·" in judge(NODE, site, parse("blue", GOOD + second)).line()
    ends = "ends\tmysite\tmail.2\t6\t3 0\tstopped\tno such queue\n"
    bad = judge(NODE, site, parse("blue", GOOD + second.replace("run", "down") + ends))
    assert "· mail 1/2 ✗ ended 6 times (exit code 3), stopped: no such queue ·" in bad.line()
    assert bad.next_command == "kraftwerk logs --process mail, then kraftwerk restart mail"
    once = judge(NODE, site, parse("blue", GOOD + second + ends.replace("\t6\t", "\t1\t").replace("stopped", "")))
    assert once.ok
