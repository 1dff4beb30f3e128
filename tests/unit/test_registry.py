"""The mirror of a node's registry."""

import pytest

from kraftwerk import registry
from kraftwerk.instance import Instance
from kraftwerk.node import Node

BLUE = Node("blue", "192.0.2.1", "ssh")
SHOP = Instance("shop", "shop", "production", "shop.wsgi")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))


def test_what_was_recorded_comes_back_until_it_is_forgotten():
    registry.record(BLUE, SHOP)
    assert registry.instances(BLUE) == {"shop": SHOP}
    registry.forget(BLUE, "shop")
    assert registry.instances(BLUE) == {}


def test_a_damaged_file_is_passed_over():
    registry.record(BLUE, SHOP)
    for name, text in (("broken", "{bro"), ("list", "[]"), ("other", '{"name": "x"}')):
        (registry.mirror("blue") / f"{name}.json").write_text(text)
    assert registry.instances(BLUE) == {"shop": SHOP}
