"""The way back from a load."""

from kraftwerk import safety
from kraftwerk.instance import Instance
from kraftwerk.replacement import Origin, Plan


def plan(environment="production"):
    name = "mysite" if environment == "production" else f"mysite-{environment}"
    instance = Instance(name, "mysite", environment, "mysite.wsgi:application")
    return Plan(Origin("mysite", "production", "mysite", "blue"), instance, "green", (), {})


def test_the_way_back_is_a_command():
    saved = "/home/me/my dumps/x.kw"
    assert safety.back(plan(), saved) == "kraftwerk load '/home/me/my dumps/x.kw' --to green"
    kept = "green:/web/mysite-staging/dump/before-copy-20261120T101200.kw"
    assert safety.back(plan("staging"), kept) == f"kraftwerk load {kept} --to green --env staging"
