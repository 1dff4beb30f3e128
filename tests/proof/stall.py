"""A site with its project here, its node, and the visitors that it has."""

import http.client
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from kraftwerk import localargv
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.proof.visitors import Visitors
from tests.proof.visits import asset
from tests.waiting import wait_for

SOURCE = Path(__file__).parents[1] / "sites" / "stall" / "stall.py"
ROOT = Path(__file__).parents[2]
KEYS = {
    "wsgi": "wsgi: stall\nworkers: 6\nprocesses: {clock: exec sleep 100000}\n",
    "asgi": "asgi: stall:app\nworkers: 2\n",
}
HANG = 600  # seconds that nothing takes
# What a deploy that ended in any way may leave of itself: nothing of this.
LEFT = """
cd /web/{name}
for part in releases/*.part releases/.* .current* slots/.[a-z]* slots/*.standby slots/*.go; do
  case $part in *'*'* | */. | */.. | "slots/$(readlink slots/live)".*) ;; *) [ ! -e "$part" ] || echo "$part" ;; esac
done
for slot in a b; do
  case $(sv status /etc/service/{name}-web-$slot 2>/dev/null) in
    run:*) [ "$(readlink slots/live)" = $slot ] || echo "slot $slot runs" ;;
    *) [ "$(readlink slots/live)" != $slot ] || echo "slot $slot is live and doesn't run" ;;
  esac
done
cd /run/kraftwerk-lock 2>/dev/null || exit 0 # nobody has locked anything since the node started
flock --nonblock {name} true || echo "the lock is held by $(tail -n 1 {name}.owner)"
"""


class Stall:
    """A project in a folder of its own, named by it, and what it is on its node."""

    def __init__(self, root, node, kind="wsgi"):
        self.root, self.node, self.kind, self.version = root, node, kind, 0
        root.mkdir(parents=True)
        (root / "static").mkdir()
        (root / "kraftwerk.yaml").write_text(KEYS[kind] + "static: {/static/: static}\n")
        (root / "requirements.txt").write_text("gunicorn\n")
        self.edit()

    @property
    def name(self):
        return self.root.name

    @property
    def host(self):
        return f"{self.name}.{self.node}"

    @property
    def address(self):
        return get_node(self.node).host

    def edit(self, version=""):
        """Make the next version: its code, its file beside it and its static file say which one it is."""
        self.version += 1
        version = version or f"v{self.version}"
        (self.root / "stall.py").write_text(SOURCE.read_text().replace('VERSION = "none"', f'VERSION = "{version}"'))
        (self.root / "version.txt").write_text(version)
        for old in (self.root / "static").iterdir():
            old.unlink()
        (self.root / asset(version).lstrip("/")).write_text(version)
        return version

    def copy(self, root):
        """Return the same project in another folder, as a colleague has it."""
        shutil.copytree(self.root, root)
        other = object.__new__(type(self))
        other.__dict__ = {**self.__dict__, "root": root}
        return other

    def kraftwerk(self, *words, check=True, cwd=None, **options):
        """Run a kraftwerk command as a user would."""
        command = [sys.executable, "-m", "kraftwerk", *words]
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": HANG, **options}
        done = subprocess.run(command, cwd=cwd or self.root, **options)
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def deploy(self, *words, **options):
        """Put what is in the folder live."""
        return self.kraftwerk("deploy", self.node, "--yes", *words, **options)

    def on(self, script, **options):
        """Run a script on the node."""
        return Connection(get_node(self.node)).script(script, **options).stdout.decode().strip()

    def answer(self, path="/"):
        """Return the status and the words of an answer; 0 where there is none."""
        line = http.client.HTTPConnection(self.address, timeout=10)
        try:
            line.request("GET", path, headers={"Host": self.host})
            response = line.getresponse()
            return response.status, response.read().decode().split()
        except (OSError, http.client.HTTPException) as error:
            return 0, [repr(error)]
        finally:
            line.close()

    def live(self):
        """Return the number of the live release."""
        return int(self.on(f"readlink /web/{self.name}/current").rpartition("/")[2])

    def states(self):
        """Return the state of each release, by number."""
        return {each["number"]: each["state"] for each in json.loads(self.kraftwerk("releases", "--json").stdout)}

    def left(self):
        """Return what is half-done on the node; a slot that is about to stop, or a lock to end, is waited for."""
        found = ""

        def clean():
            nonlocal found
            found = self.on(LEFT.format(name=self.name))
            return not found

        try:
            wait_for(clean, 20)
        except AssertionError:
            return found.splitlines()
        return []

    @contextmanager
    def visited(self, few=False, inside=False):
        """Have visitors while the block runs, in the node itself where they must not need its network."""
        words = [sys.executable, "-m", "tests.proof.visits", self.address, self.host]
        words += ["websocket"] * (self.kind == "asgi") + ["few"] * few
        words = ["ip", "netns", "exec", localargv.link_of(self.address), *words] if inside else words
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        visitors = Visitors(subprocess.Popen(words, cwd=ROOT, **pipes))
        try:
            visitors.more()
            yield visitors
        finally:
            visitors.end()


def said(done):
    """Return the end of what a command printed."""
    return (done.stdout + done.stderr).strip()[-600:]
