"""The states of kw_nginx over the real execution modules, and a stand-in for nginx that refuses the word `oops`."""

import hashlib
import json

import pytest

MAIN = "user www-data;\nevents {}\nhttp {\n    include sites-enabled/*;\n}\n"
DEFAULT = "server { listen 80 default_server; server_name _; }\n"
SITE = "server { listen 80; server_name shop.test; }\n"
NGINX = """#!/bin/sh
cat {root}/sites-enabled/* | grep -q oops || exit 0
echo "nginx: [emerg] oops in {root}/x:1" >&2
exit 1
"""


@pytest.fixture
def nginx(patch_module, tmp_path, monkeypatch):
    """Return the folder of an nginx as Debian sets it up."""
    root, programs = tmp_path / "nginx", tmp_path / "bin"
    for folder in (root / "sites-available", root / "sites-enabled", programs):
        folder.mkdir(parents=True)
    (root / "nginx.conf").write_text(MAIN)
    (root / "sites-available" / "default").write_text(DEFAULT)
    (root / "sites-enabled" / "default").symlink_to(root / "sites-available" / "default")
    (programs / "nginx").write_text(NGINX.format(root=root))
    (programs / "nginx").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    patch_module("kw_nginxconf", ROOT=str(root))
    patch_module("kw_nginx", MEMORY=str(tmp_path / "memory"), STAMP=str(tmp_path / "stamp"))
    return root


@pytest.fixture
def wanted(tmp_path):
    """Return the file with what the site shall say."""
    path = tmp_path / "wanted"
    path.write_text(SITE)
    return path


@pytest.fixture
def present(state, nginx, wanted):
    """Run the state that keeps the site in."""
    return lambda **given: state("kw_nginx.present", name="shop", source=str(wanted), **given)


@pytest.fixture
def absent(state, nginx):
    """Run the state that keeps the site out."""
    return lambda **given: state("kw_nginx.absent", name="shop", **given)


def test_a_site_is_put_in_and_has_nothing_to_do_then(present, nginx):
    ret = present()
    assert (ret["result"], ret["changes"]) == (True, {"site": "written", "link": "made"})
    assert (nginx / "sites-enabled" / "shop").readlink() == nginx / "sites-available" / "shop"
    assert (nginx / "sites-available" / "shop").read_text() == SITE
    ret = present()
    assert (ret["result"], ret["changes"]) == (True, {})


def test_in_a_test_run(present, absent, nginx, wanted):
    text = wanted.read_text()
    wanted.unlink()
    assert present(test=True)["result"] is None
    wanted.write_text(text)
    assert (present(test=True)["result"], list((nginx / "sites-available").iterdir())[1:]) == (None, [])
    present()
    ret = absent(test=True)
    assert ret["result"] is None and len(ret["changes"]) == 2
    assert (nginx / "sites-enabled" / "shop").exists()


def test_a_new_text_is_written_unless_the_owner_wrote_his(present, nginx, wanted):
    present()
    wanted.write_text(SITE.replace("80", "81"))
    assert present()["changes"] == {"site": "changed"}
    (nginx / "sites-available" / "shop").write_text("# mine\n")
    wanted.write_text(SITE)
    ret = present()
    assert (ret["result"], ret["changes"]) == (True, {})
    assert "was changed by hand and stays so" in ret["warnings"][0]
    assert (nginx / "sites-available" / "shop").read_text() == "# mine\n"


def test_a_link_that_the_owner_took_out_stays_out(present, nginx):
    present()
    (nginx / "sites-enabled" / "shop").unlink()
    ret = present()
    assert ret["changes"] == {} and "taken out by hand: the site is not served until ln -s" in ret["warnings"][0]


def test_what_stands_aside_comes_back(present, absent, nginx):
    present(replaces=["sites-enabled/default"])
    assert sorted(path.name for path in (nginx / "sites-enabled").iterdir()) == ["shop"]
    absent()
    assert [path.name for path in (nginx / "sites-enabled").iterdir()] == ["default"]
    assert absent()["changes"] == {}


def test_it_comes_back_as_soon_as_it_need_not_stand_aside(present, nginx):
    present(replaces=["sites-enabled/default"])
    assert present()["changes"] == {"sites-enabled/default": "comes back"}
    assert (nginx / "sites-enabled" / "default").exists()


def test_what_nginx_refuses_fails_and_is_undone(present, nginx, wanted):
    before = sorted(nginx.rglob("*"))
    wanted.write_text("oops")
    ret = present(replaces=["sites-enabled/default"])
    assert (ret["result"], ret["comment"]) == (False, f"nginx refuses it, all is as it was: oops in {nginx}/x:1")
    assert sorted(nginx.rglob("*")) == before


def test_a_file_of_the_owner_s_is_never_overwritten(present, nginx):
    (nginx / "sites-available" / "shop").write_text("# mine\n")
    ret = present()
    assert ret["result"] is False and "is there already, and not kraftwerk's" in ret["comment"]
    assert (nginx / "sites-available" / "shop").read_text() == "# mine\n"


def test_absent_has_nothing_to_do_where_there_is_none(absent):
    assert (absent()["result"], absent()["changes"]) == (True, {})


def test_what_is_remembered_of_a_site_goes_with_it(loaders, present, absent):
    remembered = loaders.modules["kw_nginx.remembered"]
    assert not remembered("shop")
    present()
    assert remembered("shop") and not remembered("other")
    absent()
    assert not remembered("shop")


def test_what_the_owner_wrote_into_the_site_is_kept_when_it_goes(present, absent, nginx, tmp_path):
    present()
    (nginx / "sites-available" / "shop").write_text("# mine\n")
    ret = absent()
    assert (tmp_path / "memory" / "shop" / "site").read_text() == "# mine\n"
    assert "had been changed by hand; it is kept as" in ret["warnings"][0]
    assert not (nginx / "sites-available" / "shop").exists()


@pytest.mark.parametrize(
    ("include", "first", "link"),
    [
        ("sites-enabled/*", DEFAULT, "shop"),
        ("sites-enabled/*.conf", DEFAULT, "shop.conf"),
        ("sites-enabled/*", DEFAULT.replace(" default_server", ""), "shop"),  # default is before shop anyhow
        ("conf.d/*.conf", DEFAULT, None),
    ],
)
def test_the_link_is_where_nginx_looks(present, nginx, include, first, link):
    (nginx / "nginx.conf").write_text(MAIN.replace("sites-enabled/*", include))
    (nginx / "sites-available" / "default").write_text(first)
    ret = present()
    assert ret["result"] is bool(link)
    assert not link or (nginx / "sites-enabled" / link).is_symlink()


def test_who_answers_for_all_names_by_standing_first_stays_first(present, nginx):
    (nginx / "sites-enabled" / "default").unlink()
    (nginx / "sites-enabled" / "www").write_text(DEFAULT.replace(" default_server", ""))
    present()
    assert (nginx / "sites-enabled" / "zz-shop").is_symlink()


def test_an_attempt_that_was_killed_before_its_undo_is_undone_by_the_next(present, nginx, tmp_path):
    present()
    (nginx / "sites-available" / "shop").write_text("oops")
    memory = tmp_path / "memory" / "shop.json"
    tried = {"trying": True, "linked": False, "hashes": [hashlib.sha256(b"oops").hexdigest()]}
    memory.write_text(json.dumps({**json.loads(memory.read_text()), **tried}))
    assert present()["result"] is True
    assert (nginx / "sites-enabled" / "shop").read_text() == SITE
    assert json.loads(memory.read_text())["trying"] is False


@pytest.mark.parametrize(("again", "is_kept"), [("# mine\n", False), ("# another\n", True)])
def test_what_stood_aside_is_kept_where_its_place_is_taken(present, absent, nginx, tmp_path, again, is_kept):
    mine = nginx / "sites-enabled" / "mine"
    mine.write_text("# mine\n")
    present(replaces=["sites-enabled/mine"])
    mine.write_text(again)
    told = absent()["warnings"][0]
    assert mine.read_text() == again
    assert ("is kept as" in told) is is_kept
    kept = tmp_path / "memory" / "shop" / "0-mine"
    assert (kept.read_text() if kept.exists() else "") == ("# mine\n" if is_kept else "")
