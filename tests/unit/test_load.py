from pathlib import Path
from types import SimpleNamespace

import pytest

from kraftwerk import load
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import ServiceDump
from tests.manifests import manifest_of

POSTGRES = ServiceDump("postgres", "15.14", (), {"tables": 2, "rows": 31, "by": {"auth_user": 30, "site": 1}})
FILES = ServiceDump("files", "1", (), {"files": 0, "bytes": 0})
MANIFEST = manifest_of(POSTGRES, FILES)


def plan(environment="production"):
    name = "mysite" if environment == "production" else f"mysite-{environment}"
    instance = Instance(name, "mysite", environment, "mysite.wsgi:application")
    return load.Plan(Path("x.kw"), MANIFEST, instance, MANIFEST.services, {})


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


@pytest.mark.parametrize("found", ["15.14", "15.20", "17.2", "", "tar 1.34"])
def test_the_same_or_a_newer_server_is_taken(found):
    load.check_version("green", POSTGRES, found)


def test_an_older_server_is_refused():
    with pytest.raises(KraftwerkError, match=r"the archive is of postgres 15\.14, which postgres 14\.9 on green can't"):
        load.check_version("green", POSTGRES, "14.9")
