"""Highstate of a real node that two admins share: no project is forgotten, nothing changed twice, no secret shown."""

import http.client
import json
import subprocess
import sys

import pytest

from kraftwerk.node import get_node, private_key_file
from kraftwerk.transport import Connection
from tests.sandbox import SCRIPTS, Sandbox, search_path

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "shared"
HAND = """\
server {
    listen 8080;
    server_name handmade.test;
    return 200 "by hand";
}
"""


def get(host, path="/", port=80, name=NODE):
    connection = http.client.HTTPConnection(get_node(name).host, port, timeout=10)
    connection.request("GET", path, headers={"Host": host})
    response = connection.getresponse()
    return response.status, response.getheader("Location"), response.read().decode()


def kraftwerk(*words, cwd="/", code=0):
    command = [sys.executable, "-m", "kraftwerk", *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def last_line(printed):
    return printed.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def shared(converged, make_shared_node, tmp_path_factory):
    """Deploy two projects on one node: ours, and one of another admin, who adopted the node; return our project."""
    ours = make_shared_node(NODE, base=converged)
    ours.run(["sh", "-c", "cat >/etc/nginx/sites-enabled/handmade"], input=HAND.encode())
    work = tmp_path_factory.mktemp("ours")
    kraftwerk("init", "first", cwd=work)
    (work / "first" / "kraftwerk.yaml").open("a").write("\naliases: [first.test]\n")
    kraftwerk("deploy", NODE, "--yes", cwd=work / "first")
    with Sandbox(tmp_path_factory.mktemp("theirs") / "home", search_path(SCRIPTS)) as other:
        adopt = ("kraftwerk", "create-node", NODE, "--provider", "ssh", "--host", ours.node.host, "--yes", "--no-hosts")
        assert "ssh-copy-id" in other.run(*adopt, code=1)
        key = (other.home / ".config" / "kraftwerk" / "keys" / "id_ed25519.pub").read_bytes()
        ours.run(["sh", "-c", "cat >>/root/.ssh/authorized_keys"], input=key)
        other.run(*adopt)
        other.run("kraftwerk", "init", "second", cwd=other.home)
        other.run("kraftwerk", "deploy", NODE, "--yes", cwd=other.home / "second", timeout=300)
        yield work / "first"


def test_a_highstate_forgets_no_project_and_changes_nothing_twice(shared):
    for _ in range(2):
        assert ": 0 changed," in last_line(kraftwerk("highstate", NODE))
    for project in ("first", "second"):
        status, _, body = get(f"{project}.{NODE}")
        assert status == 200 and project in body
    hosted = json.loads(Connection(get_node(NODE)).text(["cat", "/var/lib/kraftwerk/instances/second.json"]))
    assert hosted["project"] == "second"


def test_a_site_written_by_hand_is_left_alone(shared):
    assert get("handmade.test", port=8080)[2] == "by hand"


def test_aliases_lead_to_the_domain(shared):
    assert get("first.test", "/a?b=1")[:2] == (301, f"http://first.{NODE}/a?b=1")


def test_a_test_shows_the_diff_and_changes_nothing(shared):
    node = Connection(get_node(NODE))
    node.run(["sed", "-i", "s/100m/1m/", "/etc/nginx/kraftwerk/first.conf"])
    printed = kraftwerk("highstate", NODE, "--test")
    assert "+    client_max_body_size 100m;" in printed and "project/nginx/first" in printed
    assert "1m;" in node.text(["cat", "/etc/nginx/kraftwerk/first.conf"]).replace("100m", "")
    changed = kraftwerk("highstate", NODE, "--project", "first")
    assert "project/nginx/first  (project/nginx.sls, file.managed)" in changed
    assert "100m;" in node.text(["cat", "/etc/nginx/kraftwerk/first.conf"])


def test_a_failed_state_is_named_with_its_file_and_comment(shared):
    node = Connection(get_node(NODE))
    node.run(["sh", "-c", "echo 'server { broken' >/etc/nginx/sites-enabled/broken"])
    node.run(["sed", "-i", "s/100m/1m/", "/etc/nginx/kraftwerk/first.conf"])
    printed = kraftwerk("highstate", NODE, code=1)
    node.run(["rm", "/etc/nginx/sites-enabled/broken"])
    assert "failed   nginx/service/valid  (nginx/service.sls, cmd.run)" in printed
    assert "broken" in printed and f"{NODE}: not converged" in printed
    assert get(f"first.{NODE}")[0] == 200
    assert ", 0 failed" in last_line(kraftwerk("highstate", NODE))


def test_results_as_json(shared):
    (outcome,) = json.loads(kraftwerk("highstate", NODE, "--test", "--json"))
    assert outcome["node"] == NODE and outcome["test"] is True
    assert {"id", "sls", "result", "changes", "comment", "seconds"} <= outcome["results"][0].keys()


def test_no_secret_is_left_by_a_run_or_shown_in_it(shared):
    node = Connection(get_node(NODE))
    secret = node.text(["cat", "/etc/kraftwerk/secrets/first/SECRET_KEY"])
    node.run(["rm", "/web/first/env"])
    printed = kraftwerk("-v", "highstate", NODE)
    assert "project/env/first" in printed and secret not in printed
    assert node.run(["ls", "/var/lib/kraftwerk/salt/salt_state.tgz"], check=False).returncode
    found = node.run(["grep", "-rlF", "--", secret, "/var/lib", "/var/log", "/tmp", "/root"], check=False).stdout
    assert found == b""
    mode = node.text(["stat", "-c", "%a %U:%G", "/web/first/env", "/etc/kraftwerk/secrets/first/SECRET_KEY"])
    assert mode.splitlines() == ["640 root:web-first", "600 root:root"]


def test_a_node_that_is_down_is_said_so(shared, make_node):
    make_node("down")
    kraftwerk("stop-node", "down")
    printed = kraftwerk("highstate", "down", code=1)
    assert "down can't be reached" in printed and "kraftwerk start-node down" in printed


def test_a_key_that_is_not_accepted(shared, make_node):
    node = make_node("locked")
    node.run(["sh", "-c", ": >/root/.ssh/authorized_keys"])
    node.close()
    assert f"does not accept {private_key_file()}" in kraftwerk("highstate", "locked", code=1)
