"""From a cloud's account to a live site and back: EC2 is moto's server over HTTP, its machines are local nodes.

A machine is booted by Debian's own cloud-init with the user data that moto was given, so that the host key and the
admin's key get there as they do in a cloud.
"""

import http.client
import json
import os
import signal
import subprocess

import pytest

from tests import console, moto_server
from tests.datacentre import Datacentre, image
from tests.integration.conftest import node_factory
from tests.sandbox import SCRIPTS, Sandbox, search_path
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
PAGE = console.ROOT / "docs" / "clouds.md"
METADATA = "169.254.169.254"
REFUSED = 7  # curl's exit code


@pytest.fixture(scope="module")
def machine_image(converged):
    """Return the base that machines are clones of."""
    with node_factory() as make_node, image(f"cloud-image-{os.getpid()}", make_node, converged) as name:
        yield name


@pytest.fixture
def datacentre(machine_image):
    """Return a cloud with hardware."""
    with moto_server.running() as moto, Datacentre(moto, machine_image) as running:
        yield running


@pytest.fixture
def user(tmp_path, datacentre):
    """Return a user with an account there, whose file says where this EC2 is."""
    with Sandbox(tmp_path / "home", search_path(SCRIPTS)) as sandbox:
        known = datacentre.moto.arguments
        sandbox.settings |= {"AWS_ACCESS_KEY_ID": known["key"], "AWS_SECRET_ACCESS_KEY": known["secret"]}
        where = [f"--option={key}={known[key]}" for key in ("region", "host", "port", "secure", "signature_version")]
        sandbox.run("kraftwerk", "providers", "add", "ec2", *where)
        yield sandbox


def create_and_kill(user, condition):
    """Create web1, end all of it by kill -9 once a condition holds, and return what the condition gave."""
    words = ["kraftwerk", "create-node", "web1", "--provider", "ec2", "--yes"]
    creating = subprocess.Popen(words, env=user.environ(), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        return wait_for(condition)
    finally:
        os.killpg(creating.pid, signal.SIGKILL)
        creating.wait()


def home_of(user):
    return user.home / ".config" / "kraftwerk"


def left_behind(user, name):
    """Return what is still known of a node here."""
    files = [home_of(user) / "nodes", home_of(user) / "known_hosts"]
    return [path for path in files if name in path.read_text()] + list((home_of(user) / "intents").glob("[!.]*"))


def answers(address, domain):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/", headers={"Host": domain})
    return connection.getresponse().status


def only_root_reaches_the_metadata(user):
    """The cloud's address for user data is put on the machine itself, where nginx answers it."""
    as_root = ("kraftwerk", "run", "--node", "web1", "--as", "root", "--")
    user.run(*as_root, "ip", "address", "add", f"{METADATA}/32", "dev", "lo")
    ask = ("curl", "--silent", "--max-time", "5", "--interface", "127.0.0.1", f"http://{METADATA}/")
    user.run(*as_root, *ask)
    user.run("kraftwerk", "run", "--", *ask, cwd=user.home / "mysite", code=REFUSED)


def test_from_an_account_to_a_live_site_through_a_kill(user, datacentre):
    """A killed creation is seen, finished with the same machine, deployed to, and ended."""
    secret = datacentre.moto.arguments["secret"]
    datacentre.moto.settings(hold=60)
    machine = create_and_kill(user, lambda: datacentre.machines("web1"))[0]["InstanceId"]
    datacentre.moto.settings(hold=0)
    assert user.nodes() == {}
    lost = json.loads(user.run("kraftwerk", "nodes", "--orphans", "--json", code=1))
    assert [(each["name"], each["machine"], each["state"]) for each in lost] == [("web1", machine, "running")]
    assert "could not be destroyed" in user.run("kraftwerk", "providers", "remove", "ec2", "--yes", code=2)

    printed = user.run(*lost[0]["finish"].split(), "--yes")
    assert f"its machine {machine} is finished now" in printed
    assert "root SSH access is now ready." in printed
    assert datacentre.states("web1") == ["running"]
    assert user.run("kraftwerk", "nodes", "--orphans").startswith("No machine is lost")
    assert user.run("kraftwerk", "run", "--node", "web1", "--as", "root", "--", "hostname").strip() == "web1"

    user.run("kraftwerk", "init", "mysite", cwd=user.home)
    user.run("kraftwerk", "deploy", "web1", "--yes", cwd=user.home / "mysite", timeout=300)
    assert answers(datacentre.addresses["web1"], "mysite.web1") == 200
    only_root_reaches_the_metadata(user)

    kept = "".join(path.read_text() for path in home_of(user).rglob("*") if path.is_file() and path.suffix != ".conf")
    assert secret not in kept
    assert "i-" in user.run("kraftwerk", "destroy-node", "web1", "--yes")
    assert datacentre.states("web1") == ["terminated"]
    assert left_behind(user, "web1") == []
    assert user.nodes() == {}


def test_another_host_key_than_the_one_that_was_handed_over_is_refused(user, datacentre):
    user.run("kraftwerk", "create-node", "web1", "--provider", "ec2", "--yes")
    known_hosts = home_of(user) / "known_hosts"
    other = (home_of(user) / "keys" / "id_ed25519.pub").read_text().split()[1]
    pinned = known_hosts.read_text().split()
    known_hosts.write_text(" ".join([*pinned[:2], other]) + "\n")
    printed = user.run("kraftwerk", "run", "--node", "web1", "--as", "root", "--", "true", code=1)
    assert "web1 shows another host key" in printed
    user.run("kraftwerk", "destroy-node", "web1", "--yes")


def test_an_interrupted_creation_is_destroyed_without_a_trace(user, datacentre):
    datacentre.moto.settings(addresses={})  # it never gets an address
    begun = home_of(user) / "intents" / "web1.json"
    create_and_kill(user, lambda: begun.exists() and json.loads(begun.read_text())["machine_id"])
    assert "ends, with everything on it." in user.run("kraftwerk", "destroy-node", "web1", text="web1\n")
    assert datacentre.states("web1") == ["terminated"]
    assert left_behind(user, "web1") == []


def test_the_page(user, datacentre):
    user.run("bash", "-c", console.script(PAGE), cwd=user.home, timeout=300)
    assert [datacentre.states(name) for name in ("web1", "web2", "web3")] == [["terminated"]] * 3
