"""The way back from a load."""

from types import SimpleNamespace

from kraftwerk import nodeprogram, safety
from kraftwerk.instance import Instance
from kraftwerk.replacement import Holding, Origin, Plan


def plan(environment="production", services=(), replaced=()):
    name = "mysite" if environment == "production" else f"mysite-{environment}"
    instance = Instance(name, "mysite", environment, "mysite.wsgi:application", services=services)
    coming = tuple(Holding(service, "1", {}, 0) for service in replaced)
    return Plan(Origin("mysite", "production", "mysite", "blue"), instance, "green", coming, {})


def test_the_way_back_is_a_command():
    saved = "/home/me/my dumps/x.kw"
    assert safety.back(plan(), saved) == "kraftwerk load '/home/me/my dumps/x.kw' --to green"
    kept = "green:/web/mysite-staging/dump/before-copy-20261120T101200.kw"
    assert safety.back(plan("staging"), kept) == f"kraftwerk load {kept} --to green --env staging"


def test_what_stays_on_the_node_is_of_what_is_replaced(monkeypatch):
    asked = []
    monkeypatch.setattr(nodeprogram, "call", lambda *_, only, **__: asked.append(only))
    connection = SimpleNamespace(script=lambda *_: None)
    for replaced in (("postgres",), ("postgres", "files")):
        here = plan(services=("postgres", "files"), replaced=replaced)
        there = SimpleNamespace(connection=connection, instance=here.instance, node=SimpleNamespace(name="green"))
        safety.keep_there(there, here, say=lambda _: None)
    assert asked == [["postgres"], None]


def test_the_way_back_is_of_what_was_replaced():
    here = plan(services=("postgres", "redis", "files"), replaced=("redis",))
    assert safety.back(here, "x.kw") == "kraftwerk load x.kw --to green --only redis"
    assert safety.back(plan(services=("redis",), replaced=("redis",)), "x.kw") == "kraftwerk load x.kw --to green"
