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


def follow(node, live, now):
    """Have the live release follow the site's environment; return what its own one says then, and with which mode."""
    own = node / "web/shop/releases/1/.kraftwerk-env"
    own.parent.mkdir(parents=True)
    own.write_text(live)
    (node / "web/shop/env").write_text(now)
    (node / "web/shop/env").chmod(0o640)
    text = script("follow").replace("/var/lib/kraftwerk/", f"{node}/").replace("/web/", f"{node}/web/")
    subprocess.run(["sh", "-seu", "--", "", "", "shop"], input=text, text=True, check=True)
    assert not (node / "follow/shop").exists() and sorted(own.parent.iterdir()) == [own]
    return own.read_text(), own.stat().st_mode & 0o777


def test_the_live_release_takes_what_changed(node):
    now = "A='2'\nSTATIC_URL='https://cdn.test/static/'\n"
    assert follow(node, "A='1'\nB='1'\nSTATIC_URL='https://cdn.test/static/'\n", now) == (now, 0o640)


@pytest.mark.parametrize("before", ["", "STATIC_URL='https://old.test/static/'\n"])
@pytest.mark.parametrize("after", ["", "STATIC_URL='https://cdn.test/static/'\n"])
def test_but_its_static_files_stay_where_they_were_brought_to(node, before, after):
    assert follow(node, f"A='1'\n{before}", f"A='2'\n{after}") == (f"A='2'\n{before}", 0o640)
