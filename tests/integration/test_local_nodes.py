"""Local nodes, real ones: made, stopped, restarted, several at once, interrupted, and gone without a trace."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kraftwerk import hosts, local, localargv, localbase, localboot, localnet, localproc, machine, privilege, snapshot
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes, get_node, known_hosts_file
from kraftwerk.transport import Connection
from tests.integration.conftest import RELEASE

pytestmark = pytest.mark.node


def traces(name):
    """Return what is left of a node: folder, processes, address, roster, host keys."""
    folder = machine.folder_of(name)
    found = [str(folder)] if folder.exists() else []
    found += [f"process {pid}" for pid in localproc.with_argument(f"--directory={folder / 'root'}")]
    found += ["address"] if folder in localnet.folders() else []
    found += ["roster"] if name in all_nodes() else []
    found += ["host key"] if name in known_hosts_file().read_text() else []
    found += ["mount"] if str(folder) in Path("/proc/self/mounts").read_text() else []
    return found


def network_traces(address):
    link = localargv.link_of(address)
    paths = [f"/run/netns/{link}", str(localboot.remains(address))]  # only root may look at the second
    paths += map(str, localboot.groups(address))
    found = [path for path in paths if privilege.run(["test", "-e", path], check=False).returncode == 0]
    return found + [link] * localnet.has_link(link)


def test_a_node_is_a_debian_server_with_systemd(make_node):
    node = make_node("plain")
    assert node.text(["hostname"]) == "plain"
    assert node.text(["cat", "/proc/1/comm"]) == "systemd"
    assert node.text(["systemctl", "is-system-running", "--wait"]) == "running"
    assert node.text(["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"]) == RELEASE
    assert "plain" in node.text(["getent", "hosts", node.node.host])
    assert node.text(["cat", "/proc/sys/net/ipv4/ip_forward"])  # its own network namespace answers
    assert "sftp" in node.text(["sshd", "-T"])


def test_a_node_shares_the_admins_surroundings(make_node):
    node = make_node("near")
    own = Path("/usr/local/share/ca-certificates")
    there = node.text(["find", str(own), "-name", "*.crt", "-printf", "%f\n"]).split()
    assert sorted(there) == sorted(path.name for path in own.rglob("*.crt"))
    assert "nameserver" in node.text(["cat", "/etc/resolv.conf"])
    node.run(["apt-get", "update", "--quiet"], timeout=120)


def test_its_host_key_is_known_before_the_first_contact(make_node):
    node = make_node("pinned")
    shown = node.text(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).split()[1]
    assert next(line for line in known_hosts_file().read_text().splitlines() if "pinned" in line).endswith(shown)


def test_two_nodes_have_different_keys_and_machine_ids(make_node):
    one, two = make_node("one"), make_node("two")
    for file in ("/etc/ssh/ssh_host_ed25519_key.pub", "/etc/machine-id"):
        assert one.text(["cat", file]) != two.text(["cat", file])


def test_their_services_are_in_control_groups_of_their_own(make_node):
    """Else one systemd can't see all of a service, and takes away the group that another just starts something in."""
    seen = set()
    for name in ("one", "two"):
        make_node(name)
        (nspawn,) = localproc.containers(machine.folder_of(name) / "root")
        (init,) = localproc.children(nspawn)
        seen.add(Path(f"/proc/{init}/cgroup").read_text())
    assert len(seen) == 2


def test_stop_keeps_files_and_address(make_node, kraftwerk):
    node = make_node("tired")
    node.run(["touch", "/root/kept"])
    kraftwerk("stop-node", "tired")
    assert local.status("tired") == "stopped"
    assert not localboot.greets(node.node.host)
    kraftwerk("start-node", "tired")
    assert get_node("tired").host == node.node.host
    node.run(["test", "-e", "/root/kept"])


def test_other_nodes_come_and_go_and_the_computer_is_still_found(make_node):
    blue, seen = make_node("blue"), "ip neighbour show 10.77.0.1 | cut -d ' ' -f 1-5"
    before = blue.script(seen).stdout
    for name in ("green", "red", "grey"):
        make_node(name)
        assert b"lladdr" in before and blue.script(seen).stdout == before
        assert Path("/sys/class/net/kwbr0/address").read_text().encode().strip() in before


def test_a_stopped_nodes_address_is_not_given_away(make_node):
    address = make_node("away").node.host
    local.stop("away")
    assert make_node("other").node.host != address


def test_power_off_lets_the_services_end(make_node):
    node = make_node("orderly")
    unit = "[Service]\nExecStart=sleep infinity\nExecStop=touch /root/ended\n[Install]\nWantedBy=multi-user.target\n"
    node.run(["tee", "/etc/systemd/system/last.service"], input=unit.encode())
    node.run(["systemctl", "enable", "--now", "last"])
    local.stop("orderly")
    local.start("orderly")
    node.run(["test", "-e", "/root/ended"])


def test_a_node_survives_its_own_reboot(make_node):
    node = make_node("again")
    boot = ["cat", "/proc/sys/kernel/random/boot_id"]
    before = node.text(boot)
    node.run(["systemctl", "reboot"], check=False)
    node.close()

    def is_back():
        try:
            return node.text(boot) != before
        except KraftwerkError:
            return False

    assert localproc.wait_until(is_back, timeout=60)  # a connection caught half-way is given up after 15 s


def test_a_node_comes_back_after_its_host_went_down(make_node):
    node = make_node("outage")
    node.run(["sh", "-c", "echo kept > /root/kept"])
    node.close()
    localboot.kill(machine.folder_of("outage"))
    localnet.detach(node.node.host)
    assert local.status("outage") == "stopped"
    local.start("outage")
    assert node.text(["cat", "/root/kept"]) == "kept"


def test_several_at_once_have_addresses_of_their_own_and_see_each_other(forget_node, kraftwerk):
    names = ["north", "east", "south", "west"]
    for name in names:
        forget_node(name)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: kraftwerk("create-node", name, "--no-hosts"), names))
    nodes = [get_node(name) for name in names]
    assert len({node.host for node in nodes}) == len(names)
    connect = f"import socket; print(socket.create_connection(('{nodes[1].host}', 22), 5).recv(4).decode())"
    assert Connection(nodes[0]).text(["python3", "-c", connect]) == "SSH-"


def test_destroy_leaves_nothing(kraftwerk, forget_node):
    forget_node("gone")
    before = Path("/etc/hosts").read_bytes()
    kraftwerk("create-node", "gone", "--hosts")
    address = get_node("gone").host
    assert hosts.entries()[address] == ("gone",)
    kraftwerk("destroy-node", "gone", "--yes")
    assert traces("gone") == []
    assert network_traces(address) == []
    assert Path("/etc/hosts").read_bytes() == before


def test_destroying_asks_for_the_name(make_node, kraftwerk):
    make_node("precious")
    answer = kraftwerk("destroy-node", "precious", check=False)
    assert answer.returncode == 1
    assert local.status("precious") == "running"


def test_a_taken_name_is_refused(make_node, kraftwerk):
    make_node("blue")
    answer = kraftwerk("create-node", "blue", check=False)
    assert answer.returncode == 2
    assert "a node called blue exists already" in answer.stderr
    assert local.status("blue") == "running"


@pytest.mark.parametrize(
    "reached",
    [
        lambda name: machine.folder_of(name).exists(),
        lambda name: name in all_nodes(),
        lambda name: (machine.folder_of(name) / "upper").exists(),
        lambda name: bool(localproc.supervisors(machine.folder_of(name) / "root")),
    ],
    ids=["folder", "roster", "files", "booting"],
)
@pytest.mark.parametrize("then", ["create", "destroy"])
def test_a_creation_killed_at_any_moment_is_mended(reached, then, forget_node, kraftwerk):
    forget_node("broken")
    command = [sys.executable, "-c", "from kraftwerk import local; local.create('broken')"]
    creating = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    assert localproc.wait_until(lambda: reached("broken"), timeout=90)
    creating.send_signal(signal.SIGKILL)
    creating.wait()
    if then == "create" and local.status("broken") != "running":  # it may have been faster than the signal
        kraftwerk("create-node", "broken", "--no-hosts")
        assert Connection(get_node("broken")).text(["hostname"]) == "broken"
    local.destroy("broken")
    assert traces("broken") == []


def test_ctrl_c_during_creation_leaves_nothing(home):
    command = [sys.executable, "-c", "from kraftwerk import local; local.create('halted')"]
    creating = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert localproc.wait_until(lambda: "halted" in all_nodes(), timeout=90)
    creating.send_signal(signal.SIGINT)
    creating.wait()
    if local.status("halted") == "running":  # it was faster than the signal
        local.destroy("halted")
    assert traces("halted") == []


def test_an_interrupted_base_is_made_again(forget_node, kraftwerk, tmp_path):
    """And, on the way, a node of another release."""
    forget_node("newer")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    temporary = tmp_path / "kraftwerk" / "bases" / ".trixie"
    command = [sys.executable, "-c", "from kraftwerk import localbase; localbase.ensure('trixie')"]
    making = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        assert localproc.wait_until(lambda: (temporary / "usr").exists(), timeout=180)
        making.send_signal(signal.SIGKILL)
        making.wait()
        assert not list(temporary.parent.glob("trixie-*"))
        kraftwerk("create-node", "newer", "--release", "trixie", "--no-hosts", env=environment)
        assert Connection(get_node("newer")).text(["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"]) == "trixie"
        assert not temporary.exists()
    finally:
        local.destroy("newer")
        privilege.run(["rm", "--recursive", "--force", "--one-file-system", str(temporary.parent)])


def test_a_snapshot_is_a_base_for_clones(make_node):
    node = make_node("source")
    node.run(["sh", "-c", "echo installed > /opt/program; rm /etc/motd"])
    with pytest.raises(KraftwerkError, match="source runs"):
        snapshot.keep("source", "test-snapshot")
    local.stop("source")
    snapshot.keep("source", "test-snapshot")
    try:
        clone = make_node("clone", base="test-snapshot")
        assert clone.text(["cat", "/opt/program"]) == "installed"
        assert clone.text(["hostname"]) == "clone"
        assert clone.run(["test", "-e", "/etc/motd"], check=False).returncode == 1
        local.destroy("clone")
    finally:
        snapshot.remove("test-snapshot")
    local.start("source")
    assert node.text(["cat", "/opt/program"]) == "installed"


def test_the_real_salt_cloud_does_the_same(salt_cloud, forget_node):
    forget_node("x1")
    created = salt_cloud("-p", "local-small", "x1")
    assert json.loads(created.stdout)["x1"]["private_ips"] == [get_node("x1").host]
    assert Connection(get_node("x1")).text(["hostname"]) == "x1"
    assert "x1" in json.loads(salt_cloud("-Q").stdout)["local"]["kw_local"]
    again = salt_cloud("-p", "local-small", "x1")
    assert "already exists" in (again.stdout + again.stderr).decode()
    assert salt_cloud("-y", "-d", "x1").returncode == 0
    assert traces("x1") == []


def test_salt_cloud_lists_the_provider(salt_cloud):
    assert list(json.loads(salt_cloud("--list-providers").stdout)) == ["local"]


def test_nodes_lists_them(make_node, kraftwerk):
    node = make_node("listed").node
    listed = {each["name"]: each for each in json.loads(kraftwerk("nodes", "--json").stdout)}
    assert listed["listed"]["status"] == "running"
    assert listed["listed"]["address"] == node.host
    assert node.host in kraftwerk("nodes").stdout


def test_an_outdated_base_goes_unless_a_node_stands_on_it(tmp_path, monkeypatch):
    monkeypatch.setattr(localbase, "bases_home", lambda: tmp_path)
    for name in ("bookworm-00000000", "bookworm-11111111", "my-snapshot"):
        (tmp_path / name / "etc").mkdir(parents=True)
    localbase.remove_unused([tmp_path / "bookworm-00000000"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bookworm-00000000", "my-snapshot"]


def test_what_nodes_stand_on_is_known(make_node):
    made_from = [Path(lower) for lower in make_node("user") and machine.load("user").lowers]
    assert set(made_from) <= set(snapshot.layers_in_use())
