"""Images, sizes and locations by name."""

import pytest
from libcloud.compute.base import Node, NodeImage, NodeLocation, NodeSize
from libcloud.compute.drivers.dummy import DummyNodeDriver
from libcloud.compute.providers import get_driver

from kraftwerk import dialect, offer, rented
from kraftwerk.cloudapi import Cloud
from kraftwerk.errors import KraftwerkError


class Offering(DummyNodeDriver):
    """A cloud that offers what a test says."""

    def __init__(self, images=(), sizes=(), locations=()):
        super().__init__("0")
        self.images, self.sizes, self.locations = images, sizes, locations

    def list_images(self, location=None):
        return [NodeImage(number, name, self, extra) for number, name, extra in self.images]

    def list_sizes(self, location=None):
        return [NodeSize(number, name, ram, 1, 1, price, self) for number, name, ram, price in self.sizes]

    def list_locations(self):
        return [NodeLocation(number, name, "DE", self, extra) for number, name, extra in self.locations]


def cloud(kind="mine", **offered):
    return Cloud(kind, kind, Offering(**offered), {})


@pytest.mark.parametrize(
    ("wanted", "images", "found"),
    [
        (
            "debian-12-*",
            [("1", "debian-12-b", {"creation_date": "2025"}), ("2", "debian-12-a", {"creation_date": "2026"})],
            "2",
        ),
        ("debian-12-*", [("1", "debian-12-9", {}), ("2", "debian-12-10", {}), ("3", "debian-13-1", {})], "2"),
        ("DEBIAN 12*", [("1", "Debian 12 x64 (bookworm)", {}), ("2", "Debian 11", {})], "1"),
        ("debian[-_ ]12*", [("1", "Debian 12", {}), ("2", "debian-11-12", {})], "1"),
        (
            "debian-12-x64",
            [("17", "12 x64", {"slug": "debian-12-x64"}), ("18", "12 x32", {"slug": "debian-12-x32"})],
            "17",
        ),
        ("17", [("17", "something", {}), ("171", "else", {})], "17"),
    ],
)
def test_the_newest_image_whose_name_matches(wanted, images, found):
    assert str(offer.image(cloud(images=images), wanted).id) == found


def test_no_image_matches():
    few = cloud(images=[("1", "ubuntu-24", {}), ("2", "debian-13", {})])
    with pytest.raises(
        KraftwerkError, match=r"^mine has no image called debian-12\*: .*debian-13.* → kraftwerk images mine$"
    ):
        offer.image(few, "debian-12*")


SIZES = [(2, "m1.small", 2048, 0), (3, "m1.large", 8192, 0), ("g6-standard-1", "Linode 2GB", 2048, 0.015)]


def test_a_size_by_name_or_id():
    some = cloud(sizes=SIZES)
    assert offer.size(some, "M1.small").id == "2"
    assert offer.size(some, "g6-standard-1").name == "Linode 2GB"
    with pytest.raises(KraftwerkError, match=r"mine needs a size: .*g6-standard-1, .*m1\.large"):
        offer.size(some, "")


def test_a_location_by_name_or_id_even_where_the_cloud_tells_features_instead_of_facts():
    some = cloud(locations=[("fra1", "Frankfurt 1", ["backups"]), ("ams3", "Amsterdam 3", [])])
    assert offer.location(some, "frankfurt 1").id == "fra1"
    with pytest.raises(KraftwerkError, match="mine needs a location: ams3, fra1 → --location NAME"):
        offer.location(some, "")


@pytest.mark.parametrize(
    ("kind", "told", "hour"),
    [("ec2", 0.024, 0.024), ("ec2", 0.0, None), ("vultr", 7.3, 0.01), ("dummy", 4, None), ("linode", None, None)],
)
def test_prices_are_by_the_hour_or_not_known(kind, told, hour):
    size = NodeSize("s", "s", 1, 1, 1, told, None)
    found = offer.price(cloud(kind), size)
    assert found == (pytest.approx(hour) if hour else None)


def machine(name="web1", public=(), private=(), **extra):
    return Node("1", name, "running", list(public), list(private), None, extra=extra)


def test_a_machine_is_ours_by_its_token_or_by_name_where_the_cloud_may_have_kept_none():
    assert dialect.is_ours(machine("other", tags={"kraftwerk-intent": "abc"}), "web1", "abc")
    assert dialect.is_ours(machine(tags=["kraftwerk-intent:abc"]), "web1", "abc")
    assert dialect.is_ours(machine(), "web1", "abc")
    assert not dialect.is_ours(machine(tags=["kraftwerk-intent:xyz"]), "web1", "abc"), (
        "another admin's of the same name"
    )
    assert not dialect.is_ours(machine("other"), "web1", "abc")


def test_a_machine_without_a_token_is_nobody_s_where_all_of_ours_have_one():
    somebodys = machine()
    somebodys.driver = get_driver("ec2")("key", "secret")
    assert not dialect.is_ours(somebodys, "web1", "abc")


def test_the_address_is_of_ipv4_if_there_is_one():
    assert rented.address_of(machine(public=["2001:db8::1", "192.0.2.7"])) == "192.0.2.7"
    assert rented.address_of(machine(public=["2001:db8::1"])) == "2001:db8::1"
    assert rented.address_of(machine(public=["0.0.0.0", ""], private=["10.0.0.1"])) == ""
    assert rented.address_of(machine(private=["10.0.0.1"]), "private_ips") == "10.0.0.1"
