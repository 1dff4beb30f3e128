"""A Django site with rows and uploads on real nodes: what tests of dumps, loads and copies do with it and ask of it."""

import http.client
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

from kraftwerk import local
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.held import held, locked, waiting
from tests.meanwhile import repeated

DOCUMENTS = """
from django.core.files.base import ContentFile
from documents.models import Document
for number in range(20):
    content = ContentFile(bytes(range(256)) * number, name=f"page {number} ä.bin")
    Document.objects.create(title=f"Page {number} ✓", file=content)
"""
ODD = """
cd /web/{name}/uploads; mkdir "odd folder"; printf x >"odd folder/new
line"; ln -s "new
line" "odd folder/link"; : >empty; truncate -s 5M sparse; chmod 600 empty
"""
# Every row of every table as text, every sequence, then every file with its mode, owner and bytes.
STATE = r"""
cd /web/{name}
su postgres -c 'pg_dump --data-only --inserts {name}' | grep -v -e '^--' -e '^SET' -e '^.\(un\)\?restrict'
cd uploads
find . -printf '%p %y %m %u %g %l %s\n' | grep -v '^. d' | sed -e 's/ 4096$//' -e 's/ web-{name} / user /' | sort
find . -type f -print0 | sort -z | xargs -0r sha256sum
"""
LEFT = """
ls -A /web/{name}/dump | grep -v '^before-copy-' || true
find /web/{name} -mindepth 1 -maxdepth 1 -name '*uploads?*' -o -mindepth 1 -maxdepth 1 -name '.uploads*'
cd /; su postgres -c "psql -XAtc \\"SELECT datname FROM pg_database WHERE datname LIKE '{name}.%'\\""
"""


def kraftwerk(*words, code=0, cwd, stdin=""):
    """Run a kraftwerk command as a user would, and return what it printed."""
    command = [sys.executable, "-m", "kraftwerk", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def start(site, *words):
    """Start a kraftwerk command in a session of its own: Ctrl-C on a terminal reaches a whole group, ssh too."""
    command = [sys.executable, "-u", "-m", "kraftwerk", *map(str, words)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=site, start_new_session=True, **pipes)


def killed_at(site, words, at, number=signal.SIGKILL):
    """Run a kraftwerk command and kill it at a line that it prints; return its lines up to there, and its exit code.

    at: the line's number, or how it begins; a command that never prints it runs to its end.
    """
    running, lines, killed = start(site, "-v", *words), [], False
    with running.stdout as output:
        for text in output:
            lines.append(text.decode())
            if not killed and (len(lines) == at if isinstance(at, int) else lines[-1].startswith(at)):
                os.killpg(running.pid, number)
                killed = True
    return lines, running.wait(180)


def safety_dump(output):
    """Return where a command says that its safety dump is."""
    return re.search(r"safety dump: (\S+)", output)[1]


@contextmanager
def deployed(base, work, filled, *others):
    """Deploy the same Django project on clones of a base, with data on the first one; yields its folder."""
    kraftwerk("init", "mysite", "--template", "django", "--with", "postgres,files", cwd=work)
    with ExitStack() as stack:
        for place in (filled, *others):
            stack.callback(local.destroy, place.node)
            local.create(place.node, base=base)
            kraftwerk("deploy", place.node, "--yes", cwd=work / "mysite")
        filled.fill(odd=True)
        yield work / "mysite"


class Place:
    """An instance on a node."""

    def __init__(self, node, name="mysite"):
        self.node, self.name = node, name

    def on(self, script):
        """Run a shell script there."""
        return Connection(get_node(self.node)).script(script).stdout.decode()

    def as_user(self, *words):
        """Run a command as the instance's user."""
        user = f"web-{self.name}"
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", f"/web/{self.name}/exec"]
        return Connection(get_node(self.node)).run([*become, *words]).stdout.decode()

    def fill(self, *, odd=False):
        """Write 20 more documents, and once odd files."""
        self.as_user("python", "manage.py", "shell", "-c", DOCUMENTS)
        if odd:
            self.as_user("sh", "-ec", ODD.format(name=self.name))

    def state(self):
        """Return all data, and all that matters of it."""
        return self.on(STATE.format(name=self.name))

    def left(self):
        """Return what loads and dumps have left behind."""
        return self.on(LEFT.format(name=self.name)).strip()

    def sql(self, text):
        """Have the database do something."""
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "psql", "-XqAtc", text, self.name]
        return Connection(get_node(self.node)).run(become).stdout.decode().strip()

    def get(self, path, connection=None):
        """Ask the site for a page; returns status and body."""
        connection = connection or http.client.HTTPConnection(get_node(self.node).host, timeout=40)
        connection.request("GET", path, headers={"Host": f"{self.name}.{self.node}"})
        response = connection.getresponse()
        return response.status, response.read()

    def documents(self, connection=None):
        """Return how many documents the site lists."""
        status, page = self.get("/documents/", connection)
        assert status == 200, page[-300:]
        return page.count(b"/uploads/documents/")

    def locked(self):
        """Have nobody read the documents: a dump waits for as long as the block takes."""
        return locked(Connection(get_node(self.node)), "LOCK TABLE documents_document", self.name)

    def waiting(self):
        """Tell whether somebody waits for what is locked."""
        return waiting(Connection(get_node(self.node)))

    def held(self, program, word=""):
        """Have a program there wait at its start: `tests.held.held`."""
        return held(Connection(get_node(self.node)), program, word)

    @contextmanager
    def visited(self, wanted):
        """Have visitors ask for rows and for a file while the block runs; yields the list of what went wrong."""
        wrong, right = [], []
        _, page = self.get("/documents/")
        file = re.search(rb"/uploads/documents/[^\"]+", page)[0].decode()

        def visitor(path, keep, expected):
            connection = http.client.HTTPConnection(get_node(self.node).host, timeout=40)

            def ask():
                try:
                    status, body = self.get(path, connection)
                    fine = status == 200 and expected(body)
                    (right if fine else wrong).append((path, status, body[:80]))
                except (OSError, http.client.HTTPException) as error:
                    wrong.append((path, repr(error)))
                    connection.close()
                if not keep:
                    connection.close()

            return ask

        listed = lambda body: body.count(b"/uploads/documents/") == wanted  # noqa: E731
        kinds = [("/documents/", True, listed), ("/documents/", False, listed), (file, True, bool), (file, False, bool)]
        with repeated(*(visitor(*kind) for kind in kinds), pause=0.005):
            yield wrong
        assert len(right) > 20
