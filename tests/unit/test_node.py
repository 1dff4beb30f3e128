"""Nodes: names, the roster in Salt's format, pinned host keys."""

import threading

import pytest
import yaml

from kraftwerk import node
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node

BLUE = Node("blue", "10.77.0.11", "local", release="bookworm")
KEY = "ssh-ed25519 AAAAC3Nza blue"
OTHER = "ssh-ed25519 AAAAC3Other green"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Return an empty admin's folder."""
    folder = tmp_path / "home"
    monkeypatch.setenv("KRAFTWERK_HOME", str(folder))
    return folder


@pytest.mark.parametrize("name", ["blue", "web1", "web-1.example.com", "1", "a" * 63])
def test_hostnames(name):
    assert node.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Blue",
        "my_node",
        "-x",
        "x-",
        "a..b",
        ".a",
        "a b",
        "../x",
        "a/b",
        "a\nb",
        "x" * 64,
        "localhost",
        "ä",
        "a." * 130 + "a",
    ],
)
def test_what_is_no_hostname(name):
    with pytest.raises(KraftwerkError, match="is no hostname") as caught:
        node.check_name(name)
    assert caught.value.code == 2


def test_the_roster_is_salts_own(home):
    node.save_node(BLUE)
    node.save_node(Node("web1", "web1.example.com", "ssh", user="debian", port=2222, status="creating"))
    engine = {"thin_dir": node.SALT_FOLDER}
    assert yaml.safe_load((home / "nodes").read_text()) == {
        "blue": {"host": "10.77.0.11", "user": "root", "port": 22, "provider": "local", "release": "bookworm"} | engine,
        "web1": {"host": "web1.example.com", "user": "debian", "port": 2222, "provider": "ssh", "status": "creating"}
        | engine,
    }
    assert node.get_node("blue") == BLUE
    assert node.get_node("web1").status == "creating"
    assert (home / "nodes").stat().st_mode & 0o777 == 0o600


def test_an_entry_written_by_hand_needs_no_more_than_a_host(home):
    home.mkdir()
    (home / "nodes").write_text("old: {host: 192.0.2.7}\n")
    assert node.get_node("old") == Node("old", "192.0.2.7", "ssh")


def test_an_unknown_node_is_told_with_those_that_there_are():
    with pytest.raises(
        KraftwerkError, match=r"no node is called red \(there are none yet\) → kraftwerk create-node red"
    ):
        node.get_node("red")
    node.save_node(BLUE)
    with pytest.raises(KraftwerkError, match=r"\(nodes: blue\)"):
        node.get_node("red")


@pytest.mark.parametrize(
    "content", ["a: [", "just words", "- blue", "blue: {}", "blue: {host: x, port: many}", "blue: x"]
)
def test_a_broken_roster_is_one_line(home, content):
    home.mkdir()
    (home / "nodes").write_text(content)
    with pytest.raises(KraftwerkError) as caught:
        node.all_nodes()
    assert caught.value.code == 2
    assert caught.value.cause.startswith(f"{home}/nodes:")
    assert "object has no" not in caught.value.cause
    assert "\n" not in caught.value.cause


def test_saving_at_the_same_time_loses_nobody():
    many = [Node(f"n{number}", f"10.77.0.{number}", "local") for number in range(12)]
    threads = [threading.Thread(target=node.save_node, args=(each,)) for each in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(node.all_nodes()) == sorted(each.name for each in many)


def test_host_keys_are_pinned_by_name_and_address():
    node.pin_host_keys(BLUE, [KEY])
    assert node.known_hosts_file().read_text() == "blue,10.77.0.11 ssh-ed25519 AAAAC3Nza\n"


def test_another_port_is_another_host():
    node.pin_host_keys(Node("web1", "192.0.2.7", "ssh", port=2222), [KEY])
    assert node.known_hosts_file().read_text().startswith("[web1]:2222,[192.0.2.7]:2222 ssh-ed25519 ")


def test_pinning_again_replaces_and_leaves_others():
    node.pin_host_keys(BLUE, [KEY])
    node.pin_host_keys(Node("green", "10.77.0.12", "local"), [OTHER])
    node.pin_host_keys(BLUE, ["ssh-ed25519 AAAAnew blue"])
    lines = sorted(node.known_hosts_file().read_text().splitlines())
    assert lines == ["blue,10.77.0.11 ssh-ed25519 AAAAnew", "green,10.77.0.12 ssh-ed25519 AAAAC3Other"]


def test_a_removed_node_is_forgotten_with_its_keys():
    node.save_node(BLUE)
    node.pin_host_keys(BLUE, [KEY])
    node.remove_node("blue")
    node.remove_node("blue")
    assert node.all_nodes() == {}
    assert node.known_hosts_file().read_text() == ""
