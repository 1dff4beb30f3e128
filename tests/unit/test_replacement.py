"""What a load or copy replaces by what: chosen, checked and told without touching anything."""

from dataclasses import replace

import pytest

from kraftwerk import replacement, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Member, ServiceDump
from kraftwerk.replacement import Holding, Origin, Plan
from tests.manifests import manifest_of

POSTGRES = Holding("postgres", "15.14", {"tables": 2, "rows": 31, "rows_by_table": {"site": 31}}, 8_100_000)
FILES = Holding("files", "tar 1.34", {"files": 3, "bytes": 5000}, 5000)
REDIS = Holding("redis", "7.0.15", {"keys": 4}, 900)
HELD = (POSTGRES, REDIS, FILES)
BLUE = Origin("mysite", "production", "mysite", "blue")


def plan(environment="production", origin=BLUE):
    name = "mysite" if environment == "production" else f"mysite-{environment}"
    instance = Instance(name, "mysite", environment, "mysite.wsgi:application")
    return Plan(origin, instance, "green", HELD, {one.service: one for one in HELD})


@pytest.mark.parametrize(
    ("only", "skip", "left"),
    [
        ((), (), ["postgres", "redis", "files"]),
        (("files",), (), ["files"]),
        (("files", "postgres"), (), ["postgres", "files"]),
        ((), ("redis",), ["postgres", "files"]),
        (("postgres", "redis"), ("redis",), ["postgres"]),
    ],
)
def test_services_are_chosen_in_the_order_of_loading(only, skip, left):
    assert [one.service for one in replacement.chosen(HELD, only, skip)] == left


@pytest.mark.parametrize(("only", "skip"), [(("mysql", "files"), ()), ((), ("mysql",))])
def test_a_service_that_is_not_there(only, skip):
    with pytest.raises(KraftwerkError, match="the archive holds no mysql, but postgres, redis, files") as caught:
        replacement.chosen(HELD, only, skip)
    assert caught.value.code == 2


def test_nothing_left():
    with pytest.raises(KraftwerkError, match="leave nothing of postgres, redis, files"):
        replacement.chosen(HELD, ("redis",), ("redis",))
    assert replacement.chosen((), (), ()) == ()


def check(coming, **there):
    """Compare what comes with what a node has."""
    current = {one.service: replace(one, version=there.get(one.service, one.version)) for one in HELD}
    replacement.check_versions("green", coming, current)


@pytest.mark.parametrize("found", ["15.14", "15.20", "17.2", "", "tar 1.34"])
def test_the_same_or_a_newer_server_is_taken(found):
    check([POSTGRES], postgres=found)
    check([replace(FILES, version="tar 1.35")])


def test_an_older_server_is_refused():
    with pytest.raises(KraftwerkError, match=r"the data is of postgres 15\.14, which postgres 14\.9 on green can't"):
        check([POSTGRES], postgres="14.9")


def test_all_older_servers_are_named_at_once():
    with pytest.raises(KraftwerkError) as caught:
        check(HELD, postgres="14.9", redis="6.0.16")
    assert caught.value.cause.splitlines() == [
        "the data is of postgres 15.14, which postgres 14.9 on green can't read",
        "the data is of redis 7.0.15, which redis 6.0.16 on green can't read",
    ]
    servers = "load it on a node with the same or newer postgres, redis"
    assert caught.value.next_command == f"{servers}, or --skip postgres --skip redis"


def test_how_many_numbers_count_is_the_service_s_business():
    mysql = Holding("mysql", "10.11.19", {}, 0, numbers=2)

    def there(version):
        return {"mysql": replace(mysql, version=version)}

    replacement.check_versions("green", [mysql], there("10.11.2"))
    replacement.check_versions("green", [mysql], there("11.8.6"))
    with pytest.raises(KraftwerkError, match=r"mysql 10\.11\.19, which mysql 10\.6\.22 on green can't"):
        replacement.check_versions("green", [mysql], there("10.6.22"))


@pytest.mark.parametrize(
    ("environment", "origin", "foreign"),
    [
        ("production", BLUE, False),
        ("staging", BLUE, False),
        ("production", Origin("mysite", "staging", "mysite-staging", "blue"), True),
        ("staging", Origin("shop", "production", "shop", "blue"), True),
    ],
)
def test_what_is_rarely_meant_is_asked(environment, origin, foreign):
    assert plan(environment, origin).foreign is foreign


def test_what_an_archive_holds():
    dump = ServiceDump("files", "tar 1.34", (Member("x", 900, "0" * 64), Member("y", 100, "0" * 64)), {"files": 2})
    origin, held = replacement.of_archive(manifest_of(dump))
    assert str(origin) == "mysite on blue, dumped 2026-11-20 10:12 UTC"
    assert [str(one) for one in held] == ["2 files, 1.0 kB packed"]


def test_the_plan_says_what_goes_and_what_comes_and_production_is_typed(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    replacement.confirm(plan(), kept=False, yes=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "service   on green now              becomes",
        "postgres  2 tables 31 rows, 8.1 MB  2 tables 31 rows, 8.1 MB",
    ]
    assert lines[-1] == "green's data of mysite will be REPLACED by mysite on blue; NO safety dump is kept."


@pytest.mark.parametrize(("environment", "typed"), [("production", "green"), ("staging", "y")])
def test_production_is_confirmed_by_name_and_others_with_yes(environment, typed, monkeypatch):
    monkeypatch.setattr(screen.click, "prompt", lambda *_, **__: typed)
    monkeypatch.setattr(screen.click, "confirm", lambda *_, **__: typed == "y")
    replacement.confirm(plan(environment), kept=True, yes=False)
    typed = "n"
    with pytest.raises(KraftwerkError, match="is left as it was"):
        replacement.confirm(plan(environment), kept=True, yes=False)
