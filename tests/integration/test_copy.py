"""Production's data goes to staging on another node: through memory alone, anonymized before anybody sees it."""

import re
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from kraftwerk import local
from tests.datasite import Place, killed_at, kraftwerk, safety_dump
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
LIVE, STAGE = "copy-live", "copy-stage"
live, stage = Place(LIVE), Place(STAGE, "mysite-staging")
NODES = f"environments:\n  production: {{nodes: [{LIVE}]}}\n  staging: {{nodes: [{STAGE}]}}\n"
SQL = "UPDATE documents_document SET title = 'Page of ' || id;\n"
# It sees the copy, as staging's user: what it does to rows and files of the copy is done nowhere else.
COMMAND = """\
from documents.models import Document
for document in Document.objects.order_by("id")[10:]:
    document.file.delete()
    document.delete()
"""
HOOKS = {"postgres": "anonymize.sql", "run": "python manage.py shell -c \"exec(open('anonymize.py').read())\""}


@pytest.fixture(scope="module")
def site(converged, tmp_path_factory):
    """Deploy a Django project in production on one node, filled, and in staging on another."""
    work = tmp_path_factory.mktemp("copied")
    kraftwerk("init", "mysite", "--template", "django", "--with", "postgres,files", cwd=work)
    site = work / "mysite"
    (site / "anonymize.py").write_text(COMMAND)
    (site / "kraftwerk.yaml").write_text((site / "kraftwerk.yaml").read_text() + NODES)
    with ExitStack() as stack:
        for node, environment in ((LIVE, "production"), (STAGE, "staging")):
            stack.callback(local.destroy, node)
            local.create(node, base=converged)
            kraftwerk("deploy", node, "--env", environment, "--yes", cwd=site)
        live.fill(odd=True)
        live.as_user("sh", "-c", "head -c 2000000 /dev/urandom >/web/mysite/uploads/random")
        yield site


@pytest.fixture
def anonymized(site):
    """Declare hooks for as long as a test takes; yields a function that replaces the script."""
    plain = (site / "kraftwerk.yaml").read_text()
    lines = [f"  {key}: {value}\n" for key, value in HOOKS.items()]
    (site / "kraftwerk.yaml").write_text(f"{plain}\nanonymize:\n{''.join(lines)}")
    (site / "anonymize.sql").write_text(SQL)
    yield (site / "anonymize.sql").write_text
    (site / "kraftwerk.yaml").write_text(plain)


def copy(site, *words, code=0, stdin=""):
    return kraftwerk("copy", "--to", "staging", *words, cwd=site, code=code, stdin=stdin)


def same(place):
    """Return the data of an instance as it is in one of another name."""
    return place.state().replace("mysite-staging", "mysite")


def titles():
    """Return what staging's documents are called, without their numbers."""
    found = stage.sql("SELECT title FROM documents_document").splitlines()
    return {title.rpartition(" ")[0] for title in found}


def test_a_copy_is_the_same_under_another_name(site):
    before = stage.state()
    with live.visited(20) as wrong:
        output = copy(site, stdin="y\n")
    assert wrong == []
    assert re.search(r"postgres +\d+ tables \d+ rows, \S+ MB +\d+ tables \d+ rows, \S+ MB\n", output)
    assert "Nothing is anonymized" in output
    assert re.search(r"loaded and checked against the manifest ✓ (\d+)/\1 rows, 24/24 files", output)
    assert same(stage) == live.state()
    assert stage.documents() == 20
    assert live.left() == stage.left() == ""

    # Owner, role, sequences and paths are staging's own.
    stage.as_user("python", "manage.py", "migrate", "--check")
    stage.fill()
    assert stage.documents() == 40 and live.documents() == 20

    # The safety dump is on staging's node, and a command away.
    saved = safety_dump(output)
    assert saved.startswith(f"{STAGE}:/web/mysite-staging/dump/before-copy-")
    kraftwerk("load", saved, "--to", STAGE, "--env", "staging", "--yes", "--no-backup", cwd=site)
    assert stage.state() == before


def test_it_goes_through_memory_alone(site):
    """Whoever would write more than 64 kB into a file here is stopped by the kernel; two megabytes pass through."""
    limited = ["sh", "-c", 'ulimit -f 128; exec "$@"', "sh", sys.executable, "-m", "kraftwerk", "copy"]
    done = subprocess.run(
        [*limited, "--to", "staging", "--yes"], cwd=site, capture_output=True, text=True, timeout=100, check=False
    )
    assert "24/24 files" in done.stdout, done.stderr
    assert same(stage) == live.state()


def test_some_services_alone(site):
    rows = stage.state().partition("./")[0]
    output = copy(site, "--only", "files", "--yes")
    assert "✓ 24/24 files" in output and "rows" not in output
    assert stage.state().partition("./")[0] == rows


def test_a_copy_is_anonymized_before_it_is_live(site, anonymized):
    output = copy(site, "--yes")
    assert "It is anonymized before anybody can reach it, by its script for postgres, python manage.py shell" in output
    assert re.search(r"anonymized: postgres \d+ tables \d+ rows · files 14", output)
    assert titles() == {"Page of"}
    assert stage.documents() == 10 and live.documents() == 20
    assert stage.left() == ""


def test_a_hook_that_fails_leaves_everything_old(site, anonymized):
    before = stage.state()
    anonymized("UPDATE nowhere SET title = 'x';")
    output = copy(site, "--yes", code=1)
    assert "the data could not be anonymized: postgres: " in output and 'relation "nowhere" does not exist' in output
    assert f"mysite-staging on {STAGE} still has its old data, all of it" in output
    anonymized(SQL)
    (site / "kraftwerk.yaml").write_text((site / "kraftwerk.yaml").read_text().replace("anonymize.py", "no.py"))
    assert "No such file or directory: 'no.py'" in copy(site, "--yes", code=1)
    assert stage.state() == before
    assert stage.left() == ""


def test_people_s_data_as_it_is_is_a_question(site, anonymized):
    output = copy(site, "--no-anonymize", code=1)
    assert "kraftwerk.yaml says how this data is anonymized" in output and "not confirmed" in output


def test_into_production_its_node_s_name_is_typed(site):
    before = live.state()
    words = ["copy", "--from", "staging", "--to", "production"]
    output = kraftwerk(*words, cwd=site, stdin=f"y\n{STAGE}\n", code=1)
    assert f"Put it into mysite on {LIVE}?" in output and f"Type {LIVE} to go on" in output
    assert live.state() == before


def test_no_development_node_yet(site):
    output = kraftwerk("dump", "--to", "local", cwd=site, code=1)
    assert re.search(r"→ kraftwerk deploy \S+ --env development", output)


def test_safety_dumps_do_not_fill_the_node(site):
    copy(site, "--only", "files", "--yes")
    assert len(stage.on("ls /web/mysite-staging/dump").splitlines()) == 3


def test_a_copy_that_is_killed_at_any_moment_can_be_run_again(site):
    """Each try is killed some lines later than the one before, which left behind what it left."""
    line, code, wanted = 0, -signal.SIGKILL, live.state()
    while code == -signal.SIGKILL:
        line += 2
        stage.sql(f"UPDATE documents_document SET title = 'try {line}'")
        before = stage.state()
        lines, code = killed_at(site, ["copy", "--to", "staging", "--yes"], line)
        wait_for(lambda known=before: stage.state() == known or same(stage) == wanted)
        assert stage.get("/documents/")[0] == 200
    assert code == 0 and line > 12, lines
    assert same(stage) == live.state() == wanted
    assert stage.left() == live.left() == ""
