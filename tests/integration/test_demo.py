"""The demo, whole: it can be interrupted, begins anew, ends with the live site, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from kraftwerk import hosts, localargv, localnet

pytestmark = [pytest.mark.node, pytest.mark.network]


@pytest.fixture
def demo(packaged, tmp_path_factory):
    """Start `kraftwerk demo` with a state folder of its own, which is cleaned afterwards in any case."""
    state = tmp_path_factory.mktemp("state")
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "XDG_CACHE_HOME": str(packaged)}

    def start(*words):
        command = [sys.executable, "-m", "kraftwerk", "demo", *words]
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    yield start, state
    start("--clean").communicate(timeout=200)


def test_interrupted_begun_anew_and_cleaned(demo):
    start, state = demo
    running = start()
    for line in running.stdout:
        if line.startswith("lock ✓"):  # the node is being converged
            break
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=100)
    assert running.returncode == 130

    running = start()
    output = running.communicate(timeout=500)[0]
    assert running.returncode == 0, output
    assert re.search(r"loaded and checked against the manifest ✓ (\d+)/\1 rows, 6/6 files", output)
    url = re.search(r"The site is live after \d+ s: (http://\S+)", output)[1]
    with urllib.request.urlopen(url + "documents/", timeout=10) as answer:
        assert answer.status == 200
        assert "A letter" in answer.read().decode()

    running = start("--clean")
    output = running.communicate(timeout=200)[0]
    assert running.returncode == 0, output
    assert "everything of the demo is removed" in output
    assert list(state.iterdir()) == []
    addresses = re.findall(r"\((10\.77\.0\.\d+)\) and everything on it will be removed", output)
    assert len(addresses) == 2
    assert not set(addresses) & hosts.entries().keys()
    assert not [folder for folder in localnet.folders() if folder.is_relative_to(state)]
    spaces = set(os.listdir("/run/netns"))  # before: who has one of these addresses by now reserved it before that
    others = {localargv.address_of(int(link.name)) for link in localnet.REGISTRY.glob("[0-9]*")}
    assert not spaces & set(map(localargv.link_of, set(addresses) - others))
    leftovers = subprocess.run(["pgrep", "-af", str(state)], capture_output=True, text=True, check=False).stdout
    assert leftovers == ""
