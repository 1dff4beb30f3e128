"""Several nodes at once: three that are there, one that can't be reached, and a project on them."""

import json
from contextlib import contextmanager

import pytest

from kraftwerk.node import Node, remove_node, save_node

pytestmark = [pytest.mark.node, pytest.mark.network]
NODES = ("many-a", "many-b", "many-c")
GONE = "many-gone"
YAML = f"""\
wsgi: shop.wsgi:application
workers: 1
static: {{/static/: collected}}
release: ['mkdir -p collected && echo $(hostname) $(date +%N) >collected/built.css']
environments: {{production: {{nodes: [{", ".join(NODES)}]}}}}
"""
FAILS_AT_B = """\
import socket
if socket.gethostname() == "many-b":
    raise RuntimeError("no till here")
"""


@pytest.fixture(scope="module")
def nodes(converged, make_shared_node):
    """Make three nodes, and a fourth that nobody answers for."""
    connections = [make_shared_node(name, base=converged) for name in NODES]
    save_node(Node(GONE, "127.0.0.1", "ssh", port=1))
    yield connections
    remove_node(GONE)


@pytest.fixture(scope="module")
def shop(nodes, kraftwerk, tmp_path_factory):
    """Deploy a project to the three nodes that its kraftwerk.yaml names, and return what that printed."""
    work = tmp_path_factory.mktemp("many")
    kraftwerk("init", "shop", cwd=work)
    (work / "shop" / "kraftwerk.yaml").write_text(YAML)
    return work / "shop", kraftwerk("deploy", "--yes", cwd=work / "shop", timeout=300)


@contextmanager
def edited(file, text):
    """Have another text in a file for a while."""
    kept = file.read_text()
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(kept)


def release(connection):
    return connection.text(["readlink", "/web/shop/current"]).rpartition("/")[2]


def test_a_command_runs_everywhere_and_is_told_in_order(nodes, kraftwerk):
    where = [word for name in (*NODES, GONE) for word in ("--node", name)]
    done = kraftwerk(
        "run",
        "--as",
        "root",
        *where,
        "--",
        "sh",
        "-c",
        "hostname; hostname >&2; [ $(hostname) != many-b ]",
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        *["many-a     many-a", "many-b     many-b", "many-b     ✗ exit code 1", "many-c     many-c"]
    ]
    told = done.stderr.splitlines()
    assert told[:3] == [f"{name}     {name}" for name in NODES]
    assert told[3].startswith("many-gone  ✗ many-gone can't be reached")
    assert "it failed on many-b, many-gone" in told[4]


def test_nodes_are_converged_at_once_and_an_unreachable_one_holds_up_none(nodes, kraftwerk):
    for connection in nodes:
        connection.run(["rm", "/etc/logrotate.d/kraftwerk"], check=False)
    done = kraftwerk("highstate", GONE, *NODES, "--json", check=False, timeout=200)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and "many-gone: not converged" in done.stderr
    assert [each["node"] for each in found] == [GONE, *NODES]
    assert "can't be reached" in found[0]["error"]
    assert all(result["result"] for each in found[1:] for result in each["results"])


def test_a_deploy_goes_to_one_and_then_to_the_others(nodes, shop):
    _, done = shop
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [name for name in NODES for _ in range(2)]
    assert all("undo: kraftwerk destroy many-" in line for line in lines[1::2])
    assert [release(each) for each in nodes] == ["1", "1", "1"]


def test_status_has_a_line_for_each(shop, kraftwerk):
    done = kraftwerk("status", cwd=shop[0])
    assert [line.split("·")[0].split()[:3] for line in done.stdout.splitlines()] == [
        [name, "✓", "web"] for name in NODES
    ]
    found = json.loads(kraftwerk("status", "--json", *NODES[1:], cwd=shop[0]).stdout)
    assert [each["node"] for each in found] == list(NODES[1:]) and all(each["ok"] for each in found)


def test_a_command_runs_in_the_project_on_all_its_nodes(shop, kraftwerk):
    done = kraftwerk("run", "--all", "--json", "--", "sh", "-c", "pwd; exit 3", cwd=shop[0], check=False)
    assert [(each["code"], each["stdout"]) for each in json.loads(done.stdout)] == [(3, "/web/shop/releases/1\n")] * 3


def test_what_is_wrong_with_a_release_shows_at_the_first_node_alone(nodes, shop, kraftwerk):
    root, _ = shop
    file = root / "shop" / "wsgi.py"
    kept = file.read_text()
    file.write_text("raise RuntimeError('broken')\n")
    done = kraftwerk("deploy", "--all", "--yes", cwd=root, check=False, timeout=200)
    file.write_text(kept)
    assert done.returncode == 1 and "many-a, many-b, many-c: not deployed" in done.stderr
    assert "release 1 serves on, untouched" in done.stderr
    assert [release(each) for each in nodes] == ["1", "1", "1"]
    assert [each.text(["ls", "/web/shop/releases"]).split() for each in nodes[1:]] == [["1"], ["1"]]


def test_release_commands_run_once_and_all_have_what_they_collected(nodes, shop):
    built = {each.text(["cat", "/web/shop/current/collected/built.css"]) for each in nodes}
    assert len(built) == 1 and built.pop().startswith("many-a ")
    assert "migrate ✓ as on many-a" in shop[1].stdout
    owners = {each.text(["stat", "-c", "%U:%G", "/web/shop/current/collected/built.css"]) for each in nodes}
    assert owners == {"web:www-data"}


def test_when_it_fails_at_the_second_the_first_goes_back(nodes, shop, kraftwerk):
    root, _ = shop
    file = root / "shop" / "wsgi.py"
    before = [release(each) for each in nodes]
    with edited(file, file.read_text() + FAILS_AT_B):
        done = kraftwerk("deploy", "--yes", "--batch", "1", cwd=root, check=False, timeout=200)
    assert done.returncode == 1
    assert f"many-b, many-c: not deployed; gone back: many-a (release {before[0]})" in done.stderr
    assert "RuntimeError: no till here" in done.stderr
    assert [release(each) for each in nodes] == before
    assert json.loads(kraftwerk("releases", "many-a", "--json", cwd=root).stdout)[0]["state"] == "rolled-back"


def test_versions_that_are_mixed_are_told(nodes, shop, kraftwerk):
    root, _ = shop
    file = root / "shop" / "wsgi.py"
    with edited(file, file.read_text() + FAILS_AT_B):
        done = kraftwerk("deploy", "--yes", "--no-undo", cwd=root, check=False, timeout=200)
    assert "many-b: not deployed; the new release stays live on many-a, many-c: versions are mixed" in done.stderr
    done = kraftwerk("status", cwd=root, check=False)
    assert done.returncode == 1
    assert "✗ shop: versions are mixed: " in done.stdout.splitlines()[-1]
    assert " on many-a, many-c; " in done.stdout or " on many-a, many-c → " in done.stdout
    found = json.loads(kraftwerk("status", "--json", cwd=root, check=False).stdout)
    assert [each["checks"]["version"]["ok"] for each in found] == [False] * 3
    kraftwerk("deploy", "--yes", cwd=root, timeout=200)
    assert kraftwerk("status", cwd=root).returncode == 0


def test_all_get_the_packages_of_the_first(nodes, shop, kraftwerk):
    """One whose virtualenv was made when the index had others gets another one."""
    uv = "/opt/kraftwerk/uv/bin/uv"
    older = ["env", "HOME=/web", uv, "pip", "install", "--python", "/web/shop/current/venv/bin/python", "packaging<24"]
    nodes[1].run(["setpriv", "--reuid=web", "--regid=web", "--init-groups", "env", "-C", "/web", *older])
    before = [each.text(["readlink", "/web/shop/current/venv"]) for each in nodes]
    kraftwerk("deploy", "--yes", cwd=shop[0], timeout=200)
    after = [each.text(["readlink", "/web/shop/current/venv"]) for each in nodes]
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] != before[1]
    held = [each.text(["sh", "-c", "ls /web/shop/current/venv/lib/python3*/site-packages"]) for each in nodes]
    assert held[0] == held[1] == held[2]


def test_both_nodes_and_all_is_bad_usage(nodes, kraftwerk):
    assert kraftwerk("highstate", NODES[0], "--all", check=False).returncode == 2


def test_all_of_them_go_back_at_once(nodes, shop, kraftwerk):
    earlier = [release(each) for each in nodes]
    kraftwerk("deploy", "--yes", cwd=shop[0], timeout=300)
    before = [release(each) for each in nodes]
    done = kraftwerk("rollback", "--all", cwd=shop[0])
    assert [release(each) for each in nodes] == earlier
    undo = [line.partition("undo: kraftwerk ")[2] for line in done.stdout.splitlines()[1::2]]
    assert undo == [f"rollback {number} --node {name}" for number, name in zip(before, NODES, strict=True)]
