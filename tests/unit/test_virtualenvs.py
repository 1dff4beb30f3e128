"""Virtualenvs: how they are named and selected, what would change of them, and what stands in for what they have."""

import ast

import pytest

from kraftwerk import admin, registry, settings
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node, save_node
from kraftwerk.paths import PACKAGE
from kraftwerk.virtualenvs import difference, known, selector, standin
from kraftwerk.virtualenvs.reading import Package
from kraftwerk.virtualenvs.selector import Selector
from kraftwerk.virtualenvs.virtualenv import Virtualenv
from kraftwerk.wheels import resolution, wheel
from kraftwerk.wheels.target import Target
from tests.wheel_files import make_wheel

CONFIG = """\
virtualenvs:
  - {host: web1, user: shop, path: /srv/shop/venv, migrate: [django-admin migrate, shop-index], reload: touch x}
  - {host: web1, user: blog, path: /srv/blog/venv}
  - {host: "2001:db8::7", user: shop, path: ~/venv}
  - {host: blue, user: shop, path: /srv/shop/venv}
"""
SHOP, BLOG = "shop@web1:/srv/shop/venv", "blog@web1:/srv/blog/venv"
SIX, BLUE = "shop@[2001:db8::7]:~/venv", "shop@blue:/srv/shop/venv"
SITE = "web@blue:/web/mysite/current/venv"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An admin with a node blue, on which mysite is, and with virtualenvs in config.yaml."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    node = Node("blue", "10.77.0.11", "local")
    save_node(node)
    registry.record(node, Instance("mysite", "mysite", "production", wsgi="mysite:app"))
    registry.record(node, Instance("gone", "gone", "production", wsgi="gone:app", present=False))
    return write(tmp_path, CONFIG)


def write(folder, text):
    (folder / "config.yaml").write_text(text)
    (folder / "config.yaml").chmod(0o600)
    return folder


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ([], [SHOP, BLOG, SIX, BLUE, SITE]),
        (["web1"], [SHOP, BLOG]),
        (["WEB1"], [SHOP, BLOG]),
        (["blue"], [BLUE, SITE]),
        (["10.77.0.11"], [BLUE, SITE]),
        (["shop@web1"], [SHOP]),
        (["shop@web1:/srv/shop/venv"], [SHOP]),
        (["web1:/srv/blog/venv"], [BLOG]),
        (["web1:/srv/blog/venv/"], [BLOG]),
        ([":/srv/shop/venv"], [SHOP, BLUE]),
        (["shop@"], [SHOP, SIX, BLUE]),
        (["shop@:/srv/shop/venv"], [SHOP, BLUE]),
        (["[2001:db8::7]"], [SIX]),
        ([SIX], [SIX]),
        (["web1", "shop@web1"], [SHOP, BLOG]),
        (["new@blue:/srv/new"], ["new@blue:/srv/new"]),
        (["blue:/srv/new"], ["blue:/srv/new"]),
    ],
)
def test_selectors(home, texts, names):
    assert [each.name for each in known.select(texts)] == names


@pytest.mark.parametrize("text", ["web2", "games@", "games@web1", ":/srv/nothing"])
def test_a_selector_of_nothing_says_what_there_is(home, text):
    with pytest.raises(KraftwerkError, match=f"{text}: no such virtualenv; known: {SHOP}, "):
        known.select([text])


@pytest.mark.parametrize(
    "text", ["", "a@b@c", "-oProxyCommand=x", "web1:venv", "web1:../venv", "@web1", "web 1", "[x]"]
)
def test_what_is_no_selector(text):
    with pytest.raises(KraftwerkError) as caught:
        selector.parse(text)
    assert caught.value.code == 2


def test_a_selectors_parts():
    assert selector.parse("shop@web1:/srv//shop/./venv/") == Selector("shop", "web1", "/srv/shop/venv")
    assert selector.parse("shop@").virtualenv is None
    assert selector.parse("web1:/venv").virtualenv == Virtualenv(host="web1", path="/venv")


def test_nobody_knows_a_virtualenv(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    with pytest.raises(
        KraftwerkError, match=r"no virtualenv is known yet → kraftwerk deploy-wheels USER@HOST:/PATH -r"
    ):
        known.select([])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[{path: /x}]", "config.yaml:1: virtualenvs[0]: host missing"),
        ("[{host: a, path: venv}]", "config.yaml:1: virtualenvs[0].path: 'venv' is not a whole path, such as"),
        ("[{host: -oX, path: /x}]", "config.yaml:1: virtualenvs[0].host: '-oX' is not a hostname or an address"),
        ("[{host: a, path: /x, relaod: y}]", "virtualenvs[0].relaod: unknown key; did you mean reload?"),
        ("[{host: a, path: /x, site: y}]", "virtualenvs[0].site: unknown key"),
    ],
)
def test_mistakes_in_the_configuration(tmp_path, monkeypatch, text, reason):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    write(tmp_path, f"virtualenvs: {text}\n")
    with pytest.raises(KraftwerkError) as caught:
        admin.load()
    assert reason in caught.value.cause


def test_the_settings_name_them(home):
    found = {each.name: each.value for each in settings.collect("production", "shipped")}
    assert found["virtualenvs"] == [SHOP, BLOG, SIX, BLUE]


INSTALLED = {
    "same": Package("1.0"),
    "rises": Package("1.9"),
    "falls": Package("2.0"),
    "odd": Package("2004-03-ancient"),
    "left": Package("1"),
    "pip": Package("23"),
    "machine": Package("1", "system"),
}


@pytest.fixture
def wheels(tmp_path):
    pairs = {"same": "1", "rises": "1.10", "falls": "1.0", "odd": "1", "fresh": "3"}
    return [wheel.parse(make_wheel(tmp_path, name, version)) for name, version in pairs.items()]


def test_what_would_change(wheels):
    found = difference.compare(INSTALLED, wheels)
    assert found.up == {"rises": ("1.9", "1.10"), "odd": ("2004-03-ancient", "1")}
    assert found.down == {"falls": ("2.0", "1.0")}
    assert found.new == {"fresh": "3"}
    assert found.gone == {"left": "1"}
    assert found.leaving == ["rises", "odd", "falls"]
    assert [each.name for each in found.wheels] == ["rises", "falls", "odd", "fresh"]
    assert found.lines() == [
        "up    rises  1.9 → 1.10",
        "up    odd    2004-03-ancient → 1",
        "down  falls  2.0 → 1.0",
        "new   fresh  3",
        "gone  left   1 (stays; --remove takes it away)",
    ]
    assert found.summary() == "2 up, 1 down, 1 new"


def test_what_is_gone_goes_when_asked_for(wheels):
    found = difference.compare(INSTALLED, wheels, remove=True)
    assert found.leaving == ["rises", "odd", "falls", "left"]
    assert found.lines()[-1] == "gone  left   1"
    assert found.summary() == "2 up, 1 down, 1 new, 1 gone"
    assert not difference.compare({"left": Package("1")}, [])
    assert difference.compare({"left": Package("1")}, [], remove=True)


@pytest.mark.parametrize(("kind", "reason"), [("link", "is a link to a folder"), ("other", "nothing says which files")])
def test_what_cannot_be_taken_away_is_not_replaced(wheels, kind, reason):
    with pytest.raises(KraftwerkError, match=f"rises 1.9 .*{reason}"):
        difference.compare({"rises": Package("1.9", kind)}, wheels)
    assert difference.compare({"other": Package("1", kind)}, wheels).gone == {"other": "1"}


def test_what_is_there_already_meets_requirements(tmp_path):
    house = [
        wheel.parse(make_wheel(tmp_path, "shop", "2", requires=["helper>=1", "extra[more]; python_version > '3'"]))
    ]
    installed = {
        "helper": Package("1.5"),
        "extra": Package("1", requires=("deep; extra == 'more'",), extras=("more",)),
        "deep": Package("7"),
        "odd": Package("2004-03-ancient"),
        "shop": Package("2"),
    }
    (tmp_path / "standin").mkdir()
    present = standin.make(installed, house, tmp_path / "standin")
    assert sorted(each.name for each in present) == ["deep", "extra", "helper"]
    found = resolution.resolve([*house, *present], ["shop"], Target("3.11.2"), None)
    assert [each.pin for each in found] == ["deep==7", "extra==1", "helper==1.5", "shop==2"]
    assert not difference.compare(installed, found)


@pytest.mark.parametrize("name", ["venvread", "venvchange"])
def test_what_runs_in_a_virtualenv_is_python_3_8(name):
    ast.parse((PACKAGE / "remote" / f"{name}.py").read_text(), feature_version=(3, 8))
