"""Dumps of a real node, to the admin and kept there: interrupted anywhere, and where a disk is full."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from kraftwerk import archive, privilege
from kraftwerk.transport import Connection
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
SQL = """
CREATE TABLE bulk AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 500000) n;
ALTER TABLE bulk OWNER TO "web-mysite"
"""
FILL = f"""
su postgres -c 'psql -q mysite' <<'SQL'
{SQL}
SQL
head -c 60M /dev/urandom >/web/mysite/uploads/film.mp4; chown web-mysite /web/mysite/uploads/film.mp4
"""
RUNNING = "pgrep -f 'pg_dum[p]|zst[d]|ta[r] --create|kw_call' || true"
PARTS = "cd /web/mysite/dump; ls -A"


@pytest.fixture(scope="module")
def site(node, tmp_path_factory):
    """The folder of a project whose instance on the node has rows and uploads."""
    folder = tmp_path_factory.mktemp("site") / "mysite"
    folder.mkdir()
    places = f"environments: {{production: {{nodes: [{node.name}]}}}}"
    (folder / "kraftwerk.yaml").write_text(f"wsgi: mysite.wsgi:application\nservices: [postgres, files]\n{places}\n")
    on(node, FILL)
    return folder


def on(node, script):
    """Return what a script prints on the node."""
    return Connection(node).script(script).stdout.decode()


def command(*words):
    return [sys.executable, "-m", "kraftwerk", *map(str, words)]


def dump(site, *words, code=0):
    """Run `kraftwerk dump` and return what it prints."""
    done = subprocess.run(command("dump", *words), cwd=site, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_each_service_is_told_and_the_whole(site, node, tmp_path):
    printed = dump(site, "-o", tmp_path / "x.kw")
    size = r"\d+ MB in [\d.]+s, [\d.]+ MB/s"
    assert re.search(rf"^postgres 1 table 500,000 rows ✓ [\d.]+s\nfiles 1 ✓ [\d.]+s\n→  \S+x\.kw  \({size}\)$", printed)
    manifest = archive.verify(tmp_path / "x.kw")
    assert [one.consistency for one in manifest.services] == ["one transaction", "each file as it was read"]
    assert (tmp_path / "x.kw").stat().st_mode & 0o777 == 0o600
    record = json.loads(on(node, "cat /var/lib/kraftwerk/dumps/mysite.json"))
    assert record["services"]["postgres"]["counts"]["rows"] == 500000


def test_one_that_the_node_keeps_is_fetched(site, node, tmp_path):
    printed = dump(site, "--on-node")
    where = re.search(r"→  (\S+)  \(", printed)[1]
    subprocess.run(command("archive", "fetch", where, tmp_path), check=True, timeout=60, capture_output=True)
    (path,) = tmp_path.iterdir()
    assert archive.verify(path).instance == "mysite"
    assert on(node, PARTS).split() == [path.name]
    refused = subprocess.run(command("archive", "fetch", where, tmp_path), check=False, timeout=60, capture_output=True)
    assert b"exists already" in refused.stderr
    on(node, "rm /web/mysite/dump/*.kw")


def test_members_are_files_again(site, tmp_path):
    dump(site, "-o", tmp_path / "x.kw")
    words = command("archive", "extract", tmp_path / "x.kw", "--only", "files", "--to", tmp_path / "out")
    subprocess.run(words, check=True, timeout=60, capture_output=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=True, timeout=60)
    unpacked = subprocess.run(
        ["tar", "--zstd", "-tf", tmp_path / "out/files/uploads.tar.zst"], check=True, capture_output=True
    )
    assert b"./film.mp4" in unpacked.stdout
    assert not (tmp_path / "out" / "postgres").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kept", [False, True])
def test_one_that_is_killed_leaves_nothing_but_a_part(site, node, tmp_path, number, kept):
    where = ["--on-node"] if kept else ["-o", tmp_path / "x.kw"]
    for _ in range(2):
        running = subprocess.Popen(command("dump", *where), cwd=site, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        ended = running.poll  # a fast machine may have done it all before anybody looks
        wait_for(lambda ended=ended: on(node, RUNNING) or ended() is not None)
        time.sleep(random.uniform(0, 0.8))  # anywhere in the middle of it
        running.send_signal(number)
        running.communicate(timeout=30)
        wait_for(lambda: not on(node, RUNNING))
    left = {path.name for path in tmp_path.iterdir()} | set(on(node, PARTS).split())
    whole = {name for name in left if not name.startswith(".")}  # where the signal came too late
    assert {name for name in left - whole} <= {".mysite-converged.kw.part", ".mysite.kw.part"}
    on(node, "rm -f /web/mysite/dump/*.kw")
    (tmp_path / "x.kw").unlink(missing_ok=True)
    dump(site, *where)
    assert not [name for name in [*os.listdir(tmp_path), *on(node, PARTS).split()] if name.startswith(".")]
    on(node, "rm -f /web/mysite/dump/*.kw")


@pytest.mark.parametrize(("size", "words"), [("40m", "no room in"), ("64m", "No space left on device")])
def test_a_full_disk_here_is_one_line(site, node, tmp_path, size, words):
    on(node, "echo '{\"size\": 30000000}' >/var/lib/kraftwerk/dumps/mysite.json")  # the last one was smaller
    privilege.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={os.getuid()}", "tmpfs", str(tmp_path)])
    try:
        printed = dump(site, "-o", tmp_path / "x.kw", code=1)
        assert words in printed and "Traceback" not in printed
        assert len([line for line in printed.splitlines() if line.startswith("Error")]) == 1
        assert list(tmp_path.iterdir()) == []
    finally:
        privilege.run(["umount", str(tmp_path)])
    assert on(node, RUNNING) == ""


@pytest.mark.parametrize(("size", "words"), [("20m", "no room: about 30.0 MB are needed"), ("40m", "No space left")])
def test_a_full_disk_on_the_node_is_one_line(site, node, size, words):
    on(node, "echo '{\"size\": 30000000}' >/var/lib/kraftwerk/dumps/mysite.json")
    on(node, f"mount -t tmpfs -o size={size} tmpfs /web/mysite/dump")
    try:
        printed = dump(site, "--on-node", code=1)
        assert words in printed and "Traceback" not in printed
        assert on(node, PARTS) == ""
    finally:
        on(node, "umount /web/mysite/dump")
    assert on(node, RUNNING) == ""
