"""The twenty sequences of tests/nginx_owner.py by mksite and rmsite whole: what they leave, and how long they take."""

import time

import pytest

from tests import nginx_owner
from tests.integration.conftest import converged, home, kraftwerk, make_shared_node  # noqa: F401 - fixtures
from tests.integration.test_mksite import server  # noqa: F401 - a fixture

pytestmark = [pytest.mark.node, pytest.mark.network]


@pytest.mark.parametrize("sequence", nginx_owner.SEQUENCES)
def test_sequence(sequence, server, kraftwerk, tmp_path):  # noqa: F811
    options = {"cwd": tmp_path, "timeout": 600}  # whoever is slow leaves no half site to the next sequence
    nginx_owner.begin(server)
    began = time.monotonic()
    for word in sequence.split():
        site = "aaa-shop" if word.endswith("-other") else "shop"
        more = ["--default-server", "--replace"] if word == "aside" else []
        if word.startswith("make") or more:
            kraftwerk("mksite", "wsgi", site, "--on", "mksite", "--with=postgres", "--yes", *more, **options)
        elif word.startswith("remove"):
            kraftwerk("rmsite", site, "--yes", **options)
            assert nginx_owner.left(server, site) == [] and not (tmp_path / site).exists()
        else:
            server.script(nginx_owner.script(word, site))
    now, shadow = nginx_owner.trees(server)
    assert now == shadow
    print(f"{sequence}: {time.monotonic() - began:.0f} s")
    nginx_owner.end(server)
