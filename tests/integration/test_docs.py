"""The commands of the README and of the docs run, in their order, on real nodes."""

import http.client
import re

import pytest

from tests import console
from tests.sandbox import SCRIPTS, Sandbox, search_path

pytestmark = [pytest.mark.node, pytest.mark.network]
WALK = console.ROOT / "docs" / "first-ten-minutes.md"
ELSEWHERE = "<!-- run by tests/"  # a page that says so needs more than two nodes
OTHERS = sorted(
    page
    for page in (console.ROOT / "docs").glob("*.md")
    if page != WALK and console.commands(page) and ELSEWHERE not in page.read_text()
)
LAST = console.ROOT / "docs" / "migrate.md"
LIVE = re.compile(r"Release \d+ is live in \d+s +http://(?P<domain>\S+)")


@pytest.fixture
def user(tmp_path):
    """A user who has nothing of kraftwerk yet."""
    with Sandbox(tmp_path / "home", search_path()) as sandbox:
        yield sandbox
        sandbox.path = search_path(sandbox.home / ".kraftwerk" / "bin")


@pytest.fixture(scope="module")
def walked(packaged, tmp_path_factory):
    """A user who has gone through the first ten minutes."""
    settings = {"XDG_CACHE_HOME": str(packaged)}
    with Sandbox(tmp_path_factory.mktemp("docs") / "home", search_path(SCRIPTS), settings) as sandbox:
        sandbox.run("bash", "-c", console.script(WALK), cwd=sandbox.home, timeout=900)
        yield sandbox


def answers(address, domain):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/", headers={"Host": domain})
    return connection.getresponse().status


def test_the_readme(user):
    printed = user.run("bash", "-c", console.script(console.ROOT / "README.md"), cwd=console.ROOT, timeout=900)
    domain = LIVE.search(printed)["domain"]
    user.path = search_path(user.home / ".kraftwerk" / "bin")
    assert answers(user.nodes()["blue"], domain) == 200


def test_the_first_ten_minutes(walked):
    addresses = walked.nodes()
    assert {node: answers(addresses[node], f"mysite.{node}") for node in addresses} == {"blue": 200, "green": 200}


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.name)
def test_the_other_pages(page, walked):
    walked.run("bash", "-c", console.script(page), cwd=walked.home / "ten-minutes" / "mysite", timeout=600)


def test_moving(walked):
    walked.run("kraftwerk", "destroy-node", "green", "--yes")
    walked.run("bash", "-c", console.script(LAST), cwd=walked.home / "ten-minutes" / "mysite", timeout=600)
    addresses = walked.nodes()
    assert {answers(addresses[node], "mysite.blue") for node in ("blue", "green")} == {200}
