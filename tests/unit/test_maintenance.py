"""The page that visitors get while a site is worked on."""

import subprocess
from types import SimpleNamespace

import pytest

from kraftwerk import health, maintenance, status
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.remote import hold

LOOK = "site\tshop\t200\nrelease\tshop\t3\tthere\nworkers\tshop\t2\t2\nmaintenance\tshop\t1790000000\tnew colours\n"


def test_ours_says_what_is_wanted_and_nothing_of_it_is_markup(tmp_path):
    assert f"<p>{maintenance.USUAL}</p>" in maintenance.page(tmp_path)
    assert "<p>Back at 5 &lt;b&gt;</p>" in maintenance.page(tmp_path, "Back at 5 <b>")


def test_the_projects_own_page_wins(tmp_path):
    (tmp_path / "maintenance.html").write_text("<h1>Closed</h1> {{ message }}")
    assert maintenance.page(tmp_path, "Back at 5") == "<h1>Closed</h1> Back at 5"
    assert maintenance.page(tmp_path) == f"<h1>Closed</h1> {maintenance.USUAL}"


def test_a_page_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "maintenance.html").write_text("x" * 100_000)
    with pytest.raises(KraftwerkError, match="larger than 96 kB"):
        maintenance.page(tmp_path)


def test_status_says_it_and_all_is_well():
    shop = Instance("shop", "shop", "production", "shop.wsgi:application", domains=("shop.blue",))
    seen = health.parse("blue", LOOK)
    found = status.judge(Node("blue", "192.0.2.1", "local"), shop, seen)
    assert found.ok
    assert "maintenance since 20" in found.line()
    assert ": new colours (kraftwerk maintenance off)" in found.line()


def test_who_waits_too_long_for_a_site_that_is_held_reads_words_not_their_place(tmp_path):
    (tmp_path / "current").mkdir()
    site = SimpleNamespace(root=tmp_path, options={"page": "ours", "message": [maintenance.MESSAGE, "Soon"]})
    assert hold.maintenance(site) == b"ours"
    (tmp_path / "current" / "maintenance.html").write_text("<h1>Closed</h1> {{ message }}")
    assert hold.maintenance(site) == b"<h1>Closed</h1> Soon"


def test_what_nginx_knows_nothing_of_is_taken_back_and_what_worked_before_stays(tmp_path):
    folder = tmp_path / "shop" / "maintenance"

    def on(answer, page):
        class There:
            node = Node("blue", "192.0.2.1", "local")

            def script(self, text, *words, check):
                text = f"curl() {{ printf '{answer}'; }}\n" + text.replace("/web/", f"{tmp_path}/")
                return subprocess.run(
                    ["sh", "-seu", "--", *words], input=text.encode(), capture_output=True, check=check
                )

        try:
            maintenance.on(
                There(), Instance("shop", "shop", "production", domains=("shop.blue",), wsgi=""), page, "why"
            )
        except KraftwerkError:
            return 1
        return 0

    assert on("", "one") == 1  # not deployed
    (tmp_path / "shop" / "slots").mkdir(parents=True)
    assert (on("HTTP/1.1 200 OK", "one"), folder.exists()) == (1, False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    assert (on("Kraftwerk-Maintenance: on", "two"), list(elsewhere.iterdir())) == (0, [])
    long = "it's " * 18_000
    assert on("HTTP/1.1 200 OK", long) == 1
    assert ((folder / "page.html").read_text(), (folder / "message").read_text()) == (long, "why")
