"""https on a real node: by ACME from an authority that runs there (pebble), by the admin's own, and off again."""

import http.client
import json
import socket
import ssl
from collections import Counter
from contextlib import contextmanager
from functools import partial

import pytest

from kraftwerk import authority
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.meanwhile import repeated
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NAME = "tls-one", "vault"
HOST, ALIAS, LOST = "www.vault.test", "vault.test", "lost.vault.test"
SITE = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['wsgi.url_scheme']} {environ['HTTP_HOST']}".encode()]
"""
YAML = f"wsgi: vault\nworkers: 1\ndomain: {HOST}\naliases: {ALIAS}\nkeep: 2\n"
TLS = "/var/lib/kraftwerk/tls"
PEBBLE = f"""\
main() {{
echo 127.0.0.1 {HOST} {ALIAS} >>/etc/hosts
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends pebble >/dev/null
mkdir -p /root/pebble
cd /root/pebble
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pebble \
  -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem 2>/dev/null
cat >config.json <<END
{{"pebble": {{"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "/root/pebble/ca.pem", "privateKey": "/root/pebble/key.pem", "httpPort": 80, "tlsPort": 443}}}}
END
set -- --setenv PEBBLE_VA_NOSLEEP=1 --setenv PEBBLE_WFE_NONCEREJECT=0
systemd-run --quiet --unit pebble "$@" "$(command -v pebble)" -config /root/pebble/config.json
}}
main </dev/null
"""
SETTINGS = {"directory": "https://127.0.0.1:14000/dir", "ca": "/root/pebble/ca.pem"}
ROOT = "curl -sf --cacert /root/pebble/ca.pem https://127.0.0.1:15000/roots/0"
LEFT = """\
ls -d /var/lib/kraftwerk/tls /var/lib/kraftwerk/acme /var/lib/kraftwerk-acme /etc/kraftwerk/tls
ls -d /etc/systemd/system/*tls*
systemctl list-timers --all kraftwerk-tls.timer --no-legend
"""


def on(words, check=False):
    return Connection(get_node(NODE)).script(words, check=check).stdout.decode().strip()


class Site:
    """A project, and what it answers on the node."""

    def __init__(self, root, pillar, kraftwerk):
        self.root, self.pillar, self.kraftwerk = root, pillar, kraftwerk

    def settings(self, **more):
        """Set what the node's states go by, beside the authority."""
        tree = {"kraftwerk": {"settings": {"tls": {**SETTINGS, **more}}}}
        (self.pillar / "pebble.sls").write_text(json.dumps(tree))

    def deploy(self, text, *domains):
        (self.root / "kraftwerk.yaml").write_text(YAML.replace(HOST, json.dumps([HOST, *domains])) + text)
        return self.kraftwerk("deploy", NODE, "--yes", cwd=self.root)

    @property
    def address(self):
        return get_node(NODE).host

    def plain(self, host=HOST, path="/a?b=c", **headers):
        return self.asked(http.client.HTTPConnection(self.address, timeout=20), host, path, headers)

    def secure(self, trusted, host=HOST, path="/a?b=c"):
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.sock = self.wrapped(trusted, host)
        return self.asked(connection, host, path, {})

    def wrapped(self, trusted, host=HOST):
        context = ssl.create_default_context(cadata=trusted)
        context.set_alpn_protocols(["http/1.1"])
        return context.wrap_socket(socket.create_connection((self.address, 443), 20), server_hostname=host)

    def serial(self, trusted):
        with self.wrapped(trusted) as connection:
            return connection.getpeercert()["serialNumber"]

    @staticmethod
    def asked(connection, host, path, headers):
        """Return the status, and where it leads or what it says."""
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location") or answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site(make_shared_node, converged, tmp_path_factory, kraftwerk, home):
    make_shared_node(NODE, base=converged)
    on(PEBBLE, check=True)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    (root / "vault.py").write_text(SITE)
    (root / "requirements.txt").write_text("gunicorn\n")
    site = Site(root, home / "pillar", kraftwerk)
    site.settings()
    (site.pillar / "top.sls").write_text(f"base:\n  {NODE}: [pebble]\n")
    yield site
    for name in ("top.sls", "pebble.sls"):
        (site.pillar / name).unlink()


@pytest.fixture(scope="module")
def pebble(site):
    """Return the certificate that pebble's own are checked by; it is a new one each time that pebble starts."""
    return wait_for(lambda: on(ROOT)) + "\n"


@contextmanager
def asking(*visits):
    """Have each of some questions be asked over and over; yield the answers that came, counted, errors among them."""
    seen = [Counter() for _ in visits]

    def visit(ask, answers):
        try:
            answers[ask()] += 1
        except (OSError, http.client.HTTPException) as error:
            answers[repr(error)] += 1

    with repeated(*(partial(visit, *each) for each in zip(visits, seen, strict=True))):
        wait_for(lambda: all(sum(each.values()) > 5 for each in seen))
        yield seen
        counts = [sum(each.values()) for each in seen]
        wait_for(lambda: all(sum(each.values()) > count + 5 for each, count in zip(seen, counts, strict=True)))


def test_where_the_authority_refuses_the_site_stays_on_http(site, pebble):
    done = site.deploy("tls: auto\n", LOST)
    assert f"Warning: {HOST}: no certificate: " in done.stderr
    assert f"; it stays on http → kraftwerk highstate {NODE}" in done.stderr
    assert LOST in done.stderr.partition("no certificate: ")[2]  # the authority's own words
    assert f"http://{HOST}" in done.stdout and "https:" not in done.stdout
    assert site.plain() == (200, f"http {HOST}")
    assert site.plain(ALIAS) == (301, f"http://{HOST}/a?b=c")
    with pytest.raises(ConnectionRefusedError):
        site.wrapped(pebble)


def test_https_comes_without_a_failed_request(site, pebble):
    with asking(site.plain, lambda: site.plain(ALIAS)) as (plain, alias):
        done = site.deploy("tls: auto\n")
    assert not done.stderr and f"https://{HOST}" in done.stdout and "tls ✓" in done.stdout
    assert set(plain) == {(200, f"http {HOST}"), (301, f"https://{HOST}/a?b=c")}
    assert set(alias) == {(301, f"http://{HOST}/a?b=c"), (301, f"https://{HOST}/a?b=c")}
    assert site.secure(pebble) == (200, f"https {HOST}")
    assert site.secure(pebble, ALIAS) == (301, f"https://{HOST}/a?b=c")
    assert on(f"curl -sk --http2 -o /dev/null -w '%{{http_version}}' https://{HOST}/") == "2"
    old = f"openssl s_client -connect 127.0.0.1:443 -servername {HOST} -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null 2>&1"
    assert "Cipher is (NONE)" in on(old)
    assert on(f"stat -Lc '%a %U' {TLS}/{NAME}/fullchain.pem {TLS}/{NAME}/privkey.pem") == "600 root\n600 root"
    assert "tls ✓" not in site.deploy("tls: auto\n").stdout  # it is good for long


def test_who_looks_at_the_site_from_the_node_sees_it(site, pebble):
    look = f"curl -s -o /dev/null -A kraftwerk-health -H 'Host: {HOST}' -w '%{{http_code}}' http://127.0.0.1/"
    assert on(look) == "200"
    site.kraftwerk("maintenance", "on", NODE, "--yes", cwd=site.root)
    assert site.plain()[0] == site.secure(pebble)[0] == 503
    assert site.plain(path="/.well-known/acme-challenge/none")[0] == 404
    site.kraftwerk("maintenance", "off", NODE, cwd=site.root)
    assert site.plain(**{"X-Forwarded-Proto": "https"}) == (200, f"https {HOST}")  # as a node that it moved from asks


def test_the_timer_renews_it_and_keeps_it_where_that_fails(site, pebble):
    assert on("systemctl is-active kraftwerk-tls.timer; systemctl is-enabled kraftwerk-tls.timer") == "active\nenabled"
    before = site.serial(pebble)
    on("systemctl start kraftwerk-tls", check=True)
    assert site.serial(pebble) == before
    on("sed -i 's/^RENEW_DAYS=.*/RENEW_DAYS=20000/' /etc/kraftwerk/tls/acme", check=True)
    with asking(lambda: site.secure(pebble)) as (seen,):
        on("systemctl start kraftwerk-tls", check=True)
    assert set(seen) == {(200, f"https {HOST}")}
    after = site.serial(pebble)
    assert after != before
    on("systemctl stop pebble", check=True)
    assert on("systemctl start kraftwerk-tls || systemctl is-failed kraftwerk-tls") == "failed"
    assert (site.serial(pebble), on(f"ls -d {TLS}/{NAME}/set-* | wc -l")) == (after, "1")
    assert "Problem connecting to server" in on("journalctl --no-pager --unit kraftwerk-tls --lines 5")
    on("sed -i 's/^RENEW_DAYS=.*/RENEW_DAYS=30/' /etc/kraftwerk/tls/acme; systemctl reset-failed kraftwerk-tls")


def test_by_the_admin_s_own_authority(site):
    done = site.deploy("tls: internal\n")
    assert "tls ✓" in done.stdout and not done.stderr
    path = site.kraftwerk("tls", "ca", "--path").stdout.strip()
    told = json.loads(site.kraftwerk("tls", "ca", "--json").stdout)
    assert (told["certificate"], told["fingerprint"]) == (path, authority.get().fingerprint)
    assert path in site.kraftwerk("tls", "ca").stdout
    trusted = authority.certificate_file().read_text()
    assert site.secure(trusted) == (200, f"https {HOST}")
    assert site.secure(trusted, ALIAS) == (301, f"https://{HOST}/a?b=c")
    serial = site.serial(trusted)
    assert "tls ✓" not in site.deploy("tls: internal\n").stdout
    on("systemctl start kraftwerk-tls", check=True)
    assert site.serial(trusted) == serial
    site.settings(days=825)
    site.kraftwerk("highstate", NODE)
    assert site.serial(trusted) != serial
    site.settings()
    own = on(f"cat {TLS}/{NAME}/privkey.pem")
    assert "PRIVATE KEY" in own and own not in authority.key_file().read_text()


def test_another_program_at_the_port_leaves_the_site_as_it_is(site):
    site.deploy("tls: off\n")
    assert site.plain() == (200, f"http {HOST}")
    assert on(f"ls -d {TLS}/{NAME} /etc/kraftwerk/tls") == ""
    on("systemd-run --quiet --unit taken python3 -m http.server 443", check=True)
    wait_for(lambda: on("curl -s -o /dev/null http://127.0.0.1:443/ && echo up") == "up")
    done = site.deploy("tls: internal\n")
    assert "nginx doesn't show it at port 443: another program has the port" in done.stderr
    assert site.plain() == (200, f"http {HOST}")
    on("systemctl stop taken", check=True)
    assert "stays on http" not in site.kraftwerk("highstate", NODE).stdout
    assert site.secure(authority.certificate_file().read_text()) == (200, f"https {HOST}")


def test_nothing_is_left_of_a_site_that_goes(site):
    site.kraftwerk("destroy", NODE, "--yes", cwd=site.root)
    assert on(LEFT) == ""
    assert on("nginx -t -q && echo fine") == "fine"
