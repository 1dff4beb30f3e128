"""Releases that are broken in all ways there are: what was live serves on, nothing of the new one is left running, and
what is printed is the real cause."""

import http.client
import json

import pytest

from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import waiting

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "broken-one"
HOST = f"shop.{NODE}"

YAML = "wsgi: shop\nworkers: 1\ngate: {within: 4}\n"
PACKAGES = "gunicorn\ndjango\n"
GOOD = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"keep"]
"""
FAILS = """\
def application(environ, start_response):
    raise RuntimeError("the till is empty")
"""
REDIRECTS = """\
def application(environ, start_response):
    start_response("302 Found", [("Location", "/")])
    return []
"""
ELSEWHERE = """\
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["www.example.com"], ROOT_URLCONF="shop", SECRET_KEY="tried out")
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse(request.get_host()))]
application = get_wsgi_application()
"""
KILLED = """\
import os, signal, threading
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()  # as the kernel does it
import time
time.sleep(60)
"""
ALL_KILLED = """\
import os, signal, time
os.kill(os.getppid(), signal.SIGKILL)  # gunicorn itself, which with `preload` is the largest
time.sleep(60)
"""
HUNGRY = """\
import resource
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
STOCK = bytearray(1 << 30)
"""
EXITS = "import os\nos._exit(7)\n"  # as what crashes in C does: without a word

TILL = {
    "__init__.py": "",
    "settings.py": """\
SECRET_KEY = "tried out"
INSTALLED_APPS = ["till"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/tmp/broken-till.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
""",
    "migrations/__init__.py": "",
    "migrations/0001_drawer.py": """\
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Drawer", [("id", models.AutoField(primary_key=True))])]
""",
    "migrations/0002_coins.py": """\
from django.db import migrations, models
def count(apps, schema_editor):
    raise RuntimeError("the coins don't add up")
class Migration(migrations.Migration):
    dependencies = [("till", "0001_drawer")]
    operations = [
        migrations.AddField("Drawer", "coins", models.IntegerField(default=0)),
        migrations.RunPython(count),
    ]
""",
}
APPLIED = """
import sqlite3
rows = sqlite3.connect("/tmp/broken-till.sqlite3").execute("select name from django_migrations where app = ?", ["till"])
print(*(row[0] for row in rows))
"""
MIGRATES = "release: python -m django migrate --noinput --settings till.settings\n"


class Site:
    """A project here whose good release is live on the node."""

    def __init__(self, root, kraftwerk):
        self.root, self.kraftwerk = root, kraftwerk
        self.mend()
        for name, text in TILL.items():
            path = root / "till" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def mend(self):
        self.write(GOOD)

    def write(self, code=GOOD, *, yaml=YAML, packages=PACKAGES):
        (self.root / "shop.py").write_text(code)
        (self.root / "kraftwerk.yaml").write_text(yaml)
        (self.root / "requirements.txt").write_text(packages)

    def deploy(self, code=0):
        done = self.kraftwerk("deploy", NODE, "--yes", cwd=self.root, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def on(self, script):
        return Connection(get_node(NODE)).script(script).stdout.decode().strip()

    def answer(self):
        connection = http.client.HTTPConnection(get_node(NODE).host, timeout=10)
        connection.request("GET", "/", headers={"Host": HOST})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def releases(self):
        return json.loads(self.kraftwerk("releases", "--json", cwd=self.root).stdout)

    def running(self):
        """Return what runit keeps of it: all that is up, by name."""
        lines = self.on("for each in /etc/service/shop-*; do sv status $each; done").splitlines()
        return [line.split(":")[1].rpartition("/")[2] for line in lines if line.startswith("run:")]

    def live(self):
        return next(each["number"] for each in self.releases() if each["state"] == "live")


@pytest.fixture(scope="module")
def site(make_shared_node, converged, kraftwerk, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / "shop"
    root.mkdir()
    site = Site(root, kraftwerk)
    site.deploy()
    return site


@pytest.fixture
def broken(site):
    """Yield the site to break; afterwards see that nothing came of it but a word in the list of releases."""
    before, running = site.live(), site.running()
    yield site
    assert site.answer() == (200, "keep")
    assert site.live() == before
    assert site.running() == running
    assert site.on("ls -d /web/shop/releases/*.part 2>/dev/null || true") == ""
    assert site.on("pgrep -u web-shop -c gunicorn") == "2"  # a master and its worker
    site.mend()


@pytest.mark.parametrize(
    ("code", "cause", "telling"),
    [
        (
            "import nowhere_to_be_found",
            "the application exited instead of serving: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
            "",
        ),
        (FAILS, "GET / answered 500: RuntimeError: the till is empty", ""),
        (REDIRECTS, f"GET / redirects to itself (Location: http://{HOST}/)", ""),
        (ELSEWHERE, "GET / answered 400: does it refuse the Host header (ALLOWED_HOSTS)?", ""),
        ("import time\ntime.sleep(60)", "GET / was not answered within 4 s", ""),
        (EXITS, "GET / was not answered within 4 s: its workers exit with code 7", ""),
        (
            "import os\nKEY = os.environ['STRIPE_KEY']",
            "the application exited instead of serving: KeyError: 'STRIPE_KEY': the variable STRIPE_KEY is not set",
            "kraftwerk config set environ.STRIPE_KEY VALUE",
        ),
        (HUNGRY, "the application exited instead of serving: its processes ran out of memory", "MemoryError"),
        (ALL_KILLED, "the application exited instead of serving: its processes were killed", "out of memory?"),
        (KILLED, "GET / was not answered within 4 s: its processes were killed", "out of memory?"),
    ],
    ids=["import", "500", "loop", "host", "slow", "exits", "variable", "memory", "all killed", "killed"],
)
def test_what_does_not_answer_never_goes_live_and_says_why(broken, code, cause, telling):
    broken.write(code)
    printed = broken.deploy(code=1)
    assert cause in printed
    assert telling in printed
    assert f"release {broken.live()} serves on, untouched" in printed
    failed = broken.releases()[0]
    assert (failed["state"], cause.startswith(failed["reason"][:60])) == ("failed", True)


def test_a_migration_that_fails_half_way_is_told_with_what_it_left(broken):
    broken.write(yaml=YAML + MIGRATES)
    printed = broken.deploy(code=1)
    assert "migrate ✗" in printed
    assert "RuntimeError: the coins don't add up" in printed
    assert "Applying till.0002_coins..." in printed
    assert "1 migration was applied before that and stays in the database" in printed
    left = broken.on(f"python3 -c '{APPLIED}'")
    assert left == "0001_drawer"


def test_a_requirement_that_does_not_build_is_told_in_its_own_words(broken):
    broken.write(packages=PACKAGES + "mysqlclient==2.2.7\n")
    printed = broken.deploy(code=1)
    assert "virtualenv ✗" in printed
    assert "mysqlclient" in printed
    assert "pkg-config" in printed


def test_a_disk_that_is_full_is_told(broken):
    """The virtualenvs' folder becomes a disk of its own that has room for the live one only."""
    broken.on(
        "cp -a /web/shop/venvs /web/shop/venvs.kept; used=$(du -sk /web/shop/venvs | cut -f 1);"
        " mount -t tmpfs -o size=$((used + 2000))k,mode=755 tmpfs /web/shop/venvs;"
        " cp -a /web/shop/venvs.kept/. /web/shop/venvs/; chown web:web /web/shop/venvs; rm -r /web/shop/venvs.kept"
    )
    try:
        broken.write(packages=PACKAGES + "babel\n")
        printed = broken.deploy(code=1)
        assert "No space left on device" in printed
    finally:
        broken.on("umount -l /web/shop/venvs")


def test_a_worker_that_exits_takes_the_release_back(broken):
    broken.write(yaml=YAML + "processes: {mail: 'echo the post is late; exit 3'}\n")
    printed = broken.deploy(code=1)
    assert "the post is late" in printed
    assert "serves on" in printed
    assert broken.on("ls /etc/service | grep shop-mail || true") == ""  # the old release had no such worker


def test_what_a_failed_release_was_to_serve_is_forgotten(broken):
    broken.write(yaml=YAML.replace("wsgi: shop", "wsgi: nowhere:to_be_found"))
    broken.deploy(code=1)
    broken.on("sv restart $(readlink -f /etc/service/shop-web-$(readlink /web/shop/slots/live))")
    waiting.wait_for(lambda: broken.answer()[0] == 200)


def test_a_rollback_serves_what_the_older_release_named(site):
    site.write(GOOD + "renamed = application\ndel application\n", yaml=YAML.replace("wsgi: shop", "wsgi: shop:renamed"))
    site.deploy()
    site.kraftwerk("rollback", "--node", NODE, cwd=site.root)
    assert site.answer() == (200, "keep")


def test_while_it_boots_it_is_what_the_kernel_ends_first(broken):
    """For want of memory: it, and not the release that serves, nor a database."""
    broken.write(
        "import os, time\nopen(f'/tmp/score', 'w').write(open('/proc/self/oom_score_adj').read())\ntime.sleep(60)"
    )
    broken.deploy(code=1)
    assert broken.on("cat /tmp/score") == "900"
    assert broken.on("cat $(pgrep -u web-shop gunicorn | sed 's|.*|/proc/&/oom_score_adj|')").split() == ["0", "0"]
