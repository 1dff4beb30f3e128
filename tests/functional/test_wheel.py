"""The wheel works in a bare virtualenv, from `/`, with nothing of the checkout in reach."""

import zipfile

import pytest

from tests import installed
from tests.console import ROOT
from tests.sandbox import Sandbox, search_path

pytestmark = pytest.mark.network
TREES = ("salt", "pillar", "cloud.profiles.d", "_modules", "_states", "_clouds", "_pillar", "_runners", "_engines")


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    with Sandbox(folder / "home", search_path(installed.install(folder))) as sandbox:
        yield sandbox


def test_help_and_verbs(user):
    verbs = {path.stem.replace("_", "-") for path in (ROOT / "kraftwerk" / "commands").glob("[a-z]*.py")}
    printed = user.run("kraftwerk", "--help")
    assert verbs <= set(printed.split())
    for verb in sorted(verbs):
        assert user.run("kraftwerk", verb, "--help").startswith(f"Usage: kraftwerk {verb}")


def test_it_carries_the_salt_trees(user, tmp_path):
    names = zipfile.ZipFile(installed.build(tmp_path)).namelist()
    for tree in TREES:
        here = {str(path.relative_to(ROOT)) for path in (ROOT / tree).rglob("*") if path.suffix in (".py", ".sls")}
        assert {f"kraftwerk/share/{name}" for name in here} <= set(names)
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_its_own_files_are_in_force(user):
    printed = user.run("kraftwerk", "env")
    assert f"{user.path.split(':')[0].removesuffix('/bin')}/lib" in printed and str(ROOT) not in printed


def test_init_from_the_root_folder(user, tmp_path):
    printed = user.run("kraftwerk", "init", "mysite", "--template", "django", "--with", "postgres,files", cwd=tmp_path)
    assert "mysite virtualenv is ready" in printed
    assert "no issues" in user.run("bin/python", "manage.py", "check", cwd=tmp_path / "mysite")


def test_a_mistake_is_one_line(user):
    printed = user.run("kraftwerk", "deploy", code=2)
    assert "this is no project" in printed and "Traceback" not in printed
