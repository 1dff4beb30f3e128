"""The main job from an installed wheel: a node, a project, a deployment that answers 200."""

import urllib.request

import pytest

from tests import installed
from tests.sandbox import Sandbox, search_path

pytestmark = [pytest.mark.node, pytest.mark.network]


@pytest.fixture
def user(tmp_path):
    with Sandbox(tmp_path / "home", search_path(installed.install(tmp_path))) as sandbox:
        yield sandbox


def test_from_nothing_to_a_live_site(user):
    user.run("kraftwerk", "create-node", "wheel-blue", "--provider", "local", timeout=300)
    user.run("kraftwerk", "init", "mysite", "--template", "wsgi", cwd=user.home)
    printed = user.run("kraftwerk", "deploy", "wheel-blue", "--yes", cwd=user.home / "mysite", timeout=400)
    assert "http://mysite.wheel-blue" in printed
    request = urllib.request.Request(f"http://{user.nodes()['wheel-blue']}/", headers={"Host": "mysite.wheel-blue"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200 and b"mysite" in answer.read()
