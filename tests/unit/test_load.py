from pathlib import Path
from types import SimpleNamespace

import pytest

from kraftwerk import load
from kraftwerk.dump import ordered
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Manifest, ServiceDump, headline

POSTGRES = ServiceDump("postgres", "15.14", (), {"tables": 2, "rows": 31, "by": {"auth_user": 30, "site": 1}})
FILES = ServiceDump("files", "1", (), {"files": 0, "bytes": 0})
MANIFEST = Manifest(
    project="mysite",
    environment="production",
    instance="mysite",
    node="blue",
    release=1,
    created="2026-11-20T10:12:00+00:00",
    order=("postgres", "files"),
    services=(POSTGRES, FILES),
)


def plan(environment="production"):
    name = "mysite" if environment == "production" else f"mysite-{environment}"
    instance = Instance(name, "mysite", environment, "mysite.wsgi:application")
    return load.Plan(Path("x.kw"), MANIFEST, instance, MANIFEST.services, {})


def test_counts_are_compared_one_by_one():
    found = load.compare(POSTGRES, {"tables": 2, "rows": 30, "by": {"auth_user": 30}})
    assert [(line.name, line.wanted, line.found) for line in found] == [
        ("tables", 2, 2),
        ("rows", 31, 30),
        ("by: auth_user", 30, 30),
        ("by: site", 1, None),
    ]


def test_what_is_told_when_all_is_right():
    lines = [*load.compare(POSTGRES, POSTGRES.counts), *load.compare(FILES, FILES.counts)]
    assert ", ".join(str(line) for line in lines if line.told) == "31/31 rows, 0/0 files"


def test_headline():
    assert POSTGRES.headline == "postgres 2 tables 31 rows"
    assert headline("files", {"files": 3, "bytes": 100}) == "files 3"


def test_files_come_last():
    assert ordered(["files", "redis", "postgres"]) == ["redis", "postgres", "files"]


def test_only_some_services():
    assert load.chosen(MANIFEST, ("files",)) == (FILES,)
    assert load.chosen(MANIFEST, ()) == (POSTGRES, FILES)
    with pytest.raises(KraftwerkError, match="the archive holds no redis, but postgres, files"):
        load.chosen(MANIFEST, ("redis", "files"))


def test_the_way_back_is_a_command():
    target = SimpleNamespace(node=SimpleNamespace(name="green"))
    saved = Path("/home/me/my dumps/x.kw")
    assert load.way_back(target, plan(), saved) == "kraftwerk load '/home/me/my dumps/x.kw' --to green"
    assert load.way_back(target, plan("staging"), saved).endswith("--to green --env staging")
    assert "no safety dump" in load.way_back(target, plan(), None)


def test_an_archive_of_another_environment_is_foreign():
    assert plan("staging").foreign
    assert not plan().foreign
