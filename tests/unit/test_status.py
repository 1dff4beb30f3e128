"""Status: what the node prints becomes checks, and one line."""

import json
import time
from dataclasses import replace

import pytest

from kraftwerk.fleet.looking import lines
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
    assert "release 3 ✗ what made it live was cut off after the switch: workers may run other code" in found.line()
    assert status(cut + "lock\tmysite\n").ok  # it is under way
    assert not status(cut.replace("new", "previous")).ok  # a rollback, cut off in the same way


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


DAY = 86400
NOW = int(time.time())
HOLDS = f"mysite\t{NOW + 74 * DAY + 3600}"
SCREEN = f"""\
clock\t{NOW}.5
clock\t{NOW}.9
load\t0.21\t2
MemTotal:\t2000000
MemAvailable:\t1200000
updates\t3\t1\t{2 * DAY}\t{DAY}
traffic\tmysite\t340\t0\t120\t600
certificate\t{HOLDS}
"""


def screen(printed, *, whole=False, site=MYSITE):
    return lines([judge(NODE, site, parse("blue", printed))], named=False, whole=whole)


def test_where_all_is_well_there_is_one_line():
    assert screen(GOOD + SCREEN) == ["✓ web 2/2 · mail ✓ · postgres ✓ · disk 11% · release 3"]


def test_the_whole_screen_is_the_site_then_its_node():
    site = replace(MYSITE, cron={"new": {}})
    assert screen(GOOD + SCREEN, whole=True, site=site)[1:] == [
        "  5xx 0.0% · p95 120 ms · 340 requests in the last 10 min",
        "  mail up 2 min · web up 2 min",
        "  cron new has not run yet",
        "  the certificate holds for 74 d",
        "  load 0.2/2 · memory 40% · disk 11% · disk of /var 50% · 3 updates, 1 security · clock +0.0s",
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "name", "said"),
    [
        (
            "340\t0\t",
            "340\t34\t",
            "traffic",
            "34 of 340 requests in the last 10 min were answered with 5xx → kraftwerk logs --process web",
        ),
        (
            HOLDS,
            f"mysite\t{NOW + 5 * DAY + 3600}",
            "certificate",
            "the certificate holds for 5 d → kraftwerk highstate blue",
        ),
        (
            HOLDS,
            f"mysite\t{NOW - 2 * DAY - 3600}",
            "certificate",
            "the certificate has ended 2 d ago → kraftwerk highstate blue",
        ),
        (
            HOLDS,
            "mysite\t0",
            "certificate",
            "the certificate can't be read → kraftwerk highstate blue",
        ),
        (
            f"1\t{2 * DAY}",
            f"1\t{9 * DAY}",
            "updates",
            "a security update waits, for 9 d → kraftwerk run --node blue --as root -- apt-get upgrade",
        ),
        (
            "MemAvailable:\t1200000",
            "MemAvailable:\t90000",
            "memory",
            "87 of 1953 MB are left → kraftwerk run --node blue --as root -- ps aux --sort=-rss",
        ),
        (
            "load",
            "unit\tcron\tcron\tfailed\tenabled\t\nload",
            "cron",
            "the unit cron is failed → kraftwerk run --node blue --as root -- systemctl status cron",
        ),
    ],
    # Not made of the values: two workers of one run would name the same test by two clocks.
    ids=["5xx", "ends soon", "has ended", "unreadable", "updates", "memory", "unit"],
)
def test_each_finding_stands_below_with_its_next_command(was, becomes, name, said):
    assert was in SCREEN
    printed = GOOD + SCREEN.replace(was, becomes)
    found = judge(NODE, MYSITE, parse("blue", printed))
    assert not found.ok
    head, below = screen(printed)
    assert head == "✗ web 2/2 · mail ✓ · postgres ✓ · disk 11% · release 3"
    assert below == f"  ✗ {said}"
    (told,) = found.as_dict()["findings"]
    assert (told["name"], f"{told['text']} → {told['next']}") == (name, said)


def test_a_clock_that_is_off_is_found():
    seen = replace(parse("blue", GOOD + SCREEN), ahead=-12.3)
    (below,) = lines([judge(NODE, MYSITE, seen)], named=False, whole=False)[1:]
    assert below.startswith("  ✗ the clock is 12 s behind this computer's → kraftwerk run --node blue")


def test_a_disk_that_fills_is_found_before_it_is_full():
    filling = GOOD.replace("/\t11\t1\n", "/\t60\t1\t600\t390\n") + SCREEN
    filling += "".join(f"sample\t{NOW - day * DAY}\t/\t{600 - day * 100}\n" for day in (3, 2, 1))
    (below,) = screen(filling)[1:]
    assert below.startswith("  ✗ the disk is 60% full, and as it goes wholly in 3 days → kraftwerk run --node blue")
    assert "disk 60%, full in 3 days · " in screen(filling, whole=True)[-2]
    slow = filling.replace("\t390\n", "\t3990\n", 1)
    assert len(screen(slow)) == 1
    assert " full in 39 days" in screen(slow, whole=True)[-1]


def test_what_the_line_told_is_not_told_again():
    down = GOOD.replace("mysite\t2\t2", "mysite\t\t2").replace("site\tmysite\t200", "site\tmysite\t502")
    assert len(screen(down + SCREEN.replace("340\t0\t", "340\t99\t"))) == 1
    unit = "unit\tservice/postgres\tpostgresql\tfailed\tenabled\t\nunit\tnginx\tnginx\tfailed\tenabled\t\n"
    complaint = GOOD.replace("postgres\t\n", "postgres\tno server\n").replace("mysite\t200", "mysite\trefused")
    assert screen(complaint + unit)[1:] == ["  postgres ✗ no server → kraftwerk highstate blue"]


def test_a_second_thing_that_is_wrong_has_its_command_too():
    bad = GOOD.replace("/\t11", "/\t97").replace("mysite-mail\trun", "mysite-mail\tdown")
    assert screen(bad)[1:] == ["  ✗ disk 97% → kraftwerk run --as root -- du -xhd2 /web /var"]
    assert screen(bad)[0].endswith("→ kraftwerk logs --process mail")


def test_the_node_stands_once_below_all_its_sites():
    seen = replace(parse("blue", GOOD + SCREEN), ahead=99.0)
    other = replace(MYSITE, name="shop")
    printed = lines([judge(NODE, each, seen) for each in (MYSITE, other)], named=True, whole=False)
    assert [line.split()[0] for line in printed] == ["mysite", "shop", "✗"]
    assert "the clock is 99 s ahead" in printed[-1]


def test_json_says_all_that_was_seen():
    seen = parse("blue", GOOD + SCREEN + CRON.splitlines()[0])
    found = judge(NODE, replace(MYSITE, cron={"tidy": {}}), seen).as_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["machine"]["disks"]["/"] == {"percent": 11, "inodes_percent": 1, "full_in_days": None}
    assert (found["machine"]["load"], found["machine"]["memory_percent"]) == (0.21, 40)
    assert (found["machine"]["updates"]["security"], found["machine"]["clock_ahead"]) == (1, 0.0)
    assert (found["traffic"]["requests"], found["traffic"]["p95_ms"]) == (340, 120)
    assert found["certificates"] == [{"ends": NOW + 74 * DAY + 3600, "days": 74}]
    assert (found["cron"]["tidy"]["code"], found["processes"]["web"]["state"]) == (0, "run")
    assert (found["backup"], found["findings"]) == (None, [])


def test_json_has_the_same_keys_for_a_node_that_can_not_be_reached():
    reached = judge(NODE, MYSITE, parse("blue", GOOD + SCREEN)).as_dict()
    found = judge(NODE, MYSITE, Look("blue", unreachable="timeout", advice="ping blue")).as_dict()
    assert found.keys() == reached.keys()
    assert found["machine"] is None
    assert found["findings"] == [{"name": "node", "text": "timeout", "next": "ping blue"}]
