"""The driver for clouds on libcloud's DUMMY, whose machines live in this process."""

import pytest
import yaml

from kraftwerk import admin, cloud, intent, node, paths
from kraftwerk.errors import KraftwerkError


@pytest.fixture
def pretend(greeting, tmp_path, monkeypatch):
    """A home of an admin with an account at DUMMY, with two machines in it that nobody here made."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    admin.ensure()
    folder = paths.config_home()
    account = {"driver": "kw_libcloud", "libcloud": "dummy", "arguments": {"creds": str(tmp_path)}}
    profile = {"provider": "pretend", "size": "small", "image": "ubuntu 9.*", "ssh_port": greeting}
    paths.write_atomic(folder / "cloud.providers.d" / "pretend.conf", yaml.safe_dump({"pretend": account}))
    paths.write_atomic(folder / "cloud.profiles.d" / "pretend.conf", yaml.safe_dump({"pretend-small": profile}))


def machines():
    return cloud.ask("pretend", "list_nodes")


def create(name, **overrides):
    return cloud.create(name, "pretend", "pretend-small", **overrides)


def test_create_list_and_destroy(pretend):
    assert sorted(machines()) == ["dummy-1", "dummy-2"]
    created = create("web1")
    assert created == machines()["web1"]
    assert (created["state"], created["public_ips"]) == ("running", ["127.0.0.3"])
    here = node.get_node("web1")
    assert (here.host, here.provider, here.status) == ("127.0.0.3", "pretend", "ready")
    assert intent.all_intents() == []
    with pytest.raises(KraftwerkError, match="a node called web1 exists already at pretend, as 3"):
        create("web1")

    cloud.destroy("web1", "pretend")
    assert sorted(machines()) == ["dummy-1", "dummy-2"]
    assert node.all_nodes() == {}


def test_a_creation_that_nobody_answered_is_finished_by_calling_again(pretend):
    with pytest.raises(KraftwerkError, match=r"no sshd answers at port 9 after 0 s → the same command again waits on"):
        create("web1", ssh_port=9, ssh_connect_timeout=0.1)
    assert node.get_node("web1").status == "creating"
    begun = intent.load("web1")
    assert (begun.machine_id, begun.host_key_private) == ("3", "")

    create("web1")
    assert sorted(machines()) == ["dummy-1", "dummy-2", "web1"]
    assert node.get_node("web1").status == "ready"
    assert begun.host_key_public.split()[1] in node.known_hosts_file().read_text()


def test_an_interrupted_creation_belongs_to_its_account(pretend):
    intent.write(intent.begin("web1", "elsewhere"))
    with pytest.raises(KraftwerkError, match="web1 was begun at elsewhere and isn't finished"):
        create("web1")
    cloud.destroy("web1", "pretend")
    assert intent.load("web1"), "another account's is none of its business"


def test_sizes_images_and_locations(pretend):
    assert list(cloud.ask("pretend", "avail_sizes")) == ["Small", "Medium", "Big", "XXL Big"]
    assert cloud.ask("pretend", "avail_sizes")["Small"]["price"] is None, "DUMMY's prices mean nothing"
    assert "Ubuntu 9.10" in cloud.ask("pretend", "avail_images")
    assert cloud.ask("pretend", "avail_locations")["London Loft"] == {"id": "2", "country": "GB"}
