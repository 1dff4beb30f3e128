"""The templates' projects as a browser sees them, side by side on Debian 12, one of them on Debian 13: from init to
destroy, with a file that is uploaded, lost and loaded again."""

import json
import re
import urllib.request

import pytest

from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.browser import complaints, wait_until
from tests.datasite import kraftwerk
from tests.integration.conftest import VERSIONS
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]

# By project: its template and --with; the password opens the form.
BOOKWORM = {
    "plain": ("wsgi", "files,memcached,rq"),
    "flasky": ("flask", "postgres,files,celery"),
    "pyra": ("pyramid", "mysql,files,rq"),
    "press": ("django", "postgres,files,redis,celery"),
}
TRIXIE = {"newest": ("pyramid", "sqlite,files")}  # whose libraries are the oldest
PASSWORD = "open sesame"
ADA = ("createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com")


class Site:
    """A project that was deployed to a node."""

    def __init__(self, folder, node, template, wanted):
        self.folder, self.node, self.template, self.wanted = folder, node, template, wanted
        self.host = f"{folder.name}.{node}"

    def do(self, *words, **options):
        """Run a kraftwerk command in its folder."""
        return kraftwerk(*words, cwd=self.folder, **options)

    def deploy(self):
        """Make it, and put it live."""
        kraftwerk("init", self.folder.name, "--template", self.template, "--with", self.wanted, cwd=self.folder.parent)
        self.do("config", "set", "environ.UPLOAD_PASSWORD", "--secret", "--yes", stdin=PASSWORD)
        assert "boot ✓ GET /health 200" in self.do("deploy", self.node, "--yes")
        if self.with_users:
            self.do("run", "--", "env", f"DJANGO_SUPERUSER_PASSWORD={PASSWORD}", "python", "manage.py", *ADA)

    @property
    def with_users(self):
        """Whether its visitors log in: Django's users need a database."""
        return self.template == "django" and self.wanted != "files"

    def get(self, path):
        """Ask nginx for a page; returns its text."""
        request = urllib.request.Request(f"http://{get_node(self.node).host}{path}", headers={"Host": self.host})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()

    def documents(self):
        """Return the paths of the uploaded files that its page lists."""
        return re.findall(r'"(/uploads/documents/[^"]+)"', self.get("/documents/"))


def deployed(folder, node, projects):
    """Deploy projects to a node, one after the other."""
    sites = {name: Site(folder / name, node, *project) for name, project in projects.items()}
    for site in sites.values():
        site.deploy()
    return sites


@pytest.fixture(scope="module")
def bookworm(stocked, make_shared_node, tmp_path_factory):
    """The four templates' projects side by side."""
    node = make_shared_node("templates-12", base=stocked).node
    return deployed(tmp_path_factory.mktemp("bookworm"), node.name, BOOKWORM)


@pytest.fixture(scope="module")
def trixie(thirteen, make_shared_node, tmp_path_factory):
    """One of them on the next Debian, with another Python."""
    node = make_shared_node("templates-13", base=thirteen, release="trixie").node
    return deployed(tmp_path_factory.mktemp("trixie"), node.name, TRIXIE)


def upload(page, site, path):
    """Upload a file as a visitor does; returns what the page lists then."""
    page.get(f"http://{site.host}/documents/")
    if site.with_users:
        page.find_element("link text", "Log in").click()
        page.find_element("name", "username").send_keys("ada")
        page.find_element("name", "password").send_keys(PASSWORD)
        page.find_element("css selector", "[type=submit]").click()
    else:
        page.find_element("name", "password").send_keys(PASSWORD)
    [file] = wait_until(page, lambda page: page.find_elements("name", "file"))  # a login comes before
    for title in page.find_elements("name", "title"):
        title.send_keys("A letter")
    file.send_keys(str(path))
    page.find_element("css selector", "form button:last-of-type").click()
    return wait_until(page, lambda page: page.find_elements("css selector", "li a[href*='/uploads/']"))


def seen(browser, sites, letter):
    """Look at each site and upload a file to it."""
    page = browser({site.host: get_node(site.node).host for site in sites.values()})
    for name, site in sites.items():
        page.get(f"http://{site.host}/")
        assert page.find_element("tag name", "h1").text == f"{name} works"
        assert page.find_element("tag name", "body").value_of_css_property("max-width") == "640px"  # its CSS is there
        assert complaints(page) == []
        [link] = upload(page, site, letter)
        link.click()
        wait_until(page, lambda page: letter.read_text() in page.page_source)
        assert page.current_url == f"http://{site.host}/uploads/documents/letter.txt"
        assert complaints(page) == []
        page.get(f"http://{site.host}/nothing")
        assert page.find_element("tag name", "h1").text.lower() == "not found"
        assert "404" in "".join(complaints(page))


@pytest.fixture
def letter(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear kraftwerk, this is a letter.")
    return path


def test_a_browser_sees_each_and_uploads_a_file(bookworm, browser, letter):
    seen(browser, bookworm, letter)


def test_all_services_answer(bookworm):
    for site in bookworm.values():
        said = json.loads(site.get("/health"))
        assert said["ok"], said
        assert "none on this machine" not in said["services"].values()
    assert json.loads(bookworm["pyra"].get("/health"))["services"]["database"].startswith(
        f"mysql {VERSIONS['mariadb']}"
    )


@pytest.mark.parametrize("name", BOOKWORM)
def test_what_is_uploaded_is_given_to_the_worker(bookworm, name):
    site = bookworm[name]
    assert site.documents() == ["/uploads/documents/letter.txt"]
    wait_for(lambda: "documents/letter.txt has 33 bytes" in site.do("logs", "--process", "worker"))


def test_who_doesnt_know_the_password_uploads_nothing(bookworm, browser, letter):
    site = bookworm["plain"]
    page = browser({site.host: get_node(site.node).host})
    page.get(f"http://{site.host}/documents/")
    page.find_element("name", "password").send_keys("sesame")
    page.find_element("name", "file").send_keys(str(letter))
    page.find_element("tag name", "button").click()
    wait_until(page, lambda page: "This is not the password." in page.page_source)
    assert len(site.documents()) == 1


@pytest.mark.parametrize("name", ["press", "pyra"])
def test_dumped_lost_and_loaded(bookworm, name, tmp_path):
    site = bookworm[name]
    site.do("dump", "-o", tmp_path / "all.kw")
    site.do("run", "--", "rm", f"/web/{name}/uploads/documents/letter.txt")
    site.do("load", tmp_path / "all.kw", "--to", site.node, "--yes")
    assert site.documents() == ["/uploads/documents/letter.txt"]
    assert site.get("/uploads/documents/letter.txt").startswith("Dear")
    assert json.loads(site.get("/health"))["ok"]


def test_one_of_them_on_debian_13(trixie, browser, letter):
    seen(browser, trixie, letter)
    assert "Python 3.13" in trixie["newest"].do("run", "--", "python", "--version")


def test_destroyed(bookworm):
    for site in bookworm.values():
        site.do("destroy", site.node, "--yes")
    left = Connection(get_node(bookworm["plain"].node)).run(["ls", "/web", "/etc/sv", "/home"]).stdout.decode()
    assert not [name for name in BOOKWORM if re.search(rf"^{name}\b", left, re.MULTILINE)]
