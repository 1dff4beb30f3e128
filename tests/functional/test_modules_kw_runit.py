"""kw_runit on folders of this machine: what is a service, what is enabled, and where names end."""

import os
import shutil

import pytest

SV = """#!/bin/sh
# Stands in for runit's sv where it isn't installed: a service is what the file `state` in its folder says.
while getopts w: option; do :; done
shift $((OPTIND - 1))
[ -f "$2/state" ] || { echo "fail: $2: runsv not running"; exit 1; }
case $1 in
status) echo "$(cat "$2/state"): $2: (pid 5) 1s" ;;
start | restart) echo run >"$2/state" ;;
stop) echo down >"$2/state" ;;
exit) rm "$2/state" ;;
esac
"""


@pytest.fixture
def runit(loaders, patch_module, tmp_path, monkeypatch):
    """The module on folders of the test's own, with two services of mysite and one of another instance."""
    patch_module("kw_runit", SERVICES=str(tmp_path / "sv"), ACTIVE=str(tmp_path / "service"))
    (tmp_path / "service").mkdir()
    for name, instance in (("mysite-web-a", "mysite"), ("mysite-mail", "mysite"), ("mysite-x-web-a", "mysite-x")):
        (tmp_path / "sv" / name).mkdir(parents=True)
        (tmp_path / "sv" / name / "run").write_text(f"exec /web/{instance}/exec gunicorn\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sv").write_text(SV)
    (tmp_path / "bin" / "sv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return loaders.modules.kw_runit


def supervise(tmp_path, name, state="down"):
    """Do what runsvdir does when it finds a new service."""
    (tmp_path / "sv" / name / "state").write_text(state)


def test_services_are_found_by_what_they_run(runit):
    assert runit.get_all() == ["mysite-mail", "mysite-web-a", "mysite-x-web-a"]
    assert runit.get_all(runs="/web/mysite/exec") == ["mysite-mail", "mysite-web-a"]
    assert runit.available("mysite-mail")
    assert not runit.available("mysite-none")


def test_a_node_without_runit_has_no_services(runit, tmp_path):
    shutil.rmtree(tmp_path / "sv")
    assert runit.get_all() == []
    assert runit.status("mysite-mail") == "absent"


def test_a_service_goes_through_its_life(runit, tmp_path):
    assert runit.status("mysite-mail") == "absent"
    supervise(tmp_path, "mysite-mail")
    assert runit.enable("mysite-mail", timeout=1)
    assert runit.enabled("mysite-mail")
    assert runit.start("mysite-mail") and runit.status("mysite-mail") == "run"
    assert runit.restart("mysite-mail")
    assert runit.stop("mysite-mail") and runit.status("mysite-mail") == "down"
    assert runit.disable("mysite-mail", timeout=1)
    assert not runit.enabled("mysite-mail") and runit.status("mysite-mail") == "absent"
    assert runit.remove("mysite-mail") is True
    assert runit.remove("mysite-mail") is False
    assert runit.get_all(runs="/web/mysite/exec") == ["mysite-web-a"]


def test_what_runit_doesn_t_pick_up_is_told(runit):
    assert runit.enable("mysite-mail", timeout=0) is False


def test_a_service_that_doesn_t_exist_can_t_be_enabled(runit):
    with pytest.raises(ValueError, match="doesn't exist"):
        runit.enable("mysite-none")


@pytest.mark.parametrize("name", ["", "..", ".x", "a/b", "/etc"])
@pytest.mark.parametrize("function", ["enabled", "status", "stop", "disable", "remove"])
def test_a_name_is_no_path(runit, function, name):
    with pytest.raises(ValueError, match="not the name"):
        getattr(runit, function)(name)
