"""Existing servers, adopted by their address: a local node plays the server, another home adopts it."""

import os
import shutil

import pytest

from kraftwerk import foreignserver, machine
from kraftwerk.errors import KraftwerkError

pytestmark = pytest.mark.node


@pytest.fixture
def other(home, kraftwerk, tmp_path):
    """Run kraftwerk for another admin, whose key the servers know."""
    shutil.copytree(home / "keys", tmp_path / "keys", copy_function=shutil.copy2)
    environment = {**os.environ, "KRAFTWERK_HOME": str(tmp_path)}
    return lambda *arguments, **options: kraftwerk(*arguments, env=environment, **options)


@pytest.fixture(scope="module")
def server(make_shared_node):
    return make_shared_node("server")


def arguments(server, name="web1"):
    return ["create-node", name, "--provider", "ssh", "--host", server.node.host, "--no-hosts"]


def test_a_server_is_adopted_by_its_key_and_forgotten(server, other):
    key = foreignserver.fingerprint(machine.host_key("server"))
    assert key in other(*arguments(server), "--host-key", key).stdout
    assert "web1" in other("nodes").stdout
    assert "running" in other("nodes").stdout
    assert other(*arguments(server), "--host-key", key).returncode == 0  # once more is no harm
    other("destroy-node", "web1", "--yes")
    assert "no nodes" in other("nodes").stdout
    assert server.text(["hostname"]) == "server"


def test_nobody_to_accept_the_key_means_no(server, other):
    answer = other(*arguments(server), check=False)
    assert answer.returncode == 1
    assert foreignserver.fingerprint(machine.host_key("server")) in answer.stdout
    assert "not accepted" in answer.stderr


def test_another_key_than_the_expected_one_is_refused(server, other):
    answer = other(*arguments(server), "--host-key", "SHA256:wrong", "--yes", check=False)
    assert answer.returncode == 1
    assert "shows another host key than SHA256:wrong" in answer.stderr


def test_a_taken_name_is_refused(server, kraftwerk):
    answer = kraftwerk(*arguments(server, "server"), "--yes", check=False)
    assert answer.returncode == 2
    assert "exists already" in answer.stderr


def test_an_adopted_server_is_not_stopped_from_here(server, other):
    other(*arguments(server), "--yes")
    answer = other("stop-node", "web1", check=False)
    assert answer.returncode == 2
    assert "a server that was adopted" in answer.stderr


def test_a_key_that_the_server_does_not_know(server, kraftwerk, tmp_path):
    environment = {**os.environ, "KRAFTWERK_HOME": str(tmp_path / "stranger")}
    answer = kraftwerk(*arguments(server), "--yes", env=environment, check=False)
    assert answer.returncode == 1
    assert "does not accept" in answer.stderr
    assert "ssh-copy-id" in answer.stderr
    assert "no nodes" in kraftwerk("nodes", env=environment).stdout


def test_nothing_answers(server, kraftwerk):
    answer = kraftwerk("create-node", "web2", "--host", server.node.host, "--port", "2", check=False)
    assert answer.returncode == 1
    assert "no sshd answers" in answer.stderr


def test_a_server_without_python3(make_node, other):
    bare = make_node("bare")
    bare.run(["sh", "-c", "mv /usr/bin/python3 /usr/bin/python3.away"])
    answer = other(*arguments(bare), "--yes", check=False)
    assert answer.returncode == 1
    assert "has no python3" in answer.stderr
    assert "apt-get install --yes python3" in answer.stderr


def test_a_server_of_another_system(make_node, other):
    strange = make_node("strange")
    strange.run(["sh", "-c", "rm /etc/os-release; echo ID=plan9 > /etc/os-release"])
    answer = other(*arguments(strange), "--yes", check=False)
    assert answer.returncode == 1
    assert "runs plan9" in answer.stderr


def test_an_address_is_one_node(server, kraftwerk):
    answer = kraftwerk(*arguments(server, "twin"), "--yes", check=False)
    assert answer.returncode == 2
    assert "is the node server already" in answer.stderr


def test_a_changed_host_key_is_refused(make_node):
    node = make_node("changed")
    node.run(["sh", "-c", "rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh"])
    node.close()
    with pytest.raises(KraftwerkError, match="shows another host key"):
        node.run(["true"])
