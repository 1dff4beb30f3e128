"""Web nodes behind a balancer, of Debian 12 and 13, their database on a third: what visitors notice of it."""

import http.client
import json
import shutil
import socket

import pytest

from kraftwerk import balancer, localargv, localboot, localnet, machine, privilege
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.console import ROOT
from tests.integration.conftest import RELEASE
from tests.visitors import visiting
from tests.waiting import wait_for
from tests.websocket import Websocket

pytestmark = [pytest.mark.node, pytest.mark.network]
WEB1, WEB2, WEB3, DB = "bal-one", "bal-two", "bal-three", "bal-data"
NAME, HOST = "till", "www.till.test"
PORT = 8480
PARTS = "cat /var/lib/kraftwerk/data/till.json"
LET_IN = "cat /etc/postgresql/*/main/pg_hba.conf; nft list ruleset"
CHAT = ROOT / "tests" / "sites" / "chat"
SITE = """\
import hashlib, json, os, socket, time
import psycopg

RELEASE = 1

def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    said = hashlib.sha256(body).hexdigest()
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.7)
    if environ["PATH_INFO"] == "/seen":
        said = json.dumps({key: value for key, value in environ.items() if isinstance(value, str)})
    if environ["PATH_INFO"] == "/data":
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            said = str(connection.execute("SELECT inet_server_addr()").fetchone()[0])
    told = [("X-Node", socket.gethostname()), ("X-Release", str(RELEASE))]
    start_response("200 OK", [("Content-Type", "text/plain"), *told])
    return [said.encode()]
"""
YAML = f"""\
wsgi: till
workers: 2
health: /data
domain: {HOST}
keep: 2
static: {{/static/: files}}
services: {{postgres: {{node: {DB}}}}}
"""


class Site:
    """The project, and what it answers."""

    def __init__(self, root, kraftwerk):
        self.root, self.kraftwerk = root, kraftwerk

    def run(self, *words, **options):
        return self.kraftwerk(*words, cwd=self.root, **options)

    def nodes(self, *names, lead=WEB1):
        given = {"nodes": names, **({"balancer": lead} if lead else {})}
        where = json.dumps({"production": given})
        (self.root / "kraftwerk.yaml").write_text(f"{YAML}environments: {where}\n")

    def release(self, number):
        (self.root / "till.py").write_text(SITE.replace("RELEASE = 1", f"RELEASE = {number}"))

    def get(self, path="/", node=WEB1, port=80, **headers):
        connection = http.client.HTTPConnection(get_node(node).host, port, timeout=30)
        connection.request("GET", path, headers={"Host": HOST, **headers})
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, said, answer.headers

    def answering(self, node=WEB1):
        """Return the nodes that answer those who come to one, and the releases that they have."""
        seen = [self.get(node=node)[2] for _ in range(24)]
        return {each["X-Node"] for each in seen}, {each["X-Release"] for each in seen}

    def led_to(self, *names, release="2", node=WEB1):
        """Wait until just these answer those who come to one: whoever failed once is asked again after ten seconds."""
        wait_for(lambda: self.answering(node) == ({*names}, {release}), 20)

    def visiting(self, node=WEB1):
        return visiting(get_node(node).host, HOST, again=True)


def on(node, words, check=True):
    return Connection(get_node(node)).script(words, check=check).stdout.decode().strip()


@pytest.fixture(scope="module")
def site(make_shared_node, converged, thirteen, tmp_path_factory, kraftwerk):
    """Deploy the project to two web nodes."""
    for name in (WEB1, DB):
        make_shared_node(name, base=converged)
    make_shared_node(WEB2, base=thirteen, release="trixie")
    root = tmp_path_factory.mktemp("balancer") / NAME
    (root / "files").mkdir(parents=True)
    (root / "files" / "a.css").write_text("a {}")
    (root / "requirements.txt").write_text("gunicorn\npsycopg[binary]\n")
    site = Site(root, kraftwerk)
    site.nodes(WEB1, WEB2)
    site.release(1)
    site.run("config", "set", "services.postgres.password", "--generate")
    site.first = site.run("deploy", "--yes").stdout
    return site


def test_both_web_nodes_answer_at_the_balancer_with_the_data_of_the_third(site):
    assert site.answering() == ({WEB1, WEB2}, {"1"})
    assert {site.get("/data")[1] for _ in range(8)} == {get_node(DB).host}
    debian = ". /etc/os-release; echo $VERSION_CODENAME"
    assert (on(WEB1, debian), on(WEB2, debian)) == (RELEASE, "trixie")
    assert f"balance ✓ {WEB1} leads visitors here" in site.first
    lines = site.run("status").stdout.splitlines()
    assert f"balances {WEB2} ✓" in lines[0] and f"behind {WEB1}" in lines[1]
    found = [on(name, f"grep -c 'GET /data' /var/log/nginx/{NAME}.access.log") for name in (WEB1, WEB2)]
    assert all(int(count) > 2 for count in found)  # each its own, and the balancer none twice
    for name in (WEB1, WEB2, DB):
        assert "0 changed" in site.run("highstate", name).stdout


def test_only_the_balancer_gets_in(site):
    for name in (WEB1, WEB2):
        with pytest.raises(ConnectionRefusedError):  # this machine is neither
            socket.create_connection((get_node(name).host, PORT), timeout=10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((get_node(DB).host, 5432), timeout=10)
    assert site.get(node=WEB2)[0] == 403
    ask = "curl -s -o /dev/null -w '%{http_code}' -H 'Host: " + HOST + "' http://ADDRESS/"
    assert on(WEB1, ask.replace("ADDRESS", f"{get_node(WEB2).host}:{PORT}")) == "200"
    assert on(WEB2, ask.replace("ADDRESS", f"{get_node(WEB1).host}:{PORT}") + " || true") == "000"
    assert on(DB, ask.replace("ADDRESS", f"{get_node(WEB2).host}:{PORT}") + " || true") == "000"
    assert on(WEB2, ask.replace("ADDRESS", "127.0.0.1")) == "200"


def test_the_application_sees_the_visitor_whatever_he_says(site):
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for _ in range(6):
        seen = json.loads(site.get("/seen", **lies)[1])
        assert seen["HTTP_X_REAL_IP"] == "10.77.0.1"
        assert seen["HTTP_X_FORWARDED_FOR"].split(", ")[-1] == "10.77.0.1"
        assert (seen["HTTP_X_FORWARDED_PROTO"], seen["HTTP_HOST"]) == ("http", HOST)
    assert "10.77.0.1 -" in on(WEB2, f"tail -n 1 /var/log/nginx/{NAME}.access.log")


def test_websockets_go_through_to_a_second_site_of_the_same_nodes(site, kraftwerk, tmp_path):
    shutil.copytree(CHAT, tmp_path / "chat")
    where = json.dumps({"production": {"nodes": [WEB1, WEB2], "balancer": WEB1, "domain": "www.chat.test"}})
    (tmp_path / "chat" / "kraftwerk.yaml").write_text(f"asgi: chat:app\nworkers: 1\ndrain: 2\nenvironments: {where}\n")
    kraftwerk("deploy", "--yes", cwd=tmp_path / "chat")
    for _ in range(4):  # there and there
        visitor = Websocket(get_node(WEB1).host, "www.chat.test")
        assert visitor.hear() == "one"
        visitor.say("hello")
        assert visitor.hear() == "echo hello"
        visitor.close()
    assert site.answering() == ({WEB1, WEB2}, {"1"})
    for name in (WEB2, WEB1):
        kraftwerk("destroy", name, "--yes", cwd=tmp_path / "chat")
    assert site.answering() == ({WEB1, WEB2}, {"1"})


def test_a_static_file_that_one_node_lacks_is_found(site):
    on(WEB2, "echo new >/web/till/current/files/only.css")
    assert {site.get("/static/only.css")[:2] for _ in range(8)} == {(200, "new\n")}
    assert {site.get("/static/none.css")[0] for _ in range(4)} == {404}


def test_what_each_would_have_for_itself_is_refused(site):
    file = site.root / "kraftwerk.yaml"
    kept = file.read_text()
    file.write_text(kept.replace("services: {", "services: {files: {}, "))
    done = site.run("deploy", "--plan", check=False)
    file.write_text(kept)
    assert done.returncode == 2
    assert f"services.files: each of {WEB1}, {WEB2} has its own" in done.stderr


def test_no_request_fails_when_it_is_deployed_and_nodes_come_and_go(site, make_shared_node, converged):
    make_shared_node(WEB3, base=converged)
    with site.visiting() as visitors:
        site.release(2)
        site.run("deploy", "--yes")
        site.led_to(WEB1, WEB2)
        site.nodes(WEB1, WEB2, WEB3)
        assert f"balancer  {WEB1} leads visitors here, as soon as" in site.run("deploy", WEB3, "--plan").stdout
        site.run("deploy", WEB3, "--yes")
        site.led_to(WEB1, WEB2, WEB3)
        site.run("stop-node", WEB2)
        assert f"balances {WEB3} ✓, {WEB2} out" in site.run("status", WEB1).stdout
        site.led_to(WEB1, WEB3)
        site.run("start-node", WEB2)
        site.led_to(WEB1, WEB2, WEB3)
        assert WEB3 in on(DB, PARTS) and get_node(WEB3).host in on(DB, LET_IN)
        gone = get_node(WEB3).host
        site.run("destroy-node", WEB3, "--yes")
        site.nodes(WEB1, WEB2)
        site.led_to(WEB1, WEB2)
        before = visitors.answers  # and a while of just being asked
        wait_for(lambda: visitors.answers > before + 100)
    assert not visitors.failed and visitors.answers > 500
    assert WEB3 not in on(DB, PARTS) and gone not in on(DB, LET_IN)


def test_what_was_interrupted_is_put_right_by_the_next_command(site):
    balancer.take_out(get_node(WEB2))  # and there the command was killed
    assert site.answering()[0] == {WEB1}
    site.run("highstate", WEB2)
    assert site.answering()[0] == {WEB1, WEB2}
    balancer.take_out(get_node(WEB2))
    folder = f"/var/lib/kraftwerk/balancer/{NAME}"  # one that was killed before it told nginx
    on(WEB1, f"touch {folder}/.untold; sed -i 's/down/max_fails=1 fail_timeout=10s/' {folder}/{WEB2}.conf")
    assert site.answering()[0] == {WEB1}
    site.run("deploy", WEB2, "--yes")
    assert site.answering()[0] == {WEB1, WEB2}
    assert on(WEB1, f"ls -A {folder}") == f"{WEB2}.conf"


def keep_alive(node):
    """Set in a local node's network what its /etc/sysctl.d says: it is only there that a node can't do it itself."""
    text = on(node, "cat /etc/sysctl.d/60-kraftwerk-balancer.conf")
    settings = [line.replace(" ", "") for line in text.splitlines() if line.startswith("net.")]
    assert len(settings) == 3
    privilege.run(["ip", "netns", "exec", localargv.link_of(get_node(node).host), "sysctl", "-q", "-w", *settings])


def test_a_node_that_loses_its_power_loses_no_get(site):
    address, folder = get_node(WEB2).host, machine.folder_of(WEB2)
    keep_alive(WEB1)
    with site.visiting() as visitors:
        wait_for(lambda: visitors.answers > 100)
        localnet.detach(address)  # without a word
        localboot.kill(folder)
        seen = site.answering()[0]
        done = site.run("status", check=False)
        site.run("start-node", WEB2)
    assert seen == {WEB1}
    assert done.returncode == 1 and f"balances {WEB2} ✗" in done.stdout
    assert not [each for each in visitors.failed if not each.startswith("post")]
    assert visitors.longest < 60  # 16 by keepalive; what was never acknowledged is sent again after 25 or 51; else 130


def test_another_node_becomes_the_balancer(site):
    site.nodes(WEB1, WEB2, lead=WEB2)
    with site.visiting() as visitors:
        site.run("deploy", WEB2, "--yes")
        site.led_to(WEB2, node=WEB2)
        site.led_to(WEB1, WEB2)  # until the domain leads elsewhere
    with site.visiting(WEB2) as later:
        site.run("deploy", "--yes")
    assert not visitors.failed and not later.failed
    site.led_to(WEB1, WEB2, node=WEB2)
    assert site.get(node=WEB1)[0] == 403
    assert on(WEB1, "ls -d /var/lib/kraftwerk/balancer/till", check=False) == ""


def test_without_one_each_answers_for_itself(site):
    site.nodes(WEB1, WEB2, lead="")
    site.run("deploy", "--yes")
    assert [site.answering(name)[0] for name in (WEB1, WEB2)] == [{WEB1}, {WEB2}]
    for name in (WEB1, WEB2):
        assert "kraftwerk_clients" not in on(name, "nft list tables")
        assert on(name, f"grep -rl {PORT} /etc/nginx /etc/kraftwerk", check=False) == ""
