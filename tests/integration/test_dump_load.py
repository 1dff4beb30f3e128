"""A Django site with rows and uploads on two real nodes: its data travels, and nothing that goes wrong loses any."""

import hashlib
import os
import re
import shutil
import signal
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from kraftwerk import archive, local, localboot, machine, privilege
from kraftwerk.manifest import Member, ServiceDump
from kraftwerk.paths import share
from tests.datasite import Place, deployed, killed_at, kraftwerk, safety_dump, start
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
BLUE, GREEN = "dump-blue", "dump-green"
blue, green = Place(BLUE), Place(GREEN)


@pytest.fixture(scope="module")
def site(converged, tmp_path_factory):
    """Deploy the same Django project on two nodes and return its folder."""
    with deployed(converged, tmp_path_factory.mktemp("site"), blue, green) as folder:
        yield folder


@pytest.fixture(scope="module")
def first_dump(site, tmp_path_factory):
    """Return the only dump of the filled site that tests share."""
    path = tmp_path_factory.mktemp("dump") / "mysite.kw"
    kraftwerk("dump", BLUE, "-o", path, cwd=site)
    return path


@pytest.fixture(scope="module")
def empty_dump(site, tmp_path_factory):
    """Return a dump of the site as it is after its first deploy."""
    path = tmp_path_factory.mktemp("dump") / "empty.kw"
    kraftwerk("dump", GREEN, "-o", path, cwd=site)
    return path


@pytest.fixture
def dumped(first_dump, empty_dump, tmp_path):
    """Return a copy of the dump, to be altered at will."""
    return Path(shutil.copy(first_dump, tmp_path / "mysite.kw"))


def load(site, path, *words, code=0, stdin=""):
    return kraftwerk("load", path, "--to", GREEN, *words, cwd=site, code=code, stdin=stdin)


def restored(site, saved):
    load(site, saved, "--yes", "--no-backup")


def forge(path, target, service, content):
    """Write an archive that is whole in itself, but holds something else for a service."""
    manifest = archive.verify(path)
    first, *others = manifest.service(service).members
    member = Member(first.name, len(content), hashlib.sha256(content).hexdigest())
    services = tuple(
        replace(one, members=(member, *others)) if one.service == service else one for one in manifest.services
    )
    write(replace(manifest, services=services), target, path, {(service, first.name): content})


def write(manifest, target, path, contents=()):
    """Write an archive with a manifest of our own; bytes that aren't given come from another one."""
    there = {(each.service, each.member.name): each for each in archive.positions(path)}
    given = dict(contents)

    def source(service, member):
        key = service, member.name
        return ExitStack().enter_context(_Given(given[key])) if key in given else archive.reading(path, there[key])

    target.write_bytes(b"".join(archive.written(manifest, source)))


class _Given:
    def __init__(self, content):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def __iter__(self):
        return iter([self.content])


def test_rows_and_files_are_the_same_on_the_other_node(site, dumped):
    before = green.state()
    output = load(site, dumped, stdin=f"{GREEN}\n")
    assert re.search(r"loaded and checked against the manifest ✓ (\d+)/\1 rows, 23/23 files", output)
    assert green.state() == blue.state() != before
    assert green.documents() == blue.documents() == 20
    assert blue.left() == green.left() == ""

    # What the application writes next fits: owners, permissions and sequences are right.
    green.as_user("python", "manage.py", "migrate", "--check")
    green.fill()
    assert green.documents() == 40

    # And what was there before is a command away.
    restored(site, safety_dump(output))
    assert green.state() == before
    assert green.documents() == 0


def test_nobody_notices_a_load(site, dumped):
    load(site, dumped, "--yes", "--no-backup")
    with green.visited(20) as wrong:
        output = load(site, dumped, "--yes", "--no-backup")
    assert wrong == []
    assert re.search(r"switch … ok [\d.]+s     \d+ requests waited, [\d.]+s at most", output)


def test_the_output_of_a_dump(site):
    output = kraftwerk("dump", BLUE, cwd=site)
    name = re.search(rf"→  (mysite-{BLUE}-\d{{8}}T\d{{4}}(\d\d)?\.kw)  \(", output)[1]
    assert re.match(r"postgres \d+ tables \d+ rows ✓ [\d.]+s\nfiles 23 ✓ ", output)
    assert "all checksums right" in kraftwerk("archive", "verify", name, cwd=site)
    (site / name).unlink()


def test_one_service_alone(site, dumped, empty_dump):
    restored(site, empty_dump)
    rows = green.state().partition("./")[0]
    assert "✓ 23/23 files" in load(site, dumped, "--only", "files", "--yes", "--no-backup")
    assert green.state().partition("./")[0] == rows
    assert "leave nothing of postgres, files" in load(site, dumped, "--skip", "postgres", "--skip", "files", code=2)


def test_an_archive_that_a_node_keeps(site):
    kept = re.search(r"→  (\S+)", kraftwerk("dump", BLUE, "--on-node", cwd=site))[1]
    load(site, kept, "--yes", "--no-backup")
    assert green.state() == blue.state()
    assert "there is no such file" in load(site, f"{BLUE}:/web/mysite/dump/no.kw", "--yes", code=2)
    blue.on(f"rm {kept.partition(':')[2]}")


def test_another_name_than_the_nodes_changes_nothing(site, dumped):
    before = green.state()
    assert "not confirmed" in load(site, dumped, stdin=f"{BLUE}\n", code=1)
    assert green.state() == before


def test_an_altered_archive_is_refused_before_anything_is_touched(site, dumped):
    content = bytearray(dumped.read_bytes())
    content[len(content) // 2] ^= 1
    dumped.write_bytes(content)
    output = load(site, dumped, "--yes", code=1)
    error, *further = output.splitlines()
    assert error.startswith(f"Error: {dumped}: ") and [line[:2] for line in further] in ([], ["→ "])


def test_a_service_that_the_project_lacks(site, dumped, tmp_path):
    manifest = archive.verify(dumped)
    redis = ServiceDump("redis", "7.0", (), {"keys": 0})
    more = replace(manifest, order=(*manifest.order, "redis"), services=(*manifest.services, redis))
    write(more, tmp_path / "more.kw", dumped)
    output = load(site, tmp_path / "more.kw", "--yes", code=1)
    assert f"mysite on {BLUE}" in output and "has redis, and" in output and "or --skip redis" in output


def test_an_older_server_is_refused_before_anything_is_touched(site, dumped, tmp_path):
    manifest = archive.verify(dumped)
    newer = replace(manifest.service("postgres"), version="99.1")
    write(replace(manifest, services=(newer, *manifest.services[1:])), tmp_path / "newer.kw", dumped)
    output = load(site, tmp_path / "newer.kw", "--yes", code=1)
    assert re.search(rf"postgres 99\.1, which postgres [\d.]+ on {GREEN} can't read", output)
    assert "safety dump" not in output


def test_an_archive_of_another_project_is_a_question(site, dumped, tmp_path):
    manifest = replace(archive.verify(dumped), project="other", instance="other")
    write(manifest, tmp_path / "other.kw", dumped)
    output = load(site, tmp_path / "other.kw", stdin="n\n", code=1)
    assert re.search(rf"The data is of other on {BLUE}, dumped .* UTC. Put it into mysite on {GREEN}\?", output)


@pytest.mark.parametrize(("service", "content"), [("postgres", b"PGDMP is all that is right"), ("files", b"no zstd")])
def test_a_service_that_fails_to_load_leaves_everything_old(site, dumped, tmp_path, service, content):
    before = green.state()
    forge(dumped, tmp_path / "bad.kw", service, content)
    output = load(site, tmp_path / "bad.kw", "--yes", "--no-backup", code=1)
    assert f"{service} could not be loaded: " in output and f"mysite on {GREEN} still has its old data" in output
    assert green.state() == before
    assert green.get("/documents/")[0] == 200
    assert green.left() == ""


def test_counts_that_differ_from_the_manifest_leave_everything_old(site, dumped, tmp_path):
    before = green.state()
    manifest = archive.verify(dumped)
    files = replace(manifest.service("files"), counts={**manifest.service("files").counts, "files": 99})
    write(replace(manifest, services=(manifest.services[0], files)), tmp_path / "bad.kw", dumped)
    output = load(site, tmp_path / "bad.kw", "--yes", "--no-backup", code=1)
    assert "what was loaded is not what the manifest says: files 23/99 files" in output
    assert green.state() == before
    assert green.left() == ""


def test_after_a_failure_between_two_services_the_way_back_is_printed(site, dumped, empty_dump):
    restored(site, empty_dump)
    before = green.state()
    broken = site / "salt" / "_modules" / "kw_files.py"
    broken.parent.mkdir(parents=True)
    shipped = share("_modules", "kw_files.py").read_text()
    broken.write_text(f"{shipped}\n\ndef activate(instance, token):\n    raise RuntimeError('the disk is gone')\n")
    try:
        output = load(site, dumped, "--yes", code=1)
    finally:
        shutil.rmtree(site / "salt" / "_modules")
    assert f"files: the disk is gone\n       postgres on {GREEN} already new, files still as before" in output
    back = re.search(r"→ kraftwerk (load .*)", output)[1].split()
    kraftwerk(*back, "--yes", "--no-backup", cwd=site)
    assert green.state() == before
    assert green.left() == ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_dump_leaves_no_archive_and_the_next_one_cleans_up(site, tmp_path, number):
    path = tmp_path / "mysite.kw"
    with blue.locked():
        running = start(site, "dump", BLUE, "-o", path)
        wait_for(blue.waiting)
        os.killpg(running.pid, number)
        output = running.communicate()[0].decode()
        assert running.returncode == (130 if number == signal.SIGINT else -number), output
    assert not path.exists()
    kraftwerk("dump", BLUE, "-o", path, cwd=site)
    assert blue.left() == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_load_that_is_killed_at_any_moment_can_be_run_again(site, first_dump, empty_dump):
    """Each try loads the other one of two archives, over what the one before left that was killed some lines earlier.

    A copy is killed at the lines between (test_copy.py).
    """
    archives, states = [first_dump, empty_dump], []
    for path in archives:
        restored(site, path)
        states.append(green.state())
    line, code = -1, -signal.SIGKILL
    while code == -signal.SIGKILL:
        line += 2
        before = states.index(wait_for(lambda: (found := green.state()) in states and found))  # or a swap goes on
        lines, code = killed_at(site, ["load", archives[not before], "--to", GREEN, "--yes", "--no-backup"], line)
        wait_for(lambda: green.state() in states)
        assert green.get("/documents/")[0] == 200
    assert code == 0 and line > 9, lines
    assert states.index(green.state()) != before
    assert green.left() == ""


def other(first_dump, empty_dump):
    """Return the archive that isn't loaded now."""
    return empty_dump if green.documents() else first_dump


@pytest.mark.parametrize("step", ["receive", "postgres"])
def test_ctrl_c_leaves_nothing_behind(site, first_dump, empty_dump, step):
    before = green.state()
    words = ["load", other(first_dump, empty_dump), "--to", GREEN, "--yes", "--no-backup"]
    with green.held("pg_restore", "--dbname="):  # it doesn't get further than that while Ctrl-C is on its way
        assert killed_at(site, words, step, signal.SIGINT)[1] == 130
    assert green.state() == before
    assert green.left() == ""


def test_a_load_whose_program_on_the_node_is_killed(site, first_dump, empty_dump):
    before = green.state()
    with green.held("pg_restore", "--dbname=") as started:
        running = start(site, "load", other(first_dump, empty_dump), "--to", GREEN, "--yes", "--no-backup")
        green.on(f"kill -9 $(ps -o ppid= -p {started()})")
    output = running.communicate(timeout=180)[0].decode()
    assert running.returncode == 1 and f"mysite on {GREEN} still has its old data" in output, output
    assert green.state() == before


def test_a_load_whose_node_loses_power(site, first_dump, empty_dump):
    before, path = green.state(), other(first_dump, empty_dump)
    with green.held("pg_restore", "--dbname=") as started:
        running = start(site, "load", path, "--to", GREEN, "--yes", "--no-backup")
        started()
        localboot.kill(machine.folder_of(GREEN))
        output = running.communicate(timeout=180)[0].decode()
        assert running.returncode == 1, output
        local.start(GREEN)
    wait_for(lambda: green.get("/documents/")[0] == 200)
    assert green.state() == before
    load(site, path, "--yes", "--no-backup")
    assert green.state() != before
    assert green.left() == ""


def test_two_at_once_are_refused(site, tmp_path):
    with blue.locked():
        running = start(site, "dump", BLUE, "-o", tmp_path / "first.kw")
        wait_for(blue.waiting)
        output = kraftwerk("dump", BLUE, "-o", tmp_path / "second.kw", cwd=site, code=1)
        assert f"mysite on {BLUE} is locked by" in output
    assert running.wait(180) == 0
    running.stdout.close()


def test_a_full_disk_here_leaves_no_half_archive(site, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    privilege.run(["mount", "-t", "tmpfs", "-o", f"size=16k,uid={os.getuid()}", "tmpfs", str(small)])
    try:
        assert "no room" in kraftwerk("dump", BLUE, "-o", small / "x.kw", cwd=site, code=1)
        assert list(small.iterdir()) == []
    finally:
        privilege.run(["umount", str(small)])
    assert blue.left() == ""


def test_a_full_disk_on_the_node_leaves_the_old_data(site, dumped):
    before = green.state()
    green.on("mount -t tmpfs -o size=4k tmpfs /web/mysite/dump")
    try:
        output = load(site, dumped, "--yes", "--no-backup", code=1)
        assert "no room" in output and f"mysite on {GREEN} still has its old data" in output
    finally:
        green.on("umount /web/mysite/dump")
    assert green.state() == before
