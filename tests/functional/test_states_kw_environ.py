"""The state kw_environ.managed: no-op, test run and change, with the real execution module below it."""

import grp
import os

import pytest

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the env file belongs to root")
GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def managed(state, patch_module, tmp_path):
    """Run the state on a file in the test's folder."""
    patch_module("kw_environ", SECRETS=str(tmp_path / "secrets"), FOLLOW=str(tmp_path / "follow"))

    def run(test=False, **arguments):
        name = str(tmp_path / "env")
        return state("kw_environ.managed", test=test, name=name, instance="mysite", group=GROUP, **arguments)

    return run


def test_changes_then_nothing_to_do(managed):
    ret = managed(environ={"TOKEN": "hush"})
    assert ret["result"] is True
    assert ret["changes"] == {"TOKEN": "added", "SECRET_KEY": "added"}
    ret = managed(environ={"TOKEN": "hush"})
    assert ret["result"] is True
    assert ret["changes"] == {}


def test_a_test_run_changes_nothing(managed, tmp_path):
    ret = managed(test=True, environ={"TOKEN": "hush"})
    assert ret["result"] is None
    assert ret["changes"] == {"TOKEN": "added", "SECRET_KEY": "added"}
    assert not (tmp_path / "env").exists()


def test_nothing_that_it_returns_holds_a_value(managed, tmp_path):
    returned = str(managed(environ={"TOKEN": "hush"})) + str(managed(environ={"TOKEN": "hush!"}))
    assert "hush" not in returned
    assert (tmp_path / "secrets" / "mysite" / "SECRET_KEY").read_text().strip() not in returned


def test_what_can_t_be_written_fails_with_its_reason(managed):
    ret = managed(services=["mongo"])
    assert ret["result"] is False
    assert "no module kw_mongo" in ret["comment"]


def test_an_encrypted_variable_shows_neither_in_changes_nor_in_comments(managed, patch_module, tmp_path):
    cipher = "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n"
    patch_module("kw_environ", __pillar__={"kraftwerk": {"secrets": {"mysite": {"environ.TOKEN": "hush"}}}})
    ret = managed(environ={"TOKEN": cipher})
    assert ret["changes"] == {"TOKEN": "added", "SECRET_KEY": "added"}
    assert "hush" not in str(ret)
    assert "TOKEN='hush'" in (tmp_path / "env").read_text()
    patch_module("kw_environ", __pillar__={})
    ret = managed(environ={"TOKEN": cipher})
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"].endswith("left as it is, since this admin can't decrypt it: TOKEN")
