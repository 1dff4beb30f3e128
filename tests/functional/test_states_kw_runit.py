"""The states of kw_runit: no-op, test run and change of each, over the real execution module and a stand-in for sv."""

import pytest

from .test_modules_kw_runit import runit, supervise  # noqa: F401 - a fixture

MAIL = "mysite-mail"
EXEC = "/web/mysite/exec"


@pytest.fixture
def service(runit, tmp_path):  # noqa: F811
    """The module; mail is down, and picked up by runit already."""
    supervise(tmp_path, MAIL)
    return runit


def test_running_starts(service, state):
    ret = state("kw_runit.running", name=MAIL)
    assert (ret["result"], ret["changes"]) == (True, {MAIL: {"old": "down", "new": "run"}})
    assert service.enabled(MAIL) and service.status(MAIL) == "run"


def test_running_has_nothing_to_do(service, state):
    state("kw_runit.running", name=MAIL)
    ret = state("kw_runit.running", name=MAIL)
    assert (ret["result"], ret["changes"]) == (True, {})


def test_running_in_a_test_run(service, state):
    ret = state("kw_runit.running", test=True, name=MAIL)
    assert (ret["result"], ret["changes"]) == (None, {MAIL: {"old": "down", "new": "run"}})
    assert service.status(MAIL) == "down" and not service.enabled(MAIL)


def test_running_fails_for_what_isn_t_there(service, state):
    ret = state("kw_runit.running", name="mysite-none")
    assert ret["result"] is False
    assert "no service mysite-none" in ret["comment"]


def test_dead_stops(service, state):
    state("kw_runit.running", name=MAIL)
    ret = state("kw_runit.dead", name=MAIL)
    assert (ret["result"], ret["changes"]) == (True, {MAIL: {"old": "run", "new": "absent"}})
    assert service.status(MAIL) == "absent" and service.available(MAIL)


def test_dead_has_nothing_to_do(service, state):
    ret = state("kw_runit.dead", name="mysite-web-a")
    assert (ret["result"], ret["changes"]) == (True, {})


def test_dead_in_a_test_run(service, state):
    ret = state("kw_runit.dead", test=True, name=MAIL)
    assert ret["result"] is None and ret["changes"]
    assert service.status(MAIL) == "down"


def test_only_removes_the_others(service, state):
    ret = state("kw_runit.only", name=EXEC, keep=["mysite-web-a"])
    assert (ret["result"], ret["changes"]) == (True, {MAIL: "removed"})
    assert service.get_all() == ["mysite-web-a", "mysite-x-web-a"]


def test_only_has_nothing_to_do(service, state):
    ret = state("kw_runit.only", name=EXEC, keep=["mysite-web-a", MAIL])
    assert (ret["result"], ret["changes"]) == (True, {})


def test_only_in_a_test_run(service, state):
    ret = state("kw_runit.only", test=True, name=EXEC)
    assert ret["result"] is None and set(ret["changes"]) == {MAIL, "mysite-web-a"}
    assert len(service.get_all()) == 3
