"""The switch: what the environment of the release that serves lacks is remembered for as long as that one serves."""

import subprocess

import pytest

from kraftwerk.remote import script


@pytest.fixture
def node(tmp_path):
    """A node's files in a folder: slot a is live with release 1, which lacks what a deploy that failed changed."""
    for folder in ("web/shop/slots", "run/kraftwerk/shop", "etc/sv", "etc/service", "follow"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "web/shop/current").symlink_to("releases/1")
    (tmp_path / "follow/shop").touch()
    return tmp_path


def switch(node, slot, number, *again):
    """Switch to a release in a slot; return the marks that are there then."""
    link = node / "web/shop/slots" / slot
    link.unlink(missing_ok=True)
    link.symlink_to(f"../releases/{number}")
    text = script("switch").replace("/var/lib/kraftwerk/", f"{node}/")
    for folder in ("/web/", "/etc/", "/run/"):
        text = text.replace(folder, f"{node}{folder}")
    words = ["sh", "-seu", "--", "shop", slot, str(number), *again]
    subprocess.run(words, input=f"sv() {{ :; }}\n{text}", text=True, check=True)
    assert (node / "web/shop/slots/live").readlink().name == slot
    return sorted(path.name for path in (node / "follow").iterdir())


def test_another_release_brings_what_the_one_before_lacked_and_who_is_led_back_lacks_it_again(node):
    assert switch(node, "b", 2) == [".shop"]
    assert switch(node, "a", 1, "again") == ["shop"]


def test_a_release_that_is_restarted_still_lacks_it(node):
    assert switch(node, "b", 1) == ["shop"]
    assert switch(node, "a", 1, "again") == ["shop"]
