"""The walk from a name to an answer: what each step says of what was seen, and what is asked for."""

import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from calendar import timegm
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kraftwerk import authority, cli, hosts, node, registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.why import case, facts, inside, outside, walk
from kraftwerk.why.case import Case
from kraftwerk.why.outside import Answer

BLUE = Node("blue", "127.0.0.1", "local")
MYSITE = Instance(
    *("mysite", "mysite", "production", "mysite.wsgi"), domains=("mysite.blue",), aliases=("old.example.com",)
)
CASE = Case("http://mysite.blue/", BLUE, MYSITE)
WELL = {
    "addresses": ["10.77.0.11"],
    "rules": "",
    "live": {"release": "3", "slot": "a", "link": "a.sock", "exists": True, "held": False, "seconds": 0.0},
    "maintenance": None,
    "nginx": {"state": "active", "listens": True, "error": "", "names": ["mysite.blue"], "seconds": 0.1},
    "gunicorn": {
        **{"service": "mysite-web-a", "state": "run", "wanted": True, "up": 180, "workers": 2, "imported": None},
        "seconds": 0.1,
    },
    "services": {"postgres": {"said": "", "seconds": 0.03}},
    "log": [],
}
TRACE = [
    *("bad", "Traceback (most recent call last):", '  File "a.py", line 1', "    boom()"),
    *('  File "b.py", line 2', "    raise ValueError('no')", "ValueError: no"),
]


def found(**changes):
    """Return what the node says when all is well, but for changes: live__slot is the slot of what is live."""
    plain = json.loads(json.dumps(WELL))
    for key, value in changes.items():
        first, _, second = key.partition("__")
        if second:
            plain[first][second] = value
        else:
            plain[first] = value
    return facts.parse(plain)


def broken(seen, of=CASE):
    """Return the first step on the node that is broken: its name, what it says, and the next command."""
    step = next(step for step in inside.steps(of, seen) if not step.ok)
    return step.name, step.text, step.next_command


def test_when_all_is_well_each_step_says_so():
    assert [(step.ok, step.name, step.text) for step in inside.steps(CASE, found())] == [
        (True, "nginx", "runs, and its configuration is valid and has mysite.blue"),
        (True, "socket", "leads to release 3 (slot a)"),
        (True, "gunicorn", "2 workers, up for 3 min"),
        (True, "application", "mysite.wsgi is loaded"),
        (True, "postgres", "answers"),
    ]


LOST = {"imported": {"error": "\n".join(TRACE), "seconds": 1.0}, "state": "down", "up": 0, "workers": 0}


@pytest.mark.parametrize(
    ("changes", "name", "text", "then"),
    [
        ({"live__release": ""}, "release", "nothing of mysite is live on blue", "deploy blue"),
        (
            {"nginx__state": "failed"},
            *("nginx", "it does not run, and something else answers on port 80", "highstate blue"),
        ),
        ({"nginx__names": ["_"]}, "nginx", "its configuration has no site mysite.blue", "highstate blue"),
        (
            {"live__held": True},
            *("socket", "requests wait while data is dumped, loaded or moved", "lock blue"),
        ),
        (
            {"live__link": ""},
            *("socket", "/run/kraftwerk/mysite/current.sock is not there", "restart web --node blue"),
        ),
        (
            {"live__exists": False},
            *("socket", "/run/kraftwerk/mysite/a.sock is not there, and gunicorn runs", "restart web --node blue"),
        ),
        (
            {"gunicorn__state": "fail"},
            *("gunicorn", "runit does not supervise mysite-web-a", "highstate blue"),
        ),
        (
            {"gunicorn__state": "down", "gunicorn__wanted": False, "live__exists": False, "gunicorn__workers": 0},
            *("gunicorn", "mysite-web-a is down: somebody stopped it", "restart web --node blue"),
        ),
        ({"services": {"redis": {"said": "no answer", "seconds": 5.0}}}, "redis", "no answer", "highstate blue"),
    ],
)
def test_the_first_break_is_told_with_what_to_do(changes, name, text, then):
    assert broken(found(**changes)) == (name, text, f"kraftwerk {then}")


def test_a_socket_that_leads_elsewhere():
    name, text, _ = broken(found(live__link="b.sock"))
    assert (name, text) == (
        "socket",
        "/run/kraftwerk/mysite/current.sock leads to b.sock, and release 3 is at a.sock",
    )


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ('unknown directive "x" in /etc/nginx/kraftwerk/mysite.conf:3', "kraftwerk highstate blue"),
        ('unknown directive "x" in /etc/nginx/nginx.conf:3', "kraftwerk run --node blue --as root -- nginx -t"),
    ],
)
def test_a_broken_configuration_of_nginx_is_mended_by_whose_it_is(said, then):
    name, text, next_command = broken(found(nginx__error=said))
    assert (name, next_command) == ("nginx", then)
    assert text.endswith(said)


def test_maintenance_is_told_with_its_message_in_every_environment():
    staging = replace(CASE, instance=replace(MYSITE, environment="staging"))
    name, text, then = broken(found(maintenance={"since": 0.0, "message": "back\nat five"}), staging)
    assert (name, then) == ("maintenance", "kraftwerk maintenance off blue --env staging")
    assert text.startswith("visitors get 503 since 19") and text.endswith(": back at five")


def seen_gunicorn(**changes):
    return found(**{f"gunicorn__{key}": value for key, value in {**LOST, **changes}.items()}, live__exists=False)


def test_what_does_not_import_is_told_with_its_traceback():
    steps = list(inside.steps(CASE, seen_gunicorn()))
    assert [(step.name, step.ok) for step in steps[2:4]] == [("gunicorn", True), ("application", False)]
    assert steps[3].text == "it can't be imported: ValueError: no"
    assert steps[3].lines == tuple(TRACE[2:])[-6:]
    assert (steps[3].seconds, steps[3].next_command) == (1.0, "kraftwerk deploy blue")
    lame = replace(seen_gunicorn(), services={"postgres": {"said": "refused", "seconds": 0.0}})
    assert broken(lame)[1] == "it can't be imported: ValueError: no; postgres does not answer, either"
    missing = "Traceback (most recent call last):\n  File os.py in __getitem__\nKeyError: 'SECRET_KEY'"
    unset = seen_gunicorn(imported={"error": missing, "seconds": 1.0})
    assert broken(unset)[2] == "kraftwerk config set environ.SECRET_KEY VALUE"


def test_what_imports_and_does_not_stay_up_is_told_by_its_log():
    seen = replace(seen_gunicorn(imported={"error": "", "seconds": 1.0}), log=("2026-11-22_02:00:00.1 MemoryError",))
    assert broken(seen) == (
        "application",
        "it can be imported, and gunicorn does not stay up: its processes ran out of memory",
        "kraftwerk config set workers 1",
    )
    restarted = seen_gunicorn(imported={"error": "", "seconds": 1.0}, state="run", workers=2)
    assert all(step.ok for step in inside.steps(CASE, replace(restarted, live=found().live)))


def test_an_error_is_told_by_what_was_logged_since_it_was_asked_for():
    log = ["2026-11-22_01:59:59.1 KeyError: 'old'", *(f"2026-11-22_02:00:01.1 {line}" for line in TRACE)]
    seen = replace(found(), log=tuple(log))
    given = Answer(500, seconds=0.2, since="2026-11-22_02:00:00")
    step = inside.answer(CASE, given, seen)
    assert (step.ok, step.text) == (False, "GET / 500: ValueError: no")
    assert (step.lines, step.next_command) == (tuple(TRACE[2:]), "kraftwerk logs blue --process web --since 10m")
    for old in (inside.answer(CASE, given, replace(seen, log=seen.log[:1])), inside.answer(CASE, Answer(500), seen)):
        assert (old.text, old.lines) == ("GET / 500", ())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Answer(302, "/login/"), "GET / 302 → /login/"),
        (Answer(204), "GET / 204"),
        (Answer(400), "GET / 400: does it refuse the name (ALLOWED_HOSTS)?"),
        (Answer(404), "GET / 404: it has no such page"),
        (Answer(0, error="no answer within 20 s"), "GET /: no answer within 20 s"),
    ],
)
def test_answers(given, text):
    step = inside.answer(CASE, given, found())
    assert (step.text, step.ok) == (text, 200 <= given.status < 400)


def test_what_the_gate_accepts_is_a_good_answer_of_the_same_url():
    own = replace(CASE, instance=replace(MYSITE, gate={"accept": ["401"], "path": "/up"}), url="http://mysite.blue/up")
    assert inside.answer(own, Answer(401), found()).ok
    assert not inside.answer(replace(own, url="http://mysite.blue/other"), Answer(401), found()).ok


@contextmanager
def serving(secured=None):
    """Serve on loopback, and yield the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(301)
            self.send_header("Location", f"{self.headers['Host']} {self.path}")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    if secured:
        server.socket = secured.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_port_that_answers_and_one_that_is_refused():
    with serving() as number:
        here = replace(CASE, url=f"http://mysite.blue:{number}/a b?c=d e")
        assert (outside.port(here).ok, outside.port(here).text) == (True, f"{number} answers")
        given = outside.ask(here)
        assert (given.status, given.location) == (301, f"mysite.blue:{number} /a%20b?c=d%20e")
        logged = timegm(time.strptime(given.since, "%Y-%m-%d_%H:%M:%S"))
        assert 0 <= time.time() - logged < 60
    refused = outside.port(here)
    assert (refused.ok, refused.text) == (False, f"{number} is refused")
    assert outside.ask(here).status == 0 and "refused" in outside.ask(here).error


@pytest.mark.parametrize(
    ("changes", "url", "text", "then"),
    [
        ({"nginx__state": "inactive"}, "http", "nginx does not run", "kraftwerk highstate blue"),
        ({"nginx__listens": False}, "http", "nginx runs, and does not listen there", "kraftwerk highstate blue"),
        ({"nginx__listens": False}, "https", "the site has no https", "kraftwerk why http://mysite.blue/"),
        (
            {},
            *("http", "on blue itself it answers: a firewall is in the way"),
            "open port 80 in the firewall between here and 127.0.0.1",
        ),
        (
            {"rules": "nft list ruleset"},
            *("http", "on blue itself it answers: a firewall is in the way"),
            "open port 80 in the firewall between here and 127.0.0.1, or its own: "
            "kraftwerk run --node blue --as root -- nft list ruleset",
        ),
    ],
)
def test_a_port_that_is_shut_is_explained_by_the_node(changes, url, text, then):
    refused = case.Step("port", "80 is refused", False)
    seen = outside.shut(replace(CASE, url=f"{url}://mysite.blue/"), refused, found(**changes))
    assert (seen.ok, seen.text, seen.next_command) == (False, f"80 is refused; {text}", then)


def test_a_certificate_that_nobody_knows(tmp_path, monkeypatch):
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]
    name = ["-subj", "/CN=mysite.blue", "-addext", "subjectAltName=DNS:mysite.blue"]
    subprocess.run([*words, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(certificate, key)
    with serving(secured) as number:
        here = replace(CASE, url=f"https://mysite.blue:{number}/")
        unknown = outside.certificate(here)
        assert (unknown.ok, unknown.text) == (False, "it is not valid: self-signed certificate")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert outside.certificate(here).text == "valid for 8 days"
        assert outside.ask(here).status == 301
        other = outside.certificate(replace(here, url=f"https://other.blue:{number}/"))
        assert "other.blue" in other.text
    assert outside.certificate(here).text == "no encrypted connection: Connection refused"


def test_a_certificate_by_the_admin_s_own_authority_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    key, request, certificate = tmp_path / "key", tmp_path / "request", tmp_path / "certificate"
    words = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*words, "-subj", "/CN=x", "-keyout", key, "-out", request], check=True, capture_output=True)
    certificate.write_bytes(authority.get().sign(request.read_bytes(), ["mysite.blue"]))
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(certificate, key)
    with serving(secured) as number:
        here = replace(CASE, url=f"https://mysite.blue:{number}/")
        assert outside.certificate(here).text.startswith("valid for 82")
        authority.certificate_file().unlink()
        assert not outside.certificate(here).ok


@pytest.fixture
def names(monkeypatch, tmp_path):
    """Names and their addresses, in place of the world's."""
    known = {"blue": "10.77.0.11", "mysite.blue": "10.77.0.11", "www.example.com": "192.0.2.9"}

    def asked(name, *rest, **keywords):
        if name not in known and not name[0].isdigit():
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "", (known.get(name, name), 0))]

    monkeypatch.setattr(outside.socket, "getaddrinfo", asked)
    monkeypatch.setattr(hosts, "HOSTS", tmp_path / "hosts")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n192.0.2.1 there.example.com # mine\n")
    return known


def test_a_name_that_leads_to_the_node_or_to_another_one_of_its_own(names):
    here = replace(CASE, node=replace(BLUE, host="10.77.0.11"))
    assert outside.name(here).text == "mysite.blue is 10.77.0.11"
    assert outside.name(replace(here, url="http://www.example.com/", peers=("192.0.2.9",))).ok


def test_a_name_that_is_not_known_or_leads_elsewhere(names):
    here = replace(CASE, url="http://new.blue/", node=replace(BLUE, host="10.77.0.11"))
    seen = outside.name(here)
    assert (seen.ok, seen.text) == (False, "new.blue is not known here")
    assert seen.next_command == f"echo '10.77.0.11 new.blue' | sudo tee -a {hosts.HOSTS}"
    rented = replace(here, url="http://new.example.com/", node=replace(here.node, provider="ec2"))
    assert outside.name(rented).next_command == "an A record of new.example.com at its DNS provider: 10.77.0.11"
    names["there.example.com"] = "192.0.2.1"
    wrong = outside.name(replace(here, url="http://www.example.com/"))
    assert (wrong.ok, wrong.text) == (False, "www.example.com is 192.0.2.9, and blue is 10.77.0.11")
    assert wrong.next_command == "its A record at its DNS provider must be 10.77.0.11"
    by_hand = outside.name(replace(here, url="http://there.example.com/"))
    assert by_hand.next_command == f"its line in {hosts.HOSTS} must be: 10.77.0.11 there.example.com"


@pytest.fixture
def answers(names, monkeypatch):
    """What is answered, by URL: the walk goes on all else as if it were well."""
    answers = {}
    monkeypatch.setattr(walk.outside, "port", lambda each: case.Step("port", f"{each.port} answers"))
    monkeypatch.setattr(walk.outside, "certificate", lambda each: case.Step("certificate", "valid for 9 days"))
    monkeypatch.setattr(walk.outside, "ask", lambda each: answers[each.url])
    monkeypatch.setattr(walk.facts, "look", lambda each: found())
    return answers


HERE = replace(CASE, node=replace(BLUE, host="10.77.0.11"))


def test_the_walk_ends_at_the_first_break(answers, monkeypatch):
    answers |= {HERE.url: Answer(301, "https://mysite.blue/"), "https://mysite.blue/": Answer(200)}
    monkeypatch.setattr(walk.outside, "certificate", lambda each: case.Step("certificate", "expired", False))
    monkeypatch.setattr(walk.facts, "look", lambda each: found(nginx__names=[]))
    assert [step.name for step in walk.walk(HERE)] == ["name", "port", "nginx"]
    monkeypatch.setattr(walk.facts, "look", lambda each: found())
    *_, port, last = walk.walk(HERE)
    assert (port.text, last.text) == ("443 answers", "expired")


def test_where_https_fails_what_was_logged_of_it_is_told(answers, monkeypatch):
    failed = Answer(500, since="2026-11-22_02:00:00")
    answers |= {HERE.url: Answer(301, "https://mysite.blue/shop"), "https://mysite.blue/shop": failed}
    log = []

    def ask(each):
        log.extend(f"2026-11-22_02:00:01.1 {line}" for line in TRACE if each.scheme == "https")
        return answers[each.url]

    monkeypatch.setattr(walk.outside, "ask", ask)
    monkeypatch.setattr(walk.facts, "look", lambda each: replace(found(), log=tuple(log)))
    *_, last = walk.walk(HERE)
    assert (last.text, last.lines[-1]) == ("GET /shop 500: ValueError: no", "ValueError: no")


STYLED = "<script src='/static/a.js'></script>"


@pytest.mark.parametrize(
    ("front", "told"),
    [
        (Answer(200), [(True, "GET / 200")]),
        (Answer(200, page=STYLED), [(True, "GET / 200"), (True, "the page's style sheets and scripts answer (1)")]),
        (Answer(302, "/login/"), [(True, "GET / 302 → /login/")]),
        (Answer(404), [(True, "GET / 404, which may be meant")]),
        (Answer(500), [(False, "GET / 500")]),
        (Answer(0, error="no answer within 20 s"), [(False, "GET /: no answer within 20 s")]),
    ],
)
def test_where_the_gate_asks_for_another_path_visitors_still_see_the_front_page(answers, front, told):
    mysite = replace(MYSITE, health="/health", static={"/static/": "looks"})
    health = replace(HERE, url="http://mysite.blue/health", instance=mysite)
    answers |= {health.url: Answer(200), "http://mysite.blue/": front, "http://mysite.blue/static/a.js": Answer(200)}
    said = [(step.ok, step.text) for step in walk.walk(health)]
    assert said[said.index((True, "GET /health 200")) + 1 :] == told


def test_what_is_asked_for_by_its_own_url_is_asked_for_alone(answers):
    shop = replace(HERE, url="http://mysite.blue/shop/", instance=replace(MYSITE, health="/health"))
    answers[shop.url] = Answer(200)
    assert [step.text for step in walk.walk(shop)][-1] == "GET /shop/ 200"


def test_a_node_may_be_reached_by_another_address_than_its_visitors_use(names, monkeypatch):
    here = replace(CASE, url="http://www.example.com/", node=replace(BLUE, host="10.0.0.5"))
    monkeypatch.setattr(walk.facts, "look", lambda each: replace(found(), addresses=("10.0.0.5", "192.0.2.9")))
    assert next(walk.walk(here)).ok


def test_a_node_that_cannot_be_reached_is_a_step(names, monkeypatch):
    here = replace(CASE, node=replace(BLUE, host="10.77.0.11"))
    monkeypatch.setattr(walk.outside, "port", lambda each: case.Step("port", "80 gives no answer", False))

    def fail(*words):
        raise KraftwerkError("blue can't be reached", next_command="kraftwerk start-node blue")

    monkeypatch.setattr(walk.facts, "look", fail)
    *_, last = walk.walk(here)
    assert (last.name, last.ok, last.next_command) == ("node", False, "kraftwerk start-node blue")


@pytest.mark.parametrize("url", ["ftp://a.blue/", "http://", "http://a:b/", "http://a:99999/", "http://me@a/", "["])
def test_what_is_no_address_is_a_clear_error(url):
    with pytest.raises(KraftwerkError, match="is no address of the web") as caught:
        case.whole(url)
    assert caught.value.code == 2


def test_a_site_is_found_by_any_of_its_names(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    node.save_node(BLUE)
    registry.record(BLUE, MYSITE)
    for url in ("mysite.blue", "http://OLD.example.com/page"):
        assert [(each.node, each.instance.name) for each in case.of_url(url, ())] == [(BLUE, "mysite")]
    assert case.of_url("mysite.blue", ("blue",))[0].url == "http://mysite.blue/"
    with pytest.raises(SystemExit) as ended:
        cli.main(["why", "other.blue"])
    assert ended.value.code == 2
    assert "no site has the name other.blue" in capsys.readouterr().err
