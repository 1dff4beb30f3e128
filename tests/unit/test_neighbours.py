"""What may live beside what on one node."""

from dataclasses import replace

import pytest

from kraftwerk import neighbours
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance

STAGING = Instance("shop-staging", "shop", "staging", "shop.wsgi", processes={"mail": "true"}, domains=("s.example",))


def own(name, **options):
    return Instance(name, name, "production", f"{name}.wsgi", **options)


def refused(instance, *hosted):
    """Return why an instance is refused beside others, or nothing."""
    try:
        neighbours.check(instance, {other.name: other for other in hosted}, "blue")
    except KraftwerkError as error:
        assert error.code == 2
        assert error.next_command
        return error.cause
    return ""


def test_an_instance_and_its_own_older_version_and_its_staging_live_side_by_side():
    shop = own("shop", domains=("shop.example",), aliases=("example.com",))
    assert refused(replace(shop, workers=3), shop, STAGING) == ""


def test_the_same_name_from_another_project_is_refused_even_where_that_is_leaving():
    reason = "shop-staging on blue is the project shop in staging, not shop-staging in production"
    assert refused(own("shop-staging"), STAGING) == reason
    assert refused(own("shop-staging"), replace(STAGING, present=False)) == reason


@pytest.mark.parametrize("urls", [{"domains": ("other.example", "s.example")}, {"aliases": ("s.example",)}])
def test_a_domain_has_one_site_on_a_node(urls):
    assert refused(own("other", **urls), STAGING) == "s.example is served on blue by shop-staging already"
    assert refused(own("other", **urls), replace(STAGING, present=False)) == ""


def test_a_process_has_a_name_of_its_own_under_runit():
    reason = "shop-staging on blue has a process that runit calls shop-staging-mail, too"
    assert refused(own("shop", processes={"staging-mail": "true"}), STAGING) == reason
