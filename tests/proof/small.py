"""A server of 512 MB with Django and PostgreSQL: two releases fit, and where they don't, that is said beforehand."""

from kraftwerk import local
from tests.proof.found import Found, told
from tests.proof.memory import Memory
from tests.proof.stall import Stall, said

MEGABYTES = 512
BALLAST = 160  # megabytes that a large release keeps
DONT_FIT = "two releases don't fit"
WSGI = """
import ballast
import stall

django = application


def application(environ, start_response):
    asked = django if environ["PATH_INFO"] == "/health" else stall.application
    return asked(environ, start_response)
"""


class Shop(Stall):
    """A Django project with a database, whose pages are the visitors'; its health is Django's own."""

    def __init__(self, root, node):
        self.root, self.node, self.kind, self.version = root, node, "wsgi", 0
        root.parent.mkdir(parents=True)
        self.kraftwerk("init", root.name, "--template", "django", "--with", "postgres", cwd=root.parent)
        (root / "static").mkdir()
        yaml = root / "kraftwerk.yaml"
        text = yaml.read_text().replace("  - python manage.py collectstatic --noinput\n", "")
        yaml.write_text(text.replace("/static/: staticfiles", "/static/: static"))
        wsgi = root / root.name / "wsgi.py"
        wsgi.write_text(wsgi.read_text() + WSGI)
        self.weigh(0)
        self.edit()

    def weigh(self, megabytes):
        """Have it keep so many megabytes."""
        (self.root / "ballast.py").write_text(f'KEPT = b"x" * ({megabytes} << 20)\n')

    def plan(self):
        """Return what the plan says of memory."""
        return self.kraftwerk("deploy", self.node, "--plan", check=False).stdout


def small(lab):
    """Deploy twice and go back on a small server, then a release that fits once only."""
    found, node = Found(), f"{lab.node}-small"
    local.create(node)
    memory = Memory(node, MEGABYTES)
    try:
        with memory.kept():
            _fits(found, shop := Shop(lab.another() / "shop", node), memory)
            _fits_once(found, shop, memory)
    finally:
        local.destroy(node)
        memory.remove()
    return found


def _fits(found, shop, memory):
    """Deploy and go back while there is memory for two."""
    shop.deploy()
    with shop.visited(few=True) as visitors:
        for words in (("deploy", shop.node, "--yes"), ("deploy", shop.node, "--yes"), ("rollback",)):
            shop.edit()
            done = shop.kraftwerk(*words, check=False)
            found.expect(done.returncode == 0, f"{words[0]} ended with {done.returncode}: {said(done)}")
            told(f"{words[0]}: {memory.most} MB at most, failed {visitors.seen['failed']}")
        visitors.more()
    found.visited(visitors.seen)
    found.expect(not memory.ended, f"ended for want of memory: {memory.ended}")
    found.expect(not (left := shop.left()), f"left: {left}")
    found.figures |= {"deploys": 3, "rollbacks": 1, "memory": memory.most}


def _fits_once(found, shop, memory):
    """Deploy a release that keeps much, and the next, for which there is no room."""
    shop.weigh(BALLAST)
    shop.edit()
    shop.deploy()
    version = shop.version
    shop.edit()
    plan = shop.plan()
    words = next((line[line.index(DONT_FIT) :] for line in plan.splitlines() if DONT_FIT in line), "")
    found.expect(words, f"the plan doesn't say that two releases don't fit: {plan}")
    with shop.visited(few=True) as visitors:
        done = shop.deploy(check=False)
        visitors.more()
    found.visited(visitors.seen)
    told(f"a release that doesn't fit: {done.returncode}: {said(done)}; ended {memory.ended}")
    found.expect(DONT_FIT in done.stdout + done.stderr, f"the deploy doesn't say that two don't fit: {said(done)}")
    found.expect(all(adjusted > 0 for _, adjusted in memory.ended), f"ended: {memory.ended}")
    lives = f"v{shop.version if done.returncode == 0 else version}"
    found.expect(shop.answer()[1][:2] == [lives] * 2, f"{shop.answer()} instead of {lives}")
    found.expect(not (left := shop.left()), f"left: {left}")
    found.figures["said"] = words
