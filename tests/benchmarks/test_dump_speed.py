"""How fast a dump is beside what one would type by hand, over the same connection, and what memory it takes.

The hand-made ways are `ssh node pg_dump | zstd >FILE` and `rsync --archive node:uploads/ FOLDER/`. Ours is the whole
of `kraftwerk dump`: the lock, the estimate, counts, checksums and fsync are in it. Rounds alternate; the best counts.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from kraftwerk import argv
from kraftwerk.transport import Connection
from tests.integration.conftest import converged, home, make_shared_node, node  # noqa: F401 - fixtures
from tests.meanwhile import repeated

pytestmark = [pytest.mark.node, pytest.mark.network]
ROUNDS = 4
RATIO = 0.9  # of the hand-made way's speed, at least
MEMORY = 100  # MB of peak on either end, at most
REGISTRY = "/var/lib/kraftwerk/instances/mysite.json"
ROWS = """
CREATE TABLE bulk AS SELECT n AS id, 'user' || n || '@example.com' AS mail, md5(n::text) || md5((n + 1)::text) AS token,
  now() - n * interval '1 second' AS at, repeat('lorem ipsum dolor ' || (n % 97), 6) AS body
FROM generate_series(1, 3500000) n;
ALTER TABLE bulk ADD PRIMARY KEY (id);
ALTER TABLE bulk OWNER TO "web-mysite"
"""
FILL = f"""
su postgres -c 'psql -q mysite' <<'SQL'
{ROWS}
SQL
cd /web/mysite/uploads
for number in $(seq 1000); do head -c 1M /dev/urandom >$number.jpg; done
chown web-mysite *
"""


@pytest.fixture(scope="module")
def connection(node):  # noqa: F811
    """A way to a node with 1 GB of rows and 1 GB of uploads, over one connection for all."""
    connection = Connection(node)
    connection.script(FILL)
    yield connection
    connection.close()


@pytest.fixture
def project(tmp_path):
    """The folder of a project."""
    folder = tmp_path / "mysite"
    folder.mkdir()
    (folder / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi:application\nservices: [postgres, files]\n")
    return folder


def by_hand(connection, service, folder):
    """Return the seconds of the hand-made way."""
    target = folder / "by-hand"
    flags = [flag for option in connection.options for flag in ("-o", option)]
    ssh = argv.ssh(connection.node, connection.options, ["su", "postgres", "-c", "pg_dump mysite"])
    shell = shlex.join(["ssh", *flags, "-p", str(connection.node.port)])
    source = f"{connection.node.user}@{connection.node.host}:/web/mysite/uploads/"
    words = {
        "postgres": ["bash", "-c", f"set -o pipefail; {shlex.join(ssh)} | zstd -q >{target}"],
        "files": ["rsync", "--archive", f"--rsh={shell}", source, f"{target}/"],
    }[service]
    start = time.perf_counter()
    subprocess.run(words, check=True, timeout=300, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    return seconds


def ours(project, path):
    """Return the seconds of `kraftwerk dump`."""
    words = [sys.executable, "-m", "kraftwerk", "dump", "--output", str(path)]
    start = time.perf_counter()
    subprocess.run(words, cwd=project, stdout=subprocess.DEVNULL, check=True, timeout=300)
    seconds = time.perf_counter() - start
    path.unlink()
    return seconds


class Peaks:
    """The peaks of memory of what a dump runs: a local node's processes are this machine's, too."""

    def __init__(self):
        self.admin, self.node = {}, {}

    def look(self):
        """Take down what runs now; the kernel keeps each process's peak."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, StopIteration):
                self.take(folder)

    def take(self, folder):
        """Take down a process's peak, in MB, if it is one of a dump's."""
        name, words = (folder / "comm").read_text().strip(), (folder / "cmdline").read_text(errors="replace")
        ours = (folder / "ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()
        if ours:
            wanted, end = "\0kraftwerk\0dump\0" in words and name != "ssh", self.admin
        else:
            wanted, end = name in ("pg_dump", "zstd", "tar") or (name == "python3" and "kw_call" in words), self.node
        if wanted:
            lines = (folder / "status").read_text().splitlines()
            peak = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
            end[name] = max(end.get(name, 0), peak)


def told(peaks):
    """Return peaks as text: `54 MB (python3 30, tar 2, zstd 22)`."""
    names = ", ".join(f"{name} {size:.0f}" for name, size in sorted(peaks.items()))
    return f"{sum(peaks.values()):.0f} MB ({names})"


@pytest.mark.parametrize("service", ["postgres", "files"])
def test_a_dump_is_as_fast_as_by_hand(connection, project, tmp_path, service):
    instance = json.loads(connection.text(["cat", REGISTRY]))
    connection.run(["tee", REGISTRY], input=json.dumps({**instance, "services": [service]}).encode())
    hand, own = [], []
    peaks = Peaks()
    with repeated(peaks.look, pause=0.1):
        for number in range(ROUNDS):
            hand.append(by_hand(connection, service, tmp_path))
            own.append(ours(project, tmp_path / f"{number}.kw"))
    ratio = min(hand) / min(own)
    rounds = ", ".join(f"{one:.2f}/{other:.2f}" for one, other in zip(hand, own, strict=True))
    print(f"\n{service}: by hand {min(hand):.2f} s, ours {min(own):.2f} s, ratio {ratio:.2f}; all rounds {rounds}")
    print(f"memory: admin {told(peaks.admin)}, node {told(peaks.node)}; load {os.getloadavg()[0]:.1f}")
    assert peaks.admin and peaks.node
    assert max(sum(peaks.admin.values()), sum(peaks.node.values())) < MEMORY
    assert ratio >= RATIO
