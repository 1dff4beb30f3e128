"""The plan, as it is printed."""

from dataclasses import replace

from kraftwerk.highstate import Outcome, StateResult
from kraftwerk.instance import Instance
from kraftwerk.plan import Plan, areas, left
from kraftwerk.release import History, Release
from kraftwerk.requirements import diff

FIRST = Plan(
    instance="mysite",
    node="blue",
    environment="production",
    states=("nginx/package/installed", "runit/package/installed"),
    areas=("nginx", "runit"),
    packages=diff({}, {"django": "5.2.8", "gunicorn": "23.0.0", "asgiref": "3.8", "sqlparse": "0.5"}),
    packages_unknown="",
    named_packages=frozenset({"django", "gunicorn"}),
    database="mysite",
    migrations=tuple(f"auth.{number:04}" for number in range(18)),
    release=Release(1),
    first=True,
)


def state(sls, *, result=True, changes=None, comment=""):
    return StateResult("an/id", sls, "name", "file.managed", result, comment, changes or {}, 0.1, 1)


def test_a_first_deploy():
    assert FIRST.lines() == [
        "Plan for mysite → blue (production)",
        "  node      2 states to change (nginx, runit)",
        "  packages  +4: django 5.2.8, gunicorn 23.0.0, asgiref 3.8 …",
        "  database  create mysite; 18 migrations",
        "  release   1 (first)                                downtime: none",
    ]


def test_what_changes_on_other_nodes_stands_before_the_node():
    others = (Outcome("db1", (state("services.postgres.package", changes={"postgresql": "new"}),), 0.1, test=True),)
    assert replace(FIRST, others=others).lines()[1:3] == [
        "  db1       1 state to change (postgres)",
        "  node      2 states to change (nginx, runit)",
    ]
    assert replace(FIRST, others=others).as_dict()["others"] == {"db1": ["an/id"]}


def test_a_redeploy_of_code():
    again = replace(
        FIRST,
        states=(),
        packages=diff({}, {}),
        database="",
        migrations=("shop.0002_price",),
        release=Release(7, commit="0123456789abcdef", dirty=True),
        first=False,
    )
    assert again.lines() == [
        "Plan for mysite → blue (production)",
        "  node      nothing to change",
        "  packages  nothing to change",
        "  database  1 migration: shop.0002_price",
        "  release   7 01234567 with changes that are not committed downtime: none",
    ]


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
