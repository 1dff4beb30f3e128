"""A Django site with rows and uploads on two real nodes: its data travels, and nothing that goes wrong loses any."""

import hashlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from kraftwerk import archive, local, privilege
from kraftwerk.archive import Position
from kraftwerk.manifest import Member, ServiceDump
from kraftwerk.node import get_node
from kraftwerk.transport import Connection

pytestmark = [pytest.mark.node, pytest.mark.network]
BLUE, GREEN = "dump-blue", "dump-green"
USER = "setpriv --reuid=web-mysite --regid=web-mysite --init-groups -- /web/mysite/exec"
DOCUMENTS = f"""
{USER} python manage.py shell -c '
from django.core.files.base import ContentFile
from documents.models import Document
for number in range(20):
    content = ContentFile(bytes(range(256)) * number, name=f"page {{number}} ä.bin")
    Document.objects.create(title=f"Page {{number}} ✓", file=content)
' >/dev/null
"""
ODD = f"""
{USER} python manage.py createsuperuser --noinput --username ada --email ada@example.com
{USER} sh -c 'cd /web/mysite/uploads; mkdir "odd folder"; printf x >"odd folder/new
line"; ln -s "new
line" "odd folder/link"; : >empty; truncate -s 5M sparse; chmod 600 empty'
"""
# Every row of every table as text, every sequence, then every file with its mode, owner and bytes.
STATE = r"""
cd /web/mysite
su postgres -c 'pg_dump --data-only --inserts mysite' | grep -v -e '^--' -e '^SET' -e '^.\(un\)\?restrict'
cd uploads; find . -printf '%p %y %m %u %g %l %s\n' | grep -v '^. d' | sed 's/ 4096$//' | sort
find . -type f -print0 | sort -z | xargs -0r sha256sum
"""


def kraftwerk(*words, code=0, cwd, stdin=""):
    """Run a kraftwerk command as a user would, and return what it printed."""
    command = [sys.executable, "-m", "kraftwerk", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def on(node, script):
    return Connection(get_node(node)).script(script).stdout.decode()


def state(node):
    return on(node, STATE)


def leftovers(node):
    return on(node, "ls -A /web/mysite/dump /web/mysite | grep -e '[.]load' -e '[.]old' -e T || true")


def documents(node):
    """Return how many documents the site lists."""
    connection = http.client.HTTPConnection(get_node(node).host, timeout=10)
    connection.request("GET", "/documents/", headers={"Host": f"mysite.{node}"})
    response = connection.getresponse()
    assert response.status == 200
    return response.read().count(b"/uploads/documents/")


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def site(converged, tmp_path_factory):
    """Deploy the same Django project on two nodes and return its folder."""
    work = tmp_path_factory.mktemp("site")
    kraftwerk("init", "mysite", "--template", "django", "--with", "postgres,files", cwd=work)
    with ExitStack() as stack:
        for node in (BLUE, GREEN):
            stack.callback(local.destroy, node)
            local.create(node, base=converged)
            kraftwerk("deploy", node, "--yes", cwd=work / "mysite")
        on(BLUE, DOCUMENTS + ODD)
        yield work / "mysite"


@pytest.fixture(scope="module")
def first_dump(site, tmp_path_factory):
    """Return the only dump of the filled site that tests share."""
    path = tmp_path_factory.mktemp("dump") / "mysite.kw"
    kraftwerk("dump", BLUE, "-o", path, cwd=site)
    return path


@pytest.fixture
def dumped(first_dump, tmp_path):
    """Return a copy of the dump, to be altered at will."""
    return Path(shutil.copy(first_dump, tmp_path / "mysite.kw"))


def forge(path, target, service, content):
    """Write an archive that is whole in itself, but holds something else for a service."""
    manifest = archive.verify(path)
    old = manifest.service(service)
    member = Member(old.members[0].name, len(content), hashlib.sha256(content).hexdigest())
    services = tuple(replace(one, members=(member,)) if one.service == service else one for one in manifest.services)
    write(replace(manifest, services=services), target, path, {service: content})


def write(manifest, target, path, contents):
    positions = {position.service: position for position in archive.positions(path)}

    def source(service, member):
        content = contents.get(service)
        return _Stream(content if content is not None else _bytes(path, positions[service]))

    archive.write(target, manifest, source)


def _bytes(path, position: Position):
    with archive.reading(path, position) as chunks:
        return b"".join(chunks)


class _Stream:
    def __init__(self, content):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def read(self, size):
        chunk, self.content = self.content[:size], self.content[size:]
        return chunk


def safety_dump(output):
    return Path(re.search(r"safety dump: (\S+)", output)[1])


def test_rows_and_files_are_the_same_on_the_other_node(site, dumped):
    before = state(GREEN)
    output = kraftwerk("load", dumped, "--to", GREEN, cwd=site, stdin=f"{GREEN}\n")
    assert re.search(r"loaded and checked against the manifest ✓ (\d+)/\1 rows, 23/23 files", output)
    assert state(GREEN) == state(BLUE) != before
    assert documents(GREEN) == documents(BLUE) == 20
    assert leftovers(BLUE) == leftovers(GREEN) == ""

    # What the application writes next fits: owners, permissions and sequences are right.
    on(GREEN, f"{USER} python manage.py migrate --check\n{DOCUMENTS}")
    assert documents(GREEN) == 40

    # And what was there before is a command away.
    kraftwerk("load", safety_dump(output), "--to", GREEN, "--yes", "--no-backup", cwd=site)
    assert state(GREEN) == before
    assert documents(GREEN) == 0


def test_the_output_of_a_dump(site):
    output = kraftwerk("dump", BLUE, cwd=site)
    name = re.search(rf"→  (mysite-{BLUE}-\d{{8}}T\d{{4}}(\d\d)?\.kw)  \(", output)[1]
    assert re.match(r"postgres \d+ tables \d+ rows ✓ · files 23 ✓  →", output)
    assert "all checksums right" in kraftwerk("archive", "verify", name, cwd=site)
    (site / name).unlink()


def test_one_service_alone(site, dumped):
    rows = state(GREEN).partition("./")[0]
    output = kraftwerk("load", dumped, "--to", GREEN, "--only", "files", "--yes", cwd=site)
    assert "✓ 23/23 files" in output
    assert state(GREEN).partition("./")[0] == rows
    kraftwerk("load", safety_dump(output), "--to", GREEN, "--yes", "--no-backup", cwd=site)


def test_another_name_than_the_nodes_changes_nothing(site, dumped):
    before = state(GREEN)
    assert "not confirmed" in kraftwerk("load", dumped, "--to", GREEN, cwd=site, stdin=f"{BLUE}\n", code=1)
    assert state(GREEN) == before


def test_an_altered_archive_is_refused_before_anything_is_touched(site, dumped):
    content = bytearray(dumped.read_bytes())
    content[len(content) // 2] ^= 1
    dumped.write_bytes(content)
    output = kraftwerk("load", dumped, "--to", GREEN, "--yes", cwd=site, code=1)
    assert "safety dump" not in output and len(output.splitlines()) == 1


def test_a_service_that_the_project_lacks(site, dumped, tmp_path):
    manifest = archive.verify(dumped)
    redis = ServiceDump("redis", "7.0", (), {"keys": 0})
    more = replace(manifest, order=(*manifest.order, "redis"), services=(*manifest.services, redis))
    write(more, tmp_path / "more.kw", dumped, {})
    output = kraftwerk("load", tmp_path / "more.kw", "--to", GREEN, "--yes", cwd=site, code=1)
    assert f"the archive holds redis, and mysite on {GREEN} has no such service" in output


def test_an_archive_of_another_project_is_a_question(site, dumped, tmp_path):
    manifest = replace(archive.verify(dumped), project="other", instance="other")
    write(manifest, tmp_path / "other.kw", dumped, {})
    output = kraftwerk("load", tmp_path / "other.kw", "--to", GREEN, cwd=site, stdin="n\n", code=1)
    assert f"The archive is of other on {BLUE}. Load it into mysite on {GREEN}?" in output


def test_a_database_that_fails_to_load_leaves_everything_old(site, dumped, tmp_path):
    before = state(GREEN)
    forge(dumped, tmp_path / "bad.kw", "postgres", b"PGDMP is all that is right")
    output = kraftwerk("load", tmp_path / "bad.kw", "--to", GREEN, "--yes", cwd=site, code=1)
    assert "postgres could not be loaded: " in output and "postgres, files still as before" in output
    assert state(GREEN) == before
    assert documents(GREEN) == 0
    assert leftovers(GREEN) == ""


def test_after_a_failure_between_two_services_the_way_back_is_printed(site, dumped, tmp_path):
    before = state(GREEN)
    forge(dumped, tmp_path / "bad.kw", "files", b"no zstd")
    output = kraftwerk("load", tmp_path / "bad.kw", "--to", GREEN, "--yes", cwd=site, code=1)
    assert f"postgres on {GREEN} already new, files still as before" in output
    back = re.search(r"→ kraftwerk (load .*)", output)[1].split()
    kraftwerk(*back, "--yes", "--no-backup", cwd=site)
    assert state(GREEN) == before


def test_counts_that_differ_from_the_manifest(site, dumped, tmp_path):
    manifest = archive.verify(dumped)
    files = replace(manifest.service("files"), counts={**manifest.service("files").counts, "files": 99})
    write(replace(manifest, services=(manifest.services[0], files)), tmp_path / "bad.kw", dumped, {})
    output = kraftwerk("load", tmp_path / "bad.kw", "--to", GREEN, "--yes", cwd=site, code=1)
    assert "does not hold what the manifest says: files 23/99 files" in output
    kraftwerk("load", safety_dump(output), "--to", GREEN, "--yes", "--no-backup", cwd=site)


def start(site, *words):
    command = [sys.executable, "-m", "kraftwerk", *map(str, words)]
    # A session of its own: Ctrl-C on a terminal reaches a whole group, ssh too.
    return subprocess.Popen(command, cwd=site, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_dump_leaves_no_archive_and_the_next_one_cleans_up(site, tmp_path, number):
    path = tmp_path / "mysite.kw"
    running = start(site, "dump", BLUE, "-o", path)
    wait_for(lambda: on(BLUE, "ls /web/mysite/dump"))
    os.killpg(running.pid, number)
    output = running.communicate()[0].decode()
    assert running.returncode == (130 if number == signal.SIGINT else -number), output
    assert not path.exists()
    kraftwerk("dump", BLUE, "-o", path, cwd=site)
    assert leftovers(BLUE) == ""
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "sign", ["test -e /web/mysite/dump/*/files", "pgrep -x pg_restore", "test -e /web/mysite/uploads.load.*"]
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_load_can_be_run_again(site, dumped, sign, number):
    running = start(site, "load", dumped, "--to", GREEN, "--yes", "--no-backup")
    watch = f"until {sign} >/dev/null 2>&1; do :; done & p=$!; (sleep 10; kill $p 2>/dev/null) & wait $p || true"
    on(GREEN, watch)
    os.killpg(running.pid, number)
    running.communicate()
    assert documents(GREEN) in (0, 20)
    kraftwerk("load", dumped, "--to", GREEN, "--yes", "--no-backup", cwd=site)
    assert state(GREEN) == state(BLUE)
    assert leftovers(GREEN) == ""


def test_two_at_once_are_refused(site, tmp_path):
    running = start(site, "dump", BLUE, "-o", tmp_path / "first.kw")
    wait_for(lambda: on(BLUE, "ls /web/mysite/dump"))
    output = kraftwerk("dump", BLUE, "-o", tmp_path / "second.kw", cwd=site, code=1)
    assert f"mysite on {BLUE} is locked by" in output
    assert running.wait(60) == 0
    running.stdout.close()


def test_a_full_disk_here_leaves_no_half_archive(site, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    privilege.run(["mount", "-t", "tmpfs", "-o", f"size=16k,uid={os.getuid()}", "tmpfs", str(small)])
    try:
        assert "No space left on device" in kraftwerk("dump", BLUE, "-o", small / "x.kw", cwd=site, code=1)
        assert list(small.iterdir()) == []
    finally:
        privilege.run(["umount", str(small)])
    assert leftovers(BLUE) == ""


def test_a_full_disk_on_the_node_leaves_the_old_data(site, dumped):
    before = state(GREEN)
    on(GREEN, "mount -t tmpfs -o size=16k tmpfs /web/mysite/dump")
    try:
        output = kraftwerk("load", dumped, "--to", GREEN, "--yes", "--no-backup", cwd=site, code=1)
        assert "could not be uploaded" in output and "No space left on device" in output
    finally:
        on(GREEN, "umount /web/mysite/dump")
    assert state(GREEN) == before
