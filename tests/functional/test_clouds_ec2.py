"""The driver for clouds against an EC2 that answers over HTTP (moto's), through the real salt-cloud and in process."""

import getpass
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from libcloud.compute.providers import get_driver

from kraftwerk import admin, cloud, hostkey, intent, localboot, node, paths, privilege, progress, saltconf
from kraftwerk.errors import KraftwerkError
from kraftwerk.ports import free_port
from kraftwerk.transport import Connection
from tests import moto_server

SALT_CLOUD = Path(sys.executable).with_name("salt-cloud")


@pytest.fixture(scope="module")
def moto():
    with moto_server.running() as server:
        yield server


@pytest.fixture
def ec2(moto, greeting, tmp_path, monkeypatch):
    """An empty EC2 and a home of an admin who has an account there."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    admin.ensure()
    settings = {"driver": "kw_libcloud", "libcloud": "ec2", "arguments": moto.arguments}
    settings |= {"ssh_port": greeting, "ssh_connect_timeout": 10, "wait_for_ip_timeout": 20}
    paths.write_atomic(paths.config_home() / "cloud.providers.d" / "ec2.conf", yaml.safe_dump({"ec2": settings}))
    moto.reset()
    return moto


def salt_cloud(*arguments, **options):
    """Run the real salt-cloud and return what it printed as JSON, and its exit code."""
    command = [str(SALT_CLOUD), "-c", str(saltconf.write().parent), "--out=json", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, **options)
    begin = done.stdout.find("{")
    return (json.loads(done.stdout[begin:]) if begin >= 0 else done.stdout + done.stderr), done.returncode


def started(*arguments):
    """Start the real salt-cloud in a process group of its own, to be killed."""
    command = [str(SALT_CLOUD), "-c", str(saltconf.write().parent), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def orders(ec2):
    return ec2.settings()["requests"].count("RunInstances")


def machines():
    return cloud.ask("ec2", "list_nodes")


def create(name, **overrides):
    return cloud.create(name, "ec2", "ec2-small", **overrides)


def test_plain_salt_cloud_creates_lists_and_destroys(ec2):
    answer, code = salt_cloud("-p", "ec2-small", "web1")
    assert code == 0, answer
    assert answer["web1"]["public_ips"] == ["127.9.0.1"]
    assert answer["web1"]["size"] == "t3.small"
    assert answer["web1"]["image"] == "ami-00001002", "the newest of Debian's own, not the newest of anybody's"
    created = node.get_node("web1")
    assert (created.host, created.provider, created.status) == ("127.9.0.1", "ec2", "ready")
    assert intent.all_intents() == []

    listed, code = salt_cloud("-Q")
    assert code == 0
    assert listed["ec2"]["kw_libcloud"]["web1"]["state"] == "running"
    again, _ = salt_cloud("-p", "ec2-small", "web1")
    assert "already exists" in str(again)
    assert orders(ec2) == 1

    destroyed, code = salt_cloud("-d", "web1")
    assert code == 0
    assert destroyed["ec2"]["kw_libcloud"]["web1"] == {"web1": True}
    assert machines() == {}
    assert node.all_nodes() == {}
    assert node.known_hosts_file().read_text() == ""


def test_offers_and_actions_of_plain_salt_cloud(ec2):
    sizes, _ = salt_cloud("--list-sizes", "ec2")
    assert sizes["ec2"]["kw_libcloud"]["t3.small"] == {"id": "t3.small", "ram": 2048, "disk": 0, "price": 0.024}
    images, _ = salt_cloud("--list-images", "ec2")
    assert "debian-12-amd64-20251112-2294" in images["ec2"]["kw_libcloud"]
    assert "debian-12-amd64-20991231-evil" not in images["ec2"]["kw_libcloud"]
    locations, _ = salt_cloud("--list-locations", "ec2")
    assert "eu-central-1a" in locations["ec2"]["kw_libcloud"]

    create("web1")
    for action, state in (("stop", "stopped"), ("start", "running"), ("reboot", "running")):
        answer, code = salt_cloud("-a", action, "web1")
        assert (answer["ec2"]["kw_libcloud"]["web1"], code) == ({"web1": state}, 0)
    shown, _ = salt_cloud("-a", "show_instance", "web1")
    assert shown["ec2"]["kw_libcloud"]["web1"]["extra"]["instance_type"] == "t3.small"
    full, _ = salt_cloud("-F")
    assert full["ec2"]["kw_libcloud"]["web1"]["extra"]["key_name"].startswith("kraftwerk-")
    selected, _ = salt_cloud("-S")
    assert selected["ec2"]["kw_libcloud"]["web1"]["public_ips"] == ["127.9.0.1"]


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "three.map"
    path.write_text("ec2-small: [web1, web2]\nec2-medium: [db1]\n")
    return path


def test_a_map_is_created_in_parallel_by_the_program(ec2, three):
    answer, code = salt_cloud("-m", str(three), "-P")
    assert code == 0, answer
    assert {name: machine["size"] for name, machine in answer.items()} == {
        "web1": "t3.small",
        "web2": "t3.small",
        "db1": "t3.medium",
    }
    assert sorted(node.all_nodes()) == ["db1", "web1", "web2"]
    assert len(node.known_hosts_file().read_text().splitlines()) == 3
    assert intent.all_intents() == []
    again, _ = salt_cloud("-m", str(three), "-P")
    assert orders(ec2) == 3, again
    destroyed, _ = salt_cloud("-d", "-P", "web1", "web2", "db1")
    assert machines() == {}, destroyed
    assert node.all_nodes() == {}


def test_of_a_map_what_the_quota_forbids_fails_in_plain_words_and_the_rest_is_made(ec2, three):
    ec2.settings(quota=2)
    results = cloud.create_map(three)
    refused = [problem for problem in results.values() if problem]
    assert len(results) == 3
    assert len(refused) == 1
    assert "the account has reached a limit: VcpuLimitExceeded" in refused[0]
    assert len(machines()) == 2
    assert intent.all_intents() == [], "the cloud certainly said no"


def test_an_address_that_comes_late_is_waited_for_and_the_wait_is_told(ec2):
    ec2.settings(late=4)
    told = []
    with progress.told_to(told.append):
        create("web1")
    assert told[0] == "ordering t3.small with debian-12-amd64-20251112-2294"
    assert [line.split(",")[0] for line in told].count("no address yet") >= 4
    assert node.get_node("web1").host == "127.9.0.1"


def test_killed_while_the_order_is_on_its_way_makes_one_machine(ec2):
    ec2.settings(hold=30)
    process = started("-p", "ec2-small", "web1")
    wait_until(lambda: orders(ec2) == 1 and machines())
    kill(process)
    begun = intent.load("web1")
    assert (begun.machine_id, begun.provider, begun.profile) == ("", "ec2", "ec2-small")
    assert begun.host_key_private
    assert intent.file_of("web1").stat().st_mode & 0o777 == 0o600
    ec2.settings(hold=0)
    [(_, before)] = machines().items()

    answer, code = salt_cloud("-p", "ec2-small", "web1")
    assert code == 0, answer
    assert answer["web1"]["id"] == before["id"]
    assert orders(ec2) == 1
    assert node.known_hosts_file().read_text().split()[1:] == begun.host_key_public.split()[:2]
    assert intent.all_intents() == []


def test_killed_while_waiting_keeps_the_machine_and_no_private_key(ec2):
    ec2.settings(late=10**6)
    process = started("-p", "ec2-small", "web1")
    wait_until(lambda: (intent.load("web1") or intent.begin("web1", "")).machine_id)
    kill(process)
    assert intent.load("web1").host_key_private == "", "the cloud has it now"
    assert list(cloud.ask("ec2", "list_nodes_min")) == [], "Salt would refuse to go on with what is listed"

    ec2.settings(late=0)
    assert create("web1")["public_ips"] == ["127.9.0.1"]
    assert orders(ec2) == 1


def test_an_interrupted_creation_can_be_destroyed_by_plain_salt_cloud(ec2):
    ec2.settings(late=10**6)
    process = started("-p", "ec2-small", "web1")
    wait_until(lambda: (intent.load("web1") or intent.begin("web1", "")).machine_id)
    kill(process)
    _, code = salt_cloud("-d", "web1")
    assert code == 0
    assert machines() == {}
    assert intent.all_intents() == []


def test_killed_before_the_order_is_made_with_the_same_host_key(ec2):
    begun = replace(intent.begin("web1", "ec2"), created="2026-01-01T00:00:00+00:00")
    intent.write(replace(begun, host_key_private="-----PRIVATE-----\n", host_key_public="ssh-ed25519 AAAA"))
    created = create("web1")
    assert "-----PRIVATE-----" in ec2.user_data(created["id"])
    assert cloud.ask("ec2", "show_instance", "web1")["extra"]["tags"]["kraftwerk-intent"] == begun.token


def test_an_answer_that_got_lost_keeps_the_intent_and_calling_again_finds_the_machine(ec2):
    ec2.settings(lost=True)
    with pytest.raises(KraftwerkError, match="whether web1 was made isn't known → kraftwerk create-node web1"):
        create("web1")
    assert [begun.name for begun in intent.all_intents()] == ["web1"]
    ec2.settings(lost=False)
    create("web1")
    assert orders(ec2) == 1


def test_a_no_to_a_repeated_order_keeps_the_intent_since_the_first_one_may_have_made_it(ec2):
    intent.write(replace(intent.begin("web1", "ec2"), created="2026-01-01T00:00:00+00:00"))
    ec2.settings(quota=0)
    with pytest.raises(KraftwerkError, match=r"VcpuLimitExceeded.*; whether web1 was made isn't known"):
        create("web1")
    assert intent.load("web1")


def test_a_machine_that_was_deleted_elsewhere_is_forgotten(ec2):
    created = create("web1")
    driver = get_driver("ec2")(**ec2.arguments)
    driver.destroy_node(next(each for each in driver.list_nodes() if each.id == created["id"]))
    answer, code = salt_cloud("-d", "web1")
    assert (node.all_nodes(), code) == ({}, 0), answer


def test_what_the_cloud_does_not_offer_is_one_line_with_near_names_and_no_machine(ec2):
    for override, said in (
        ({"size": "t3.smal"}, r"ec2 has no size called t3\.smal: .*t3\.small.* → kraftwerk sizes ec2"),
        ({"image": "debian-14-*"}, r"ec2 has no image called debian-14-\*: .*debian-13-amd64"),
        ({"location": "eu-central-1z"}, r"ec2 has no location called eu-central-1z: .*eu-central-1a"),
    ):
        with pytest.raises(KraftwerkError, match=said) as caught:
            create("web1", **override)
        assert caught.value.code == 2
    assert orders(ec2) == 0
    assert intent.all_intents() == []


def test_wrong_credentials_are_one_line(ec2):
    ec2.require_credentials()
    with pytest.raises(
        KraftwerkError, match=r"^ec2: the cloud refused the credentials: .* → kraftwerk providers add ec2"
    ):
        create("web1")
    assert intent.all_intents() == []


def test_a_cloud_that_is_down_is_one_line_without_secrets(ec2):
    provider = paths.config_home() / "cloud.providers.d" / "ec2.conf"
    settings = yaml.safe_load(provider.read_text())
    settings["ec2"]["arguments"]["port"] = free_port()
    provider.write_text(yaml.safe_dump(settings))
    with pytest.raises(KraftwerkError, match=r"^ec2: the cloud can't be reached: ") as caught:
        machines()
    assert "Signature" not in str(caught.value)


def test_the_machine_is_told_its_name_its_host_key_and_who_may_log_in(ec2):
    created = create("web1.example.com")
    text = ec2.user_data(created["id"])
    assert text.startswith("#cloud-config\n")
    told = yaml.safe_load(text)
    assert (told["hostname"], told["fqdn"], told["disable_root"]) == ("web1", "web1.example.com", False)
    assert told["ssh_authorized_keys"] == [node.private_key_file().with_suffix(".pub").read_text().strip()]
    _, kind, key = node.known_hosts_file().read_text().split()
    assert told["ssh_keys"]["ed25519_public"].split()[:2] == [kind, key]
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", "/dev/stdin"],
        input=told["ssh_keys"]["ed25519_private"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert derived.stdout.split()[:2] == [kind, key]
    assert "PRIVATE" not in "".join(path.read_text() for path in (paths.config_home() / "intents").iterdir())


@pytest.mark.skipif(privilege.which("sshd") is None, reason="needs sshd")
def test_the_first_connection_is_pinned_to_the_key_that_the_machine_was_handed(ec2, tmp_path):
    port = free_port("127.9.0.1")
    servers = []

    def boot(text):
        """Be the machine: sshd with what the user data says, once somebody waits for it."""
        if text.startswith("127.9.0.1 boots") and not servers:
            told = yaml.safe_load(ec2.user_data(intent.load("web1").machine_id))
            servers.append(sshd(tmp_path, port, told["ssh_keys"]["ed25519_private"], told["ssh_authorized_keys"]))

    try:
        with progress.told_to(boot):
            create("web1", ssh_port=port)
        me = replace(node.get_node("web1"), user=getpass.getuser())
        assert Connection(me).run(["echo", "reached"], timeout=20).stdout == b"reached\n"
        Connection(me).close()

        kill(servers.pop())
        servers.append(sshd(tmp_path, port, hostkey.make()[0], []))
        with pytest.raises(KraftwerkError):
            Connection(me).run(["true"], timeout=20)
    finally:
        for server in servers:
            kill(server)


def sshd(folder, port, host_key, authorized):
    """Start a real sshd at 127.9.0.1 and return when it listens."""
    if os.getuid() == 0:  # started by root, it insists on it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    paths.write_atomic(folder / "host_key", host_key)
    paths.write_atomic(folder / "authorized", "".join(f"{line}\n" for line in authorized))
    options = {"HostKey": folder / "host_key", "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no"}
    options |= {"ListenAddress": f"127.9.0.1:{port}", "PidFile": "none", "UsePAM": "no"}
    flags = [flag for key, value in options.items() for flag in ("-o", f"{key}={value}")]
    command = [privilege.which("sshd"), "-D", "-e", "-f", "/dev/null", *flags]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: localboot.greets("127.9.0.1", port))
    return server
