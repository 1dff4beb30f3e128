"""A CDN in front of a real site: its address in pages, its bucket filled by deploys, and what happens when it refuses.

The CDN is an nginx with a certificate of its own, which hands on what the bucket gives to everybody.
"""

import http.client
import json
import re
import sys
import urllib.request

import pytest

from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import known, object_server, secretscan
from tests.browser import complaints
from tests.datasite import kraftwerk
from tests.object_server import KEY, SECRET

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NAME = "cdn-one", "shop"
HOST, CDN = f"{NAME}.{NODE}", "cdn.shop.test"
STORAGE = """
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""
STATIC = "static: {/static/: staticfiles}"
STYLE = "body { background: %s url(dot.svg); }\n"
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><circle r="1"/></svg>\n'
EDGE = """\
main() {
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \
  -keyout /etc/nginx/edge.key -out /etc/nginx/edge.crt 2>/dev/null
cat >/etc/nginx/conf.d/edge.conf <<END
server {
  listen 443 ssl;
  server_name $1;
  ssl_certificate /etc/nginx/edge.crt;
  ssl_certificate_key /etc/nginx/edge.key;
  location / { proxy_pass $2/points/production/; }
}
END
nginx -t -q && systemctl reload nginx
}
main "$@" </dev/null
"""


def on(*words):
    return Connection(get_node(NODE)).run(list(words), check=False).stdout.decode().strip()


class Shop:
    """The project, and what is seen of it."""

    def __init__(self, root, server):
        self.root, self.server, self.seen = root, server, 0

    def do(self, *words, **options):
        return kraftwerk(*words, cwd=self.root, **options)

    def set_secret(self, value):
        self.do("config", "set", "cdn.secret_key", "--secret", "--yes", stdin=value)

    def deploy(self, *words, code=0):
        return self.do("deploy", NODE, "--yes", *words, code=code)

    def write(self, name, text):
        (self.root / NAME / "static" / NAME / name).write_text(text)

    @property
    def live(self):
        return on("readlink", f"/web/{NAME}/current").rpartition("/")[2]

    def page(self, host=HOST, path="/"):
        """Return the headers and the text that the site itself answers with."""
        connection = http.client.HTTPConnection(get_node(NODE).host, timeout=20)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.headers, answer.read().decode()

    def linked(self):
        """Return the address of the style sheet that the page names."""
        return re.search(r'rel="stylesheet" href="([^"]+)"', self.page()[1])[1]

    def stored(self, address):
        """Return what everybody gets from the bucket behind an address of the CDN: headers and text."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        path = address.removeprefix(f"https://{CDN}")
        with opener.open(f"{self.server.address}/points/production{path}", timeout=20) as answer:
            return answer.headers, answer.read().decode()

    def sent(self):
        """Return what was uploaded since the last question, by the names in the bucket."""
        asked = self.server.requests()
        since, self.seen = asked[self.seen :], len(asked)
        return [each.removeprefix("PUT /points/production/") for each in since if each.startswith("PUT")]


@pytest.fixture(scope="module")
def shop(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    work = tmp_path_factory.mktemp("cdn")
    kraftwerk("init", NAME, "--template", "django", cwd=work)
    with object_server.running("10.77.0.1") as server:
        shop = Shop(work / NAME, server)
        settings = shop.root / NAME / "settings.py"
        settings.write_text(settings.read_text() + STORAGE)
        shop.write("dot.svg", DOT)
        shop.write("site.css", STYLE % "rgb(1, 2, 3)")
        config = shop.root / "kraftwerk.yaml"
        config.write_text(config.read_text().replace(STATIC, STATIC.replace("}", ", /texts/: texts}")))
        (shop.root / "texts").mkdir()
        (shop.root / "texts" / "notes.txt").write_text("one\n")
        yield shop


@pytest.fixture(scope="module")
def behind(shop):
    """Put the site behind the CDN, with a bucket, once; return what the deploy printed, and when it began."""
    bucket = f"s3://points/production?endpoint={shop.server.address}&acl=public-read"
    shop.do("config", "set", "cdn.url", f"https://{CDN}")
    shop.do("config", "set", "cdn.bucket", bucket)
    told = shop.do("deploy", NODE, "--plan", code=2)
    assert re.search(r"pillar/production.sls:\d+: cdn.bucket: nothing opens s3://points/production\?", told)
    assert "→ kraftwerk config set cdn.access_key KEY" in told
    shop.do("config", "set", "cdn.access_key", KEY)
    shop.set_secret(SECRET)
    began = secretscan.begin(Connection(get_node(NODE)))
    return shop.deploy(), began


@pytest.fixture(scope="module")
def edge(shop, behind, tmp_path_factory):
    """Have the CDN answer; return its certificate, which nobody has vouched for."""
    Connection(get_node(NODE)).script(EDGE, CDN, shop.server.address)
    certificate = tmp_path_factory.mktemp("edge") / "edge.crt"
    certificate.write_text(on("cat", "/etc/nginx/edge.crt"))
    return certificate


def test_a_page_takes_its_style_from_the_cdn(shop, behind, edge, browser):
    assert re.search(r"cdn ✓ (\d+) of \1 files, [\d.]+ k?B in [\d.]+s", behind[0])
    planned = shop.do("deploy", NODE, "--plan")
    assert re.search(r"^ +cdn +https://cdn.shop.test ← s3://points/production$", planned, re.MULTILINE)
    address = shop.linked()
    assert re.fullmatch(rf"https://{CDN}/static/shop/site\.[0-9a-f]{{12}}\.css", address)
    headers, style = shop.stored(address)
    assert headers["Content-Type"] == "text/css; charset=utf-8"
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    dot = re.search(r'url\("?(dot\.[0-9a-f]{12}\.svg)"?\)', style)[1]
    assert shop.stored(f"https://{CDN}/static/shop/{dot}")[0]["Content-Type"] == "image/svg+xml"
    assert shop.stored(f"https://{CDN}/texts/notes.txt")[0]["Cache-Control"] == "no-cache"
    host = get_node(NODE).host
    page = browser({HOST: host, CDN: host}, "--ignore-certificate-errors")
    page.get(f"http://{HOST}/")
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(1, 2, 3)"
    loaded = page.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert loaded == [address] and complaints(page) == []


def test_why_tells_of_what_the_cdn_lacks_and_the_next_deploy_brings_it(shop, behind, edge, tmp_path):
    names = dict.fromkeys((HOST, CDN), get_node(NODE).host)

    def why(**environ):
        words = [sys.executable, "-m", "kraftwerk", "why", "--json"]
        return json.loads(known.run(words, names, tmp_path, cwd=shop.root, **environ).stdout)[0]["steps"][-1]

    assert "certificate verify failed" in why()["text"]
    trusted = {"SSL_CERT_FILE": str(edge)}
    assert why(**trusted)["text"] == "the page's style sheets and scripts answer (1)"
    shop.server.reset()
    told = why(**trusted)
    assert re.fullmatch(rf"{shop.linked()} 40[34]: it isn't there, or the CDN may not read it", told["text"])
    assert told["next"] == f"kraftwerk deploy {NODE}"
    shop.deploy()
    assert why(**trusted)["ok"]


def test_other_sites_may_load_what_the_cdn_takes_from_this_one(shop, behind):
    headers, _ = shop.page(path=shop.linked().removeprefix(f"https://{CDN}"))
    assert (headers["Access-Control-Allow-Origin"], headers["Content-Type"]) == ("*", "text/css")
    headers, _ = shop.page(path="/texts/notes.txt")
    assert (headers["Access-Control-Allow-Origin"], headers["Cache-Control"]) == ("*", "no-cache")
    assert shop.page()[0]["Access-Control-Allow-Origin"] is None


def test_the_keys_leave_no_trace_on_the_node(shop, behind):
    assert secretscan.look(Connection(get_node(NODE)), behind[1], SECRET) == {"secrets": [], "open": []}
    assert KEY not in on("cat", f"/var/lib/kraftwerk/instances/{NAME}.json")


def test_a_deploy_sends_what_is_new_and_says_which_names_stayed(shop, behind):
    before = shop.linked()
    shop.sent()
    assert re.search(r"cdn ✓ \d+ files as they are in ", shop.deploy()) and shop.sent() == []
    shop.write("site.css", STYLE % "rgb(4, 5, 6)")
    (shop.root / "texts" / "notes.txt").write_text("two\n")
    told = shop.deploy()
    names = shop.sent()
    assert names[0] == shop.linked().removeprefix(f"https://{CDN}/") != before.removeprefix(f"https://{CDN}/")
    assert {"static/shop/site.css", "texts/notes.txt"} < set(names) and len(names) < 7
    assert "rgb(1, 2, 3)" in shop.stored(before)[1] and "rgb(4, 5, 6)" in shop.stored(shop.linked())[1]
    assert "cdn: texts/notes.txt: changed under the same name" in told and "site.css" not in told
    now = shop.linked()
    shop.do("rollback")
    assert shop.linked() == before and shop.sent() == []
    shop.do("rollback", re.search(r"Release (\d+) is live", told)[1])
    assert shop.linked() == now


def test_a_bucket_that_refuses_leaves_the_live_release_serving(shop, behind):
    live, page = shop.live, shop.page()[1]
    shop.write("site.css", STYLE % "rgb(7, 8, 9)")
    shop.server.faults(room=10)
    told = shop.deploy(code=1)
    assert "cdn ✗" in told and "cdn.bucket: s3://points is full: " in told
    assert f"release {live} serves on, untouched" in told and f"→ kraftwerk deploy {NODE} --from cdn" in told
    assert (shop.live, shop.page()[1]) == (live, page)
    assert "rgb(4, 5, 6)" in shop.stored(shop.linked())[1]
    shop.server.faults()
    assert re.search(r"cdn ✓ \d of \d+ files", shop.deploy("--from", "cdn"))
    assert shop.live == str(int(live) + 1) and "rgb(7, 8, 9)" in shop.stored(shop.linked())[1]
    shop.set_secret("not the key")
    told = shop.deploy(code=1)
    assert "cdn.bucket: s3://points refuses the access key or secret key: SignatureDoesNotMatch" in told
    assert "not the key" not in told and KEY not in told
    shop.set_secret(SECRET)


def test_another_environment_is_not_touched(shop, behind):
    shop.sent()
    told = shop.deploy("--env", "staging")
    assert "cdn" not in told.replace(NODE, "") and shop.sent() == []
    page = shop.page(f"{NAME}-staging.{NODE}")[1]
    path = re.search(r'rel="stylesheet" href="(/static/[^"]+)"', page)[1]
    assert "Access-Control-Allow-Origin" not in shop.page(f"{NAME}-staging.{NODE}", path)[0]
    shown = json.loads(shop.do("env", "--json", "--env", "staging"))
    assert [each["value"] for each in shown if each["name"] == "cdn"] == [{}]
    assert f"static files by https://{CDN} ← s3://points/production" in shop.do("status", NODE, "-v")
    assert "static files by" not in shop.do("status", NODE, "-v", "--env", "staging")


def test_what_is_in_the_bucket_stays_when_the_site_goes(shop, behind):
    before = shop.server.objects()
    assert "cdn       the static files in s3://points/production stay there" in shop.do("destroy", NODE, "--yes")
    assert shop.server.objects() == before and len(before) > 4
