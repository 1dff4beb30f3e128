"""The plan, as it is printed."""

import json
from dataclasses import replace

import pytest

from kraftwerk.highstate import Outcome, StateResult
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.plan import Plan, Wanted, _migrations, left
from kraftwerk.planning import downtime, processes
from kraftwerk.planning.code import Code
from kraftwerk.planning.facts import Facts, Files
from kraftwerk.planning.processes import Turnover
from kraftwerk.planning.shown import areas
from kraftwerk.release import History, Release
from kraftwerk.requirements import Requirements, diff
from kraftwerk.target import Target
from kraftwerk.transport import Connection


def state(sls, *, result=True, changes=None, comment=""):
    return StateResult("an/id", sls, "name", "file.managed", result, comment, changes or {}, 0.1, 1)


FIRST = Plan(
    instance="mysite",
    node="blue",
    environment="production",
    outcome=Outcome("blue", (state("nginx.package", result=None), state("runit.package", result=None)), 0.1, True),
    packages=diff({}, {"django": "5.2.8", "gunicorn": "23.0.0", "asgiref": "3.8", "sqlparse": "0.5"}),
    packages_unknown="",
    named_packages=frozenset({"django", "gunicorn"}),
    database="mysite",
    migrations=tuple(f"auth.{number:04}" for number in range(18)),
    release=Release(1),
    first=True,
    code=Code(count=14),
)
NOTHING = Outcome("blue", (), 0.1, True)


def test_a_first_deploy():
    assert FIRST.lines() == [
        "Plan for mysite → blue (production)",
        "  node      2 states to change (nginx, runit)",
        "  packages  +4: django 5.2.8, gunicorn 23.0.0, asgiref 3.8 …",
        "  database  create mysite; 18 migrations",
        "  release   1 (first)                                downtime: none",
    ]


def test_what_changes_on_other_nodes_stands_before_the_node():
    others = (Outcome("db1", (state("services.postgres.package", changes={"postgresql": "new"}),), 0.1, True),)
    assert replace(FIRST, others=others).lines()[1:3] == [
        "  db1       1 state to change (postgres)",
        "  node      2 states to change (nginx, runit)",
    ]
    assert replace(FIRST, others=others).as_dict()["others"] == {"db1": ["an/id"]}


def test_a_redeploy_of_code():
    again = replace(
        FIRST,
        outcome=NOTHING,
        packages=diff({}, {}),
        database="",
        migrations=("shop.0002_price",),
        release=Release(7, commit="0123456789abcdef", dirty=True),
        first=False,
        code=Code(("01234567 The till rings",), 0, Files(("a",), ("b", "c")), 14, dirty=True, unpushed=2),
        processes=Turnover(new=("mail",), kept=("beat",), gone=("queue",)),
        cron=Turnover(changed=("nightly",)),
    )
    assert again.lines() == [
        "Plan for mysite → blue (production)",
        "  node      nothing to change",
        "  packages  nothing to change",
        "  code      1 commit, 2 files changed, 1 file added, 2 commits not pushed, uncommitted changes",
        "  database  1 migration: shop.0002_price",
        "  processes start mail · restart beat · stop queue",
        "  cron      change nightly",
        "  release   7 01234567+                              downtime: none",
    ]


def test_more_of_it_is_all_of_it():
    changed = state("nginx.config", changes={"diff": "-old\n+new"})
    plan = replace(
        FIRST,
        outcome=Outcome("blue", (changed,), 0.1, True),
        migrations=("shop.0002_price",),
        commands=("python manage.py migrate",),
        first=False,
        code=Code(("01234567 The till rings",), 0, Files(("a",), ("b",), ("c",)), 14),
        processes=Turnover(new=("mail",), counts={"mail": 2}),
    )
    assert plan.more() == [
        "States of blue",
        "  would change  an/id  (nginx/config.sls, file.managed)  0.1s",
        "           -old",
        "           +new",
        "Packages",
        "  +4: django 5.2.8, gunicorn 23.0.0, asgiref 3.8, sqlparse 0.5",
        *["Commits since the live release", "  01234567 The till rings"],
        *["Files", "  ~ b", "  + a", "  - c"],
        *["Migrations", "  shop.0002_price", "Release commands", "  python manage.py migrate"],
        *["Processes", "  + mail ×2"],
    ]


def test_what_of_migrations_is_unknown_is_told_beside_what_is_known():
    named = replace(FIRST, migrations=("shop.0002_price",), migrations_unknown="packages that change may bring more")
    told = "  database  create mysite; 1 migration: shop.0002_price; packages that change may bring more"
    assert told in named.lines()
    assert named.as_dict()["migrations_unknown"] == named.migrations_unknown


@pytest.mark.parametrize(
    ("added", "named", "unknown"),
    [
        (("shop/migrations/0002_price.py",), ("shop.0002_price",), "packages that change may bring more"),
        (("shop/views.py",), (), "packages that change may bring migrations"),
    ],
)
def test_without_a_virtualenv_here_packages_that_change_may_bring_migrations(
    added, named, unknown, tmp_path, monkeypatch
):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "manage.py").write_text('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")')
    shop = Instance("shop", "shop", "production", "shop.wsgi", release=("python manage.py migrate",))
    node = Node("blue", "192.0.2.1", "ssh")
    wanted = Wanted(tmp_path, Requirements(), Release(2, virtualenv="new"))
    there = Target(node, shop, Connection(node))
    assert _migrations(there, History(live=1, virtualenv="old"), wanted, Facts(Files(added))) == (named, unknown)
    same = History(live=1, virtualenv="new")
    assert _migrations(there, same, wanted, Facts(Files(added))) == (named, "")


def test_all_of_it_is_in_json():
    found = json.loads(json.dumps(FIRST.as_dict()))
    assert found["states"] == ["an/id"] * 2
    assert found["code"]["count"] == 14
    assert found["downtime"] == []
    assert found["packages"]["added"]["django"] == "5.2.8"


def test_a_restart_of_what_serves_is_downtime_but_not_for_a_first_deploy():
    restarts = replace(state("services.mysql.config", result=None, comment="Service is set to be restarted"), name="my")
    command = replace(state("services.postgres.config", result=None), name="systemctl restart postgresql")
    outcome = Outcome("blue", (restarts, command, state("nginx.config", changes={"a": 1})), 0.1, True)
    before = Instance("shop", "shop", "production", "shop.wsgi", domains=("shop.de", "shop.fr"))
    after = replace(before, domains=("shop.de",), aliases=("shop.com",))
    second = "restarts, for about a second"
    expected = (f"my {second}", f"postgresql {second}", "shop.fr is not served any more")
    assert downtime.reasons([outcome], before, after) == expected
    assert downtime.reasons([outcome], None, after) == ()
    lines = replace(FIRST, downtime=expected[:1]).lines()
    assert lines[-1].endswith("downtime: my restarts, for about a second")


def test_processes_are_told_by_what_becomes_of_them():
    before = Instance("shop", "shop", "production", "shop.wsgi", processes={"a": "one", "b": "two", "c": "three"})
    after = replace(before, processes={"b": "two", "c": "new", "d": "four"})
    assert processes.processes(before, after) == Turnover(("d",), ("a",), ("c",), ("b",))
    assert processes.processes(None, after) == Turnover(("b", "c", "d"))


def test_of_a_process_that_there_is_more_than_one_of_the_plan_tells_how_many():
    after = Instance(
        "shop", "shop", "production", "shop.wsgi", processes={"mail": {"run": "m", "count": 2}, "beat": "b"}
    )
    found = processes.processes(None, replace(after, scale={"beat": 3}))
    assert found == Turnover(("mail", "beat"), counts={"mail": 2, "beat": 3})
    assert "  processes start mail ×2, beat ×3" in replace(FIRST, processes=found).lines()


def test_wheels_are_told_with_where_they_are():
    plan = replace(FIRST, wheels="4 of wheels, 1 to send (1.2 MB); no index is asked")
    assert "  wheels    4 of wheels, 1 to send (1.2 MB); no index is asked" in plan.lines()


def test_what_can_not_be_told_is_said():
    unknown = replace(
        FIRST, packages=None, packages_unknown="unknown from here: no index", database="", migrations=None
    )
    assert unknown.lines()[2:4] == [
        "  packages  unknown from here: no index",
        "  database  migrations are told by the new release",
    ]


def test_a_project_without_database_says_nothing_of_one():
    assert not any("database" in line for line in replace(FIRST, database="", migrations=()).lines())


def test_areas_are_what_the_changing_states_model():
    results = (
        state("node.user", changes={"a": 1}),
        state("services.postgres.package", result=None),
        state("nginx.config"),
        state("node.folder", changes={"a": 1}),
    )
    assert areas(Outcome("blue", results, 1.0, True)) == ("node", "postgres")


def test_data_that_stays_behind_is_told_with_the_way_to_take_it_along():
    there = Instance("shop", "shop", "production", "shop.wsgi", services=("mysql", "postgres", "redis"))
    before = replace(there, options={"postgres": {"node": "db1"}, "redis": {"url": "redis://x"}})
    after = replace(there, options={"mysql": {"node": "db1"}, "redis": {"url": "redis://y"}})
    history = History(live=3, hosted={"shop": before})
    assert left(history, after, "web1") == {"mysql": "on web1", "postgres": "on db1"}
    assert left(history, before, "web1") == left(replace(history, live=None), after, "web1") == {}
    how = "to take it along: kraftwerk dump before this, kraftwerk load after it"
    plan = replace(FIRST, left={"postgres": "on db1"})
    assert plan.lines()[-2] == f"  data      of postgres stays where it is, on db1; {how}"
    assert plan.as_dict()["left"] == {"postgres": "on db1"}


def test_what_was_scaled_by_hand_is_told():
    plan = replace(FIRST, scale={"web": 4, "mail": 2})
    assert "  scaled    web 4, mail 2 (by kraftwerk scale on blue)" in plan.lines()
    assert plan.as_dict()["scale"] == {"web": 4, "mail": 2}
