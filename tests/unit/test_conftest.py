"""The rule that CI doesn't take a skipped node test for an answer."""

import pytest

pytest_plugins = ["pytester"]

TEST = """
import pytest

@pytest.mark.node
@pytest.mark.skip(reason="no privilege")
def test_on_a_node():
    pass

@pytest.mark.skip(reason="another matter")
def test_elsewhere():
    pass
"""


@pytest.fixture
def run(pytester):
    """Return a function that runs the sample with our conftest."""
    pytester.makeini("[pytest]\nmarkers = node: n")
    pytester.makeconftest("from tests.conftest import pytest_runtest_makereport")
    pytester.makepyfile(TEST)
    return lambda: pytester.runpytest_inprocess("-p", "no:salt_factories")


def test_ci_fails_where_a_laptop_skips(run, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    run().assert_outcomes(skipped=2)
    monkeypatch.setenv("CI", "true")
    run().assert_outcomes(skipped=1, errors=1)
