"""The one connection to a node, when something happens to it: each time noticed within seconds, and put right."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from kraftwerk import argv, local, localargv, localboot, lock, machine, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import known_hosts_file, private_key_file, roster_file
from kraftwerk.transport import Connection, shared
from tests.waiting import wait_for

pytestmark = pytest.mark.node
NODE = "line"
CUT = "table inet cut { chain in { type filter hook input priority 0; drop; }; }"
AGAIN = 40  # seconds that anything may take on a busy machine; a silent network is given up after 15


@pytest.fixture(scope="module")
def line(make_shared_node):
    """Return the connection to the node that has all the bad luck."""
    return make_shared_node(NODE)


def holder(connection):
    """Return the process that holds the shared connection."""
    said = process.run(argv.ssh_control(connection.node, connection.options, "check"), check=False).stderr.decode()
    return int(re.search(r"pid=(\d+)", said)[1])


def logins(connection):
    """Return how many connections the node's sshd has."""
    return len(connection.text(["ss", "--no-header", "--tcp", "state", "established", "sport = :22"]).splitlines())


def took(work):
    """Return what a function returns, or raises, and its seconds."""
    start = time.monotonic()
    try:
        found = work()
    except KraftwerkError as error:
        found = error
    return found, time.monotonic() - start


def begun(connection, pool):
    """Return the future of a command that runs on the node by now, and doesn't end by itself."""
    connection.run(["rm", "-f", "/run/begun"])
    running = pool.submit(took, lambda: connection.run(["sh", "-c", "touch /run/begun; sleep 300"]))
    wait_for(lambda: not connection.run(["test", "-e", "/run/begun"], check=False).returncode)
    return running


@contextmanager
def cut(connection):
    """Let no packet into the node, and tell nobody."""
    inside = ["ip", "netns", "exec", localargv.link_of(connection.node.host), "nft"]
    subprocess.run([*inside, "-f", "-"], input=CUT.encode(), check=True)
    try:
        yield
    finally:
        subprocess.run([*inside, "delete", "table", "inet", "cut"], check=True)


def later(connection):
    """Return another connection to the same node, as a later command has it: nothing is known to be alive."""
    shared._answered.clear()
    return Connection(connection.node)


def test_the_socket_of_a_killed_holder_is_stale(line):
    line.run(["true"])
    os.kill(before := holder(line), signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{before}/fd").exists() or not os.listdir(f"/proc/{before}/fd"))
    assert argv.control_path(line.options).exists()
    assert later(line).text(["hostname"]) == NODE
    assert holder(line) != before


def test_what_runs_over_a_killed_connection_ends_at_once_and_the_next_command_works(line):
    with ThreadPoolExecutor() as pool:
        running = begun(line, pool)
        os.kill(holder(line), signal.SIGKILL)
        start = time.monotonic()
        error, _ = running.result(timeout=30)
    assert time.monotonic() - start < AGAIN
    assert isinstance(error, KraftwerkError) and error.cause == f"{NODE} can't be reached: the connection broke"
    assert line.text(["hostname"]) == NODE  # though the node was said to answer a moment ago


def test_a_holder_that_hangs_is_left_alone_and_a_fresh_connection_made(line):
    line.run(["true"])
    os.kill(before := holder(line), signal.SIGSTOP)
    try:
        said, seconds = took(lambda: later(line).text(["hostname"]))
    finally:
        os.kill(before, signal.SIGKILL)
    assert said == NODE and seconds < AGAIN
    assert holder(line) != before


def test_more_sessions_than_sshd_allows_on_a_connection_are_no_limit(line):
    line.run(["true"])
    ends = [line.popen(["sh", "-c", "read x; echo $x"], stdin=process.PIPE, stdout=process.PIPE) for _ in range(12)]
    said = [end.communicate(b"here\n")[0] for end in ends]
    assert said == [b"here\n"] * 12


def test_many_at_once_at_first_contact_share_one_connection(line, home):
    line.close()
    words = [sys.executable, "-m", "kraftwerk", "run", "--node", NODE, "--as", "root", "--", "hostname"]
    started = [process.popen(words, stderr=process.PIPE) for _ in range(4)]
    assert [each.communicate(timeout=60) for each in started] == [(f"{NODE}\n".encode(), b"")] * 4
    assert logins(later(line)) == 1


def test_two_admins_at_once_have_a_connection_each(line, home, tmp_path):
    for file in (roster_file(), known_hosts_file()):
        shutil.copy(file, tmp_path)
    shutil.copytree(private_key_file().parent, tmp_path / "keys")
    line.close()
    words = [sys.executable, "-m", "kraftwerk", "run", "--node", NODE, "--as", "root", "--", "hostname"]
    started = [process.popen(words, env={"KRAFTWERK_HOME": str(each)}) for each in (home, tmp_path)]
    assert [each.communicate(timeout=60)[0] for each in started] == [f"{NODE}\n".encode()] * 2
    assert logins(later(line)) == 2


def test_a_network_that_hangs_ends_what_runs_and_what_begins(line, kraftwerk, monkeypatch):
    words = ["run", "--node", NODE, "--as", "root", "true"]
    monkeypatch.setattr(lock, "SILENCE", 6)
    with ThreadPoolExecutor() as pool, lock.held(line, "shop"):  # by a process that is gone for the node
        running = begun(line, pool)
        with cut(line):
            begins = pool.submit(took, lambda: later(line).run(["true"]))
            by_command = pool.submit(took, lambda: kraftwerk(*words, check=False))
            (broke, after), (refused, soon), (told, late) = (each.result(60) for each in (running, begins, by_command))
    assert "can't be reached" in broke.cause and after < AGAIN
    assert "can't be reached" in refused.cause and soon < AGAIN
    assert told.returncode == 1 and f"kraftwerk start-node {NODE}" in told.stderr and late < AGAIN
    assert line.text(["hostname"]) == NODE
    taken = ["flock", "--nonblock", "/run/kraftwerk-lock/shop", "true"]
    wait_for(lambda: not line.run(taken, check=False).returncode)  # the node's end of it has been noticed there


def test_a_node_whose_power_failed_is_reached_again(line):
    boot = ["cat", "/proc/sys/kernel/random/boot_id"]
    line.run(["touch", "/root/kept"])
    localboot.kill(machine.folder_of(NODE))
    local.start(NODE)
    assert line.run(["test", "-e", "/root/kept"]) and line.text(boot)


def test_a_node_that_reboots_is_gone_and_back(line):
    started = ["systemctl", "show", "--property=UserspaceTimestampMonotonic"]
    before = line.text(started)
    line.run(["systemctl", "reboot"], check=False)

    def is_back():
        said = took(lambda: later(line).text(started))[0]
        return isinstance(said, str) and said.startswith("UserspaceTimestampMonotonic=") and said != before

    wait_for(is_back)


def test_a_machine_that_was_made_anew_behind_our_back_is_refused(line):
    line.run(["sh", "-c", "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key"])
    localboot.kill(machine.folder_of(NODE))
    local.start(NODE)
    with pytest.raises(KraftwerkError, match=f"{NODE} shows another host key") as refused:
        line.run(["true"])
    assert refused.value.next_command.startswith(f"kraftwerk destroy-node {NODE}")


def test_a_node_that_we_made_anew_is_reached(line):
    identity = ["cat", "/etc/machine-id"]
    old = process.run(["cat", str(machine.folder_of(NODE) / "host_key.pub")]).stdout
    local.destroy(NODE)
    again = Connection(local.create(NODE))
    assert again.text(identity) and again.text(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).encode() not in old
