"""How long it takes from saving a file until a browser shows the new page: served here, and by a node's full stack.

The project is the Django template with PostgreSQL. The browser is headless Chromium, which reloads without a pause, as
nobody can. What is measured has all in it: the watch, the start of Django, the switch, the browser's own page load.
"""

import statistics
import time

import pytest

from kraftwerk.newproject import creation
from kraftwerk.newproject.choice import Choice
from kraftwerk.node import get_node
from kraftwerk.ports import free_port
from tests.integration.conftest import converged, home, make_shared_node  # noqa: F401 - fixtures
from tests.served import serving

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "serve-speed"
SAVES = 12
PAGE = """

whole_site = application


def application(environ, start_response):
    if environ["PATH_INFO"] != "/saved":
        return whole_site(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<h1>%s</h1>"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return creation.create(Choice("shop", "django", ("postgres", "files")), tmp_path_factory.mktemp("speed")).folder


def measure(site, page, url):
    """Return the seconds of each save; the pause between two is a person's, short as it is."""
    file, found = site / "shop" / "wsgi.py", []
    code = file.read_text().split("\n\nwhole_site")[0]
    for number in range(SAVES):
        began = time.monotonic()
        file.write_text(code + PAGE % f"save {number}")
        while shown(page, url) != f"save {number}":
            assert time.monotonic() < began + 30
        found.append(time.monotonic() - began)
        time.sleep(2)
    return found


def shown(page, url):
    page.get(url)
    found = page.find_elements("tag name", "h1")
    return found[0].text if found else ""


def report(what, found):
    print(f"\n{what}: median {statistics.median(found):.2f} s, all {' '.join(f'{each:.2f}' for each in sorted(found))}")


def test_served_here(site, browser):
    port = free_port()
    with serving(site, "--port", str(port), ready="Ctrl-C ends it"):
        found = measure(site, browser(), f"http://127.0.0.1:{port}/saved")
    report("serve", found)
    assert statistics.median(found) <= 1


def test_the_full_stack(site, browser, make_shared_node, converged):  # noqa: F811
    make_shared_node(NODE, base=converged)
    host = f"shop-development.{NODE}"
    with serving(site, "--full", NODE, ready="follows what you save"):
        found = measure(site, browser({host: get_node(NODE).host}), f"http://{host}/saved")
    report("serve --full", found)
    assert statistics.median(found) <= 1 and max(found) <= 2
