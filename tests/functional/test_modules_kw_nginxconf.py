"""nginx's configuration as nginx reads it: includes, quotes, comments, blocks; and what stands in a site's way."""

import pytest

MAIN = """user  www-data ;
events { worker_connections 768; }
http {
    # server { listen 80; server_name commented.test; }
    log_format x '$host "$request" {';
    map $http_upgrade $up { default "a;b"; '' close; }
    include sites-enabled/*;
}
stream { server { listen 80; } }
"""
SITE = """server {
    listen 80 default_server; listen [::]:80 ipv6only=off;
    server_name shop.test
        www.shop.test; # both
    location ~ "^/a{2}" { return 200 "${host} }"; }
}
server { listen 192.0.2.7; }
server { server_name bare.test; }
"""


@pytest.fixture
def nginx(patch_module, tmp_path):
    """Return the folder of a configuration."""
    (tmp_path / "sites-enabled").mkdir()
    (tmp_path / "nginx.conf").write_text(MAIN)
    (tmp_path / "sites-enabled" / "shop").write_text(SITE)
    patch_module("kw_nginxconf", ROOT=str(tmp_path))
    patch_module("kw_nginx", MEMORY=str(tmp_path / "memory"))
    return tmp_path


def test_servers_with_file_and_line_of_each_word(nginx, loaders):
    shop, other, bare = loaders.modules["kw_nginxconf.servers"]()
    site = str(nginx / "sites-enabled" / "shop")
    assert [(each["name"], each["line"]) for each in shop["names"]] == [("shop.test", 3), ("www.shop.test", 3)]
    listens = [(each["address"], each["port"], each["default"], each["both"]) for each in shop["listens"]]
    assert listens == [("*", 80, True, False), ("::", 80, False, True)]
    assert (shop["file"], shop["line"], other["line"]) == (site, 1, 7)
    assert (other["listens"][0]["address"], bare["listens"][0]["address"]) == ("192.0.2.7", "*")


def test_directives_and_files(nginx, loaders):
    (found,) = loaders.modules["kw_nginxconf.directives"]("user")
    assert (found["arguments"], found["line"]) == (["www-data"], 1)
    assert loaders.modules["kw_nginxconf.files"]() == [
        str(nginx / "nginx.conf"),
        str(nginx / "sites-enabled" / "shop"),
    ]


def test_what_is_in_a_site_s_way(nginx, loaders):
    find = loaders.modules["kw_nginxclash.find"]
    told = {each["kind"]: each for each in find("mysite", ["www.shop.test"], default_server=True)}
    site = f"{nginx}/sites-enabled/shop"
    assert told["server_name"]["where"] == f"{site}:3"
    assert (told["server_name"]["moves"], told["server_name"]["others"]) == ("sites-enabled/shop", ["shop.test"])
    assert told["default_server"]["where"] == f"{site}:2"
    assert told["address"]["where"] == f"{site}:7"
    assert told["port"]["where"] == f"{site}:2"
    (nginx / "nginx.conf").write_text(MAIN.replace("www-data", "nginx"))
    assert "user" in {each["kind"] for each in find("mysite", ["a.test"])}


@pytest.mark.parametrize(
    ("written", "is_one"), [("Shop.Test", 1), (".shop.test", 1), ("*.test", 0), ("*.shop.test", 0)]
)
def test_names_are_compared_as_nginx_does(nginx, loaders, written, is_one):
    (nginx / "sites-enabled" / "shop").write_text(f"server {{ listen 80; server_name {written}; }}")
    found = loaders.modules["kw_nginxclash.find"]("mysite", ["shop.test"])
    assert len([each for each in found if each["kind"] == "server_name"]) == is_one


def test_a_file_of_the_owner_s_with_the_site_s_name(nginx, loaders):
    found = loaders.modules["kw_nginxclash.find"]("shop", ["new.test"])
    assert [(each["kind"], each["moves"]) for each in found if each["kind"] == "file"] == [
        ("file", "sites-enabled/shop")
    ]


def test_loops_and_broken_files_end(nginx, loaders):
    (nginx / "sites-enabled" / "shop").write_text("include sites-enabled/*; server { listen 80")
    assert len(loaders.modules["kw_nginxconf.servers"]()) == 1
    (nginx / "sites-enabled" / "shop").write_text("server { server_name 'open; }")
    loaders.modules["kw_nginxconf.servers"]()
