"""This computer as a node: only a Debian server that systemd runs, once, and known by its machine-id."""

import os
from dataclasses import replace

import pytest

from kraftwerk import here, provider, saltcall
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, machine_id, save_node
from kraftwerk.transport import Connection, unreachable

WEB1 = Node("web1", "192.0.2.9", "here", machine_id="0" * 32)


@pytest.fixture(autouse=True)
def debian(tmp_path, monkeypatch):
    """Make this computer a Debian server, whatever it is."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(here, "SYSTEMD", tmp_path)
    release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(here.platform, "freedesktop_os_release", lambda: release)
    monkeypatch.setattr(here.socket, "gethostname", lambda: "Web1")
    return release


def test_it_is_registered_once_by_its_hostname():
    made = here.register()
    assert (made.name, made.provider, made.release, made.machine_id) == ("web1", "here", "bookworm", machine_id())
    assert here.register() == here.register("web1") == here.find() == all_nodes()["web1"]
    with pytest.raises(KraftwerkError, match="this computer is the node web1 already"):
        here.register("web2")


def test_another_node_s_name_is_taken():
    save_node(Node("web1", "192.0.2.7", "ssh"))
    with pytest.raises(KraftwerkError, match="another node is called web1"):
        here.register()


def test_only_debian_run_by_systemd(debian, monkeypatch, tmp_path):
    monkeypatch.setattr(here, "SYSTEMD", tmp_path / "none")
    with pytest.raises(KraftwerkError, match="systemd doesn't run this computer"):
        here.register()
    debian["ID"] = "fedora"
    with pytest.raises(KraftwerkError, match="runs fedora"):
        here.register()


def test_a_hostname_that_is_none(monkeypatch):
    monkeypatch.setattr(here.socket, "gethostname", lambda: "localhost")
    with pytest.raises(KraftwerkError) as error:
        here.register()
    assert "hostnamectl" in str(error.value.next_command)


def test_what_was_said_on_another_computer_is_never_done_on_this_one():
    with pytest.raises(KraftwerkError, match="web1 is another computer"):
        Connection(WEB1).run(["true"])
    save_node(WEB1)
    assert here.find() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="root runs it here")
def test_commands_run_here_with_an_environment_like_ssh_s(monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "/x")
    there = Connection(replace(WEB1, machine_id=machine_id()))
    assert there.text(["sh", "-c", "umask; pwd; echo ${VIRTUAL_ENV-none}"]) == "0022\n/root\nnone"
    assert there.run(["sh", "-c", "exit 255"], check=False).returncode == 255
    there.check()
    there.close()


def test_it_is_never_unreachable_nor_powered_from_here():
    assert unreachable(WEB1, "").cause == "web1: a program ended without a word"
    with pytest.raises(KraftwerkError, match="this very computer"):
        provider.stop(WEB1)


def test_salt_call_sees_the_trees_pillar_and_modules_of_salt_ssh(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "salt" / "_modules").mkdir(parents=True)
    found = saltcall.settings(WEB1)
    assert (found["id"], found["file_client"], found["cachedir"]) == ("web1", "local", "/var/lib/kraftwerk/salt/cache")
    assert found["file_roots"]["base"][0] == str(tmp_path / "salt")
    assert len(found["module_dirs"]) == 2 and "kw_instances" in found["ext_pillar"][0]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"stdout": "", "stderr": "'nope.nope' is not available.\n"}, "'nope.nope' is not available."),
        ({"stderr": "Traceback (most recent call last):\n  x\nValueError: no\n"}, "ValueError: no"),
        (["a", "b"], "a; b"),
        ({"stdout": "", "stderr": ""}, "{'stdout': '', 'stderr': ''}"),
    ],
)
def test_the_telling_line_of_an_answer_without_a_value(answer, told):
    assert saltcall.reason(answer) == told
