"""The demo: the first ten minutes with kraftwerk, each command printed and really run, in a home of its own."""

import http.client
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from kraftwerk import local, process, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.paths import private, socket_home

PROJECT = "mysite"
LETTER = "Kraftwerk was here: ✓\n"
UPLOAD = f"""\
from django.core.files.base import ContentFile
from documents.models import Document
Document.objects.create(title="A letter", file=ContentFile({LETTER!r}.encode(), name="letter.txt"))
for number in range(1, 6):
    page = ContentFile(b"x" * 1000 * number, name=f"page-{{number}}.txt")
    Document.objects.create(title=f"Page {{number}}", file=page)
"""
AGAIN = "kraftwerk demo begins anew; kraftwerk demo --clean removes everything"


@dataclass(frozen=True)
class Command:
    """A kraftwerk command of the demo: its words, and whether it runs in the project's folder."""

    words: tuple[str, ...]
    inside: bool = True

    def __str__(self) -> str:
        """Return it as one types it; a script of several lines is shortened to its first."""
        lines = shlex.join(["kraftwerk", *self.words]).split("\n")
        return lines[0] if len(lines) == 1 else f"{lines[0]} …'"


def home() -> Path:
    """Return the demo's own folder, beside the user's own state and never in it."""
    return platformdirs.user_state_path("kraftwerk-demo")


def enter() -> None:
    """Make this process and those that it starts use the demo's home, and no setting of the user's."""
    for name in [name for name in os.environ if name.startswith("KRAFTWERK_")]:
        del os.environ[name]
    os.environ["KRAFTWERK_HOME"] = str(home() / "home")


def node_names(hosts: Path = Path("/etc/hosts")) -> tuple[str, str]:
    """Return the names of the two nodes: blue and green, or others where /etc/hosts has these already."""
    lines = hosts.read_text(errors="replace").splitlines() if hosts.exists() else []
    known = {word for line in lines for word in line.partition("#")[0].split()[1:]}
    prefix = "demo-" if known & {"blue", "green"} else ""
    return f"{prefix}blue", f"{prefix}green"


def first_half(blue: str) -> list[Command]:
    """Return the commands up to the dump."""
    superuser = "python manage.py createsuperuser --noinput --username ada --email ada@example.com"
    return [
        Command(("create-node", blue, "--provider", "local", "--hosts"), inside=False),
        Command(("init", PROJECT, "--template", "django", "--with", "postgres,files"), inside=False),
        Command(("deploy", blue, "--yes")),
        Command(("run", "--", *superuser.split())),
        Command(("run", "--", "python", "manage.py", "shell", "-c", UPLOAD)),
        Command(("dump",)),
    ]


def second_half(green: str, archive: str) -> list[Command]:
    """Return the commands that bring the dump to the second node."""
    return [
        Command(("create-node", green, "--provider", "local", "--hosts")),
        Command(("deploy", green, "--yes")),
        Command(("load", archive, "--to", green, "--yes")),
        Command(("status",)),
    ]


def run() -> tuple[str, list[tuple[str, float]]]:
    """Run the whole demo and return the site's URL, and each command with its seconds.

    What an earlier one left is removed first.

    Raises:
        KraftwerkError: a command failed, or the site on the second node isn't the same as on the first.
    """
    enter()
    clean()
    private(home())
    blue, green = node_names()
    times = list(_run_all(first_half(blue)))
    archive = next((home() / PROJECT).glob("*.kw")).name
    times += _run_all(second_half(green, archive))
    for path in ("/", "/documents/", "/uploads/documents/letter.txt"):
        same(blue, green, path)
    return f"http://{PROJECT}.{green}/", times


def _run_all(commands: Sequence[Command]) -> Iterator[tuple[str, float]]:
    for command in commands:
        start = time.monotonic()
        _run(command)
        if command.words[0] == "init":
            screen.say(f"\n$ cd {PROJECT} && source bin/activate")
        yield str(command), time.monotonic() - start


def _run(command: Command) -> None:
    """Print a command and run it as its own process of this very Python, its output live.

    After Ctrl-C, which reaches it too, it is waited for: it has things to put in order.
    """
    screen.say(f"\n$ {command}")
    sys.stdout.flush()
    folder = home() / PROJECT if command.inside else home()
    argv = [sys.executable, "-m", "kraftwerk", *command.words]
    running = process.popen(argv, stdout=None, cwd=folder)
    try:
        code = running.wait()
    except KeyboardInterrupt:
        running.wait()
        raise
    if code:
        raise KraftwerkError(f"{command} ended with exit code {code}", next_command=AGAIN)


def same(blue: str, green: str, path: str) -> None:
    """Fetch a path of the site from both nodes and print what came.

    Raises:
        KraftwerkError: it isn't a 200 on both, or not the same bytes.
    """
    pages = [fetch(node, path) for node in (blue, green)]
    url = f"http://{PROJECT}.{green}{path}"
    for status, _ in pages:
        if status != http.client.OK:
            raise KraftwerkError(f"{url} answers {status}", next_command=AGAIN)
    contents = [content.replace(blue.encode(), green.encode()) for _, content in pages]
    if contents[0] != contents[1]:
        raise KraftwerkError(f"{url} is not the same as on {blue}", next_command=AGAIN)
    screen.say(f"GET {url}  200, {len(pages[1][1])} bytes, the same as on {blue}")


def fetch(node: str, path: str) -> tuple[int, bytes]:
    """Return the status and content of a path of the site, asked by its name at its node's address."""
    connection = http.client.HTTPConnection(get_node(node).host, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"{PROJECT}.{node}"})
        response = connection.getresponse()
        return response.status, response.read()
    except OSError as error:
        raise KraftwerkError(f"{PROJECT}.{node} does not answer: {error}", next_command=AGAIN) from error
    finally:
        connection.close()


def clean() -> bool:
    """Remove the demo's nodes, their hosts lines and namespaces, and its folder; return whether there was anything.

    Raises:
        KraftwerkError: a node can't be removed; the folder is kept then, so that it can be tried again.
    """
    enter()
    if not home().exists():
        return False
    for name in local.names():
        _run(Command(("destroy-node", name, "--yes"), inside=False))
    for folder in (socket_home(), home()):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
    return True
