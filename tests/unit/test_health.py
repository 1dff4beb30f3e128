"""A look at a node: what the node prints becomes facts, and facts become problems."""

import pytest

from kraftwerk.health import LIMITS, Disk, Look, Process, Unit, ahead, parse
from kraftwerk.problem import Problem, found, held, title

GOOD = """\
lock\tmysite
disk\t/\t36\t9
disk\t/web\t41\t2
MemTotal:\t2000000
MemAvailable:\t1500000
oom_kill\t3
limit\tdisk\t80
limit\tinodes\t90
limit\tmemory\t5
unit\tnginx\tnginx\tactive\tenabled\t
unit\tservice/postgres\tpostgresql\tactive\tenabled\t
process\tmysite\tweb\tmysite-web-a\trun\t500\tup
process\tmysite\tmail\tmysite-mail\trun\t500\tup
site\tmysite\t200
"""


def problems(printed):
    return {problem.name: problem.detail for problem in found(parse("blue", printed))}


def test_a_node_where_all_is_well():
    look = parse("blue", GOOD)
    assert found(look) == []
    assert look.units[0] == Unit("nginx", "nginx", "active", "enabled")
    assert look.processes == (
        Process("mysite", "mail", "mysite-mail", "run", 500),
        Process("mysite", "web", "mysite-web-a", "run", 500),
    )
    assert (look.sites, look.disks) == ({"mysite": "200"}, (Disk("/", 36, 9), Disk("/web", 41, 2)))
    assert (look.memory, look.oom, look.reboot) == ((2000000, 1500000), 3, None)
    assert (look.locks, look.limits) == (frozenset({"mysite"}), {**LIMITS, "disk": 80})


def test_a_node_that_has_no_list_yet():
    look = parse("blue", "disk\t/\t36\t9\nMemTotal:\t200\nMemAvailable:\t100\n")
    assert (found(look), look.limits["disk"]) == ([], 90)


@pytest.mark.parametrize(
    ("moments", "seconds"),
    [((), 0), ((100.1, 100.4), 0), ((100.9, 101.0), 0.5), ((99.5, 99.8), -0.5)],
)
def test_a_clock_is_only_off_by_what_the_round_trip_does_not_explain(moments, seconds):
    assert ahead(moments, before=100, after=100.5) == pytest.approx(seconds)


def test_a_sample_that_was_cut_off_hides_nothing_else():
    seen = parse("blue", "disk\t/\t36\t9\t360\t640\nsample\t100\t/\t5\nsample\t200\t/\t6\nsample\t300\t/\n")
    assert seen.samples == {"/": ((100, 5), (200, 6))}
    assert seen.disks == (Disk("/", 36, 9, 360, 640),)


@pytest.mark.parametrize(
    ("was", "becomes", "problem", "detail"),
    [
        ("nginx\tactive", "nginx\tfailed", "nginx", "the unit nginx is failed"),
        ("postgresql\tactive", "postgresql\tinactive", "service/postgres", "the unit postgresql is inactive"),
        (
            "postgresql\tactive\tenabled\t\n",
            "postgresql\tactive\tenabled\tno response\n",
            "service/postgres",
            "the unit postgresql is active, but does not work: no response",
        ),
        ("mail\trun\t500", "mail\tdown\t7", "process/mysite-mail", "mail of mysite is down for 7 s"),
        ("mail\trun\t500", "mail\trun\t1", "process/mysite-mail", "mail of mysite starts again and again"),
        ("web-a\trun\t500", "web-a\tfail\tx", "process/mysite-web", "web of mysite is not kept by runit (fail)"),
        ("site\tmysite\t200", "site\tmysite\t502", "site/mysite", "mysite answers 502"),
        ("site\tmysite\t200", "site\tmysite\t000", "site/mysite", "mysite gave no answer within 5 s"),
        ("/web\t41\t2", "/web\t80\t2", "disk", "/web: 80% in use"),
        ("/web\t41\t2", "/web\t41\t91", "inodes", "/web: 91% of the inodes in use"),
        ("MemAvailable:\t1500000", "MemAvailable:\t90000", "memory", "87 of 1953 MB are left"),
        ("lock\tmysite", "reboot\tlinux-image dbus ", "reboot", "linux-image dbus needs it"),
    ],
)
def test_each_thing_that_is_wrong_has_a_name_and_words(was, becomes, problem, detail):
    assert was in GOOD
    assert problems(GOOD.replace(was, becomes)) == {problem: detail}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("postgresql\tactive\tenabled", "postgresql\tinactive\tdisabled"),
        ("postgresql\tactive\tenabled", "postgresql\tinactive\tmasked"),
        ("mail\trun\t500\tup", "mail\tdown\t7\tdown"),
        ("site\tmysite\t200", "site\tmysite\t302"),
        ("site\tmysite\t200", "site\tmysite\trefused"),  # nginx is the problem
    ],
)
def test_what_somebody_wants_so_is_no_problem(was, becomes):
    assert problems(GOOD.replace(was, becomes)) == {}


def test_two_full_disks_are_one_problem_the_fuller_first():
    full = GOOD.replace("/\t36", "/\t85").replace("/web\t41", "/web\t99")
    (problem,) = found(parse("blue", full))
    assert (problem.name, problem.detail) == ("disk", "/web: 99% in use, /: 85% in use")
    assert problem.advice == "kraftwerk run --node blue --as root -- du -x -h -d2 /web"


def test_an_unreachable_node_has_that_problem_alone():
    (problem,) = found(Look("blue", unreachable="blue can't be reached: timeout", advice="ping blue"))
    assert problem == Problem("unreachable", "blue can't be reached: timeout", "ping blue")


@pytest.mark.parametrize(
    ("name", "lock", "expected"),
    [
        ("process/mysite-web", "mysite", True),
        ("site/mysite", "mysite", True),
        ("site/other", "mysite", False),
        ("process/mysite-staging-web", "mysite", False),
        ("service/postgres", "mysite", False),
        ("service/postgres", "node", True),
        ("nginx", "node", True),
        ("disk", "node", False),
        ("unreachable", "node", False),
    ],
)
def test_a_problem_means_nothing_while_somebody_is_at_work_on_it(name, lock, expected):
    processes = [("mysite", "web"), ("mysite-staging", "web")]
    look = Look("blue", processes=tuple(Process(*each, "", "run") for each in processes), locks=frozenset({lock}))
    assert held(Problem(name, ""), look) is expected


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("service/postgres", "postgres on blue does not work", "postgres on blue works again"),
        ("nginx", "nginx on blue does not work", "nginx on blue works again"),
        (
            "site/mysite",
            "the site mysite on blue does not answer as it should",
            "the site mysite on blue answers again",
        ),
        ("disk", "a disk of blue is nearly full", "the disks of blue have room again"),
        ("unreachable", "blue can't be reached", "blue can be reached again"),
    ],
)
def test_a_problem_is_a_sentence(name, bad, good):
    problem = Problem(name, "")
    assert (title("blue", problem), title("blue", problem, gone=True)) == (bad, good)
