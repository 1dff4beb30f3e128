"""The way back from a load."""

from kraftwerk import safety
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


def test_the_way_back_is_of_what_was_replaced():
    here = plan(services=("postgres", "redis", "files"), replaced=("redis",))
    assert safety.back(here, "x.kw") == "kraftwerk load x.kw --to green --only redis"
    assert safety.back(plan(services=("redis",), replaced=("redis",)), "x.kw") == "kraftwerk load x.kw --to green"
