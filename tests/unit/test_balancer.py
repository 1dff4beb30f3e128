"""The balancer: what kraftwerk.yaml may say of it, what nodes need to know, and the script that lets visitors in."""

import os
import subprocess

import pytest

from kraftwerk import balancer, deployment, project, registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.health import parse
from kraftwerk.instance import Instance
from kraftwerk.node import Node, save_node
from kraftwerk.remote import script
from kraftwerk.status import judge

WEB1, WEB2 = Node("web1", "192.0.2.1", "ssh"), Node("web2", "192.0.2.2", "ssh")
BOTH = "environments: {production: {nodes: [web1, web2], balancer: web1}}\n"


@pytest.fixture(autouse=True)
def nodes(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for node in (WEB1, WEB2):
        save_node(node)


def shop(folder, text):
    (folder / "kraftwerk.yaml").write_text("name: shop\nwsgi: shop.wsgi\n" + text)
    return project.parse(folder)


def test_nodes_behind_a_balancer_know_it_and_have_its_domain(tmp_path):
    here = shop(tmp_path, BOTH.replace("web1}", "web1, hosts: {web2: 10.0.0.2}}"))
    first, second = here.instance("production", "web1"), here.instance("production", "web2")
    assert (first.balances, first.behind, second.balances, second.behind) == (True, "", False, "web1")
    assert first.balancer == {"node": "web1", "here": True, "port": deployment.BALANCED}
    assert second.balancer["host"] == "10.0.0.2"
    assert first.domains == second.domains == ("shop.web1",)
    other = here.instance("production", "web9")
    assert (other.balancer, other.domains) == ({}, ("shop.web9",))


def test_behind_a_balancer_there_is_no_certificate(tmp_path):
    here = shop(tmp_path, BOTH + "tls: auto\n")
    assert [here.instance("production", name).is_certified for name in ("web1", "web2")] == [True, False]
    assert here.instance("production", "web2").url == "https://shop.web1"


@pytest.mark.parametrize(
    ("line", "said"),
    [("balancer: lb", "balancer: lb"), ("hosts: {lb: 10.0.0.1}", "hosts: lb"), ("hosts: {'-': x}", "hosts.-: '-'")],
)
def test_who_serves_nothing_is_a_mistake_with_its_place(tmp_path, monkeypatch, line, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KraftwerkError) as caught:
        shop(tmp_path, f"environments:\n  production:\n    nodes: [web1, web2]\n    {line}\n")
    assert caught.value.code == 2
    assert caught.value.cause.startswith(f"kraftwerk.yaml:6: environments.production.{said} is ")


@pytest.mark.parametrize(
    ("services", "then"),
    [
        ("[files]", "take files out of services"),
        ("{postgres: {node: db1}, sqlite: {}}", "take sqlite out of services"),
        ("[postgres]", "kraftwerk config set services.postgres.node db1 --env production"),
        ("[memcached]", "kraftwerk config set services.memcached.url --secret --env production"),
    ],
)
def test_what_each_would_have_for_itself_is_refused(tmp_path, services, then):
    with pytest.raises(KraftwerkError, match=r"each of web1, web2 has its own, and environments\.prod") as caught:
        balancer.check(shop(tmp_path, f"{BOTH}services: {services}\n"), "production")
    assert caught.value.code == 2
    assert caught.value.next_command.startswith(then)


@pytest.mark.parametrize("services", ["[]", "{postgres: {node: web1}}", "{memcached: {url: 'memcached://a:1'}}"])
def test_what_is_there_for_all_is_not(tmp_path, services):
    balancer.check(shop(tmp_path, f"{BOTH}services: {services}\n"), "production")
    balancer.check(shop(tmp_path, "services: [files]\n"), "production")
    balancer.check(shop(tmp_path, BOTH.replace(", web2", "") + "services: [files]\n"), "production")


def test_nginx_that_is_its_owner_s_is_refused(tmp_path):
    with pytest.raises(KraftwerkError, match="a balancer needs kraftwerk's own"):
        balancer.check(shop(tmp_path, BOTH + "nginx_site: {layout: debian}\n"), "production")


def test_a_node_lets_in_its_balancer_and_the_one_before_as_long_as_that_is_one(tmp_path, monkeypatch):
    asked = []

    def address(there, host, _):
        asked.append((there.node.name, host))
        return "10.0.0.1"

    monkeypatch.setattr(balancer.route, "address", address)
    here = shop(tmp_path, BOTH)
    first, second = here.instance("production", "web1"), here.instance("production", "web2")
    behind = balancer.arranged(second, WEB2, {})
    assert behind.balancer["from"] == {"web1": "10.0.0.1"} and asked == [("web1", "192.0.2.2")]
    assert balancer.arranged(first, WEB1, {}).balancer["from"] == {}
    # web2 becomes the balancer: visitors still come to web1.
    registry.record(WEB1, first)
    there = shop(tmp_path, BOTH.replace("balancer: web1", "balancer: web2"))
    leading = there.instance("production", "web2")
    assert balancer.arranged(leading, WEB2, {"shop": behind}).balancer["from"] == {"web1": "10.0.0.1"}
    registry.record(WEB1, there.instance("production", "web1"))
    assert balancer.arranged(leading, WEB2, {"shop": behind}).balancer["from"] == {}


def test_what_it_means_that_a_balancer_goes(tmp_path):
    here = shop(tmp_path, BOTH + "domain: www.shop.test\n")
    each = [here.instance("production", name) for name in ("web1", "web2")]
    assert balancer.consequence(each[1:]) == ""
    assert balancer.consequence(each) == "It is the balancer of www.shop.test: nobody answers there then."


GOOD = "disk\t/\t11\t1\nrelease\tshop\t3\tthere\nworkers\tshop\t2\t2\nsite\tshop\t200\n"


def test_status_tells_who_is_behind_which_balancer_and_who_is_out(tmp_path):
    here = shop(tmp_path, BOTH)
    led = "led\tshop\tweb2\tin\t200\nled\tshop\tweb3\tout\t\n"
    found = judge(WEB1, here.instance("production", "web1"), parse("web1", GOOD + led))
    assert found.ok and found.line() == "web1  ✓ web 2/2 · balances web2 ✓, web3 out · disk 11% · release 3"
    lost = judge(WEB1, here.instance("production", "web1"), parse("web1", GOOD + led.replace("200", "000")))
    assert not lost.ok and lost.next_command == "kraftwerk why --node web2"
    behind = judge(WEB2, here.instance("production", "web2"), parse("web2", GOOD))
    assert behind.ok and "behind web1" in behind.line()


# Stand-ins: nginx refuses what BROKEN is in, systemctl notes what it was told, curl answers what `status` says.
TOOLS = {
    "nginx": "! grep -qs BROKEN ROOT/balancer/shop/*.conf || { echo 'nginx: [emerg] 1#1: no' >&2; exit 1; }",
    "systemctl": 'echo "$1" >>ROOT/told; [ "$1" != show ] || echo 9000007',
    "curl": "cat ROOT/status",
    "pgrep": "exit 1",
    "ss": "[ ! -e ROOT/open ] || { rm ROOT/open; echo open; }",
    "getent": 'echo "$2 STREAM"',
}
ASKED = ("www.shop.test", "http", "/", "0", "0", "1", "0.01", "200-399")


@pytest.fixture
def node(tmp_path):
    """A balancer of shop, that nobody is behind of."""
    for folder in ("bin", "balancer/shop"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in TOOLS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text.replace('ROOT', str(tmp_path))}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "status").write_text("200")
    return tmp_path


def balance(node, *words, check=True):
    text = script("balance").replace("/var/lib/kraftwerk", str(node)).replace("/run/", f"{node}/")
    environment = {**os.environ, "PATH": f"{node}/bin:{os.environ['PATH']}"}
    command = ["sh", "-seu", "--", *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
    assert not check or done.returncode == 0, done.stderr
    return done


def members(node):
    return {path.name: path.read_text() for path in (node / "balancer/shop").iterdir()}


def reloads(node):
    return (node / "told").read_text().split().count("reload") if (node / "told").exists() else 0


def test_a_node_comes_in_once_it_answers_and_nginx_is_told_once(node):
    (node / "status").write_text("502")
    done = balance(node, "in", "shop", "web2", "10.0.0.2", "8480", *ASKED, check=False)
    assert (done.returncode, done.stderr) == (1, "10.0.0.2:8480 answers / with 502\n")
    assert members(node) == {} and reloads(node) == 0
    (node / "status").write_text("302")
    for said in ("web2\n", ""):
        assert balance(node, "in", "shop", "web2", "10.0.0.2", "8480", *ASKED).stdout == said
    assert members(node) == {"web2.conf": "server 10.0.0.2:8480 max_fails=1 fail_timeout=10s;\n"}
    assert reloads(node) == 1
    balance(node, "in", "shop", "web3", "fd00::3", "8480", *ASKED)
    assert members(node)["web3.conf"].startswith("server [fd00::3]:8480 ")


def test_out_is_remembered_and_gone_is_not(node):
    assert balance(node, "out", "shop", "web2", "5").stdout == ""  # nobody leads there
    balance(node, "in", "shop", "web2", "10.0.0.2", "8480", *ASKED)
    (node / "open").touch()
    balance(node, "out", "shop", "web2", "5")
    assert members(node) == {"web2.conf": "server 10.0.0.2:8480 down;\n"} and not (node / "open").exists()
    assert balance(node, "list", "shop").stdout == "web2\tout\n"
    balance(node, "back", "shop", "web2", "10.0.0.9", "8480", *ASKED)  # started again, at another address
    assert balance(node, "list", "shop").stdout == "web2\tin\n" and "10.0.0.9" in members(node)["web2.conf"]
    balance(node, "gone", "shop", "web2", "5")
    assert members(node) == {}
    assert balance(node, "back", "shop", "web2", "10.0.0.2", "8480", *ASKED).stdout == "" and members(node) == {}


def test_who_is_not_named_any_more_goes(node):
    for name in ("web2", "web3"):
        balance(node, "in", "shop", name, "10.0.0.2", "8480", *ASKED)
    assert balance(node, "only", "shop", "web1", "web3").stdout == "web2\n"
    assert list(members(node)) == ["web3.conf"]


def test_one_that_was_killed_before_nginx_was_told_is_made_good(node):
    balance(node, "in", "shop", "web2", "10.0.0.2", "8480", *ASKED)
    (node / "balancer/shop/.untold").touch()
    balance(node, "in", "shop", "web2", "10.0.0.2", "8480", *ASKED)
    assert reloads(node) == 2 and list(members(node)) == ["web2.conf"]


def test_what_nginx_refuses_stays_as_it_was(node):
    balance(node, "in", "shop", "web2", "10.0.0.2", "8480", *ASKED)
    before = members(node)
    done = balance(node, "in", "shop", "web2", "BROKEN", "8480", *ASKED, check=False)
    assert (done.returncode, done.stderr) == (1, "no\n")
    assert {key: text for key, text in members(node).items() if key != ".untold"} == before
    assert reloads(node) == 1


def test_a_site_without_a_balancer_is_told_apart(node):
    assert balance(node, "list", "other", check=False).returncode == balancer.NONE


def test_a_site_whose_balancer_is_no_node_of_ours_is_left_alone():
    lost = Instance("shop", "shop", "production", "x", balancer={"node": "web9", "here": False, "port": 1})
    balancer.leave(lost, WEB2, gone=True)
