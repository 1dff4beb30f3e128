"""init with templates of other people, as users call it: from git, on a terminal, killed, without a network."""

import http.server
import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from kraftwerk import project
from tests.waiting import wait_for

APP = """import os
from flask import Flask

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]

@app.get("/")
def front():
    return "{{ project_name }} is {{ colour }}"
"""
COPIER = "project_name: {type: str}\ncolour: {type: str, choices: [red, blue], default: red}\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TERM", "dumb")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def theirs(tmp_path):
    """A template of copier's in a git repository."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "copier.yml").write_text(COPIER)
    (folder / "app.py.jinja").write_text(APP)
    (folder / "requirements.txt").write_text("flask>=3,<4\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x"), ("tag", "1.0")):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", "-C", folder, *identity, *words], check=True)
    return folder


def init(*words, code=0, **environ):
    done = subprocess.run(
        [sys.executable, "-m", "kraftwerk", "init", *map(str, words)],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def front_page(folder):
    ask = "import app; print(app.app.test_client().get('/').text)"
    command = [folder / ".venv" / "bin" / "python", "-c", ask]
    environ = {**os.environ, "SECRET_KEY": "s"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.network
def test_a_template_in_git_becomes_a_project(here, theirs):
    printed = init("shop", "--template", f"file://{theirs}", "--with", "rq,files", "--data", "colour=blue")
    assert "shop virtualenv is ready (Flask 3." in printed and "source .venv/bin/activate" in printed
    assert front_page(here / "shop") == "shop is blue"
    found = project.parse(here / "shop").instance("production", "blue")
    assert (found.wsgi, set(found.services)) == ("app:app", {"redis", "files"})
    assert (here / "shop" / "pillar" / "production.sls").is_file()


@pytest.mark.network
def test_questions_on_a_terminal(here, theirs):
    """Name, template and then the template's own questions; Enter takes what is suggested."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "kraftwerk", "init"])
    seen = b""
    typed = [("Name [mysite]: ", "My Site"), ("Name [mysite]: ", "shop"), ("Template (", f"file://{theirs}")]
    for prompt, answer in [*typed, ("project_name", ""), ("colour", "\x1b[B")]:
        seen = b""
        while prompt.encode() not in seen:
            seen += os.read(terminal, 4096)
        os.write(terminal, f"{answer}\r".encode())
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:  # the other side is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    assert front_page(here / "shop") == "shop is blue"


def test_what_cannot_be_installed_is_told_and_the_project_kept(here, theirs, tmp_path):
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_CACHE_DIR": str(tmp_path / "cache")}
    printed = init("shop", "--template", theirs, **nowhere)
    assert "shop/.venv isn't complete: no package index in reach" in printed
    assert "shop is written (flask, 2 files)" in printed
    assert (here / "shop" / "kraftwerk.yaml").is_file()


def test_what_is_killed_leaves_nothing_to_be_seen_and_nothing_in_the_way(here, theirs, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (theirs / "copier.yml").write_text(f"{COPIER}_tasks: ['echo begun > {tmp_path}/begun; cat {fifo}']\n")
    command = [sys.executable, "-m", "kraftwerk", "init", "shop", "--template", theirs, "--trust"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as running:
        wait_for((tmp_path / "begun").exists)
        assert not (here / "shop").exists()
        assert "is being made by another kraftwerk init right now" in init("shop", code=1)
        os.killpg(running.pid, signal.SIGKILL)
    (theirs / "copier.yml").write_text(COPIER)
    init("shop", "--template", theirs, UV_OFFLINE="1")
    assert [path.name for path in here.iterdir()] == ["shop"]


def test_a_private_repository(here):
    class Private(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Private) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/web/skeleton.git"
        printed = init("shop", "--template", address, code=1, GIT_ASKPASS="", SSH_ASKPASS="")
        server.shutdown()
    assert f"{address} is private, or there is no such repository: git has no password or key for it" in printed
    assert f"→ git ls-remote {address}" in printed
    assert list(here.iterdir()) == []


def test_a_python_that_is_not_to_be_had(here):
    nowhere = {"UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9", "UV_HTTP_RETRIES": "0"}
    printed = init("shop", "--python", "3.99", code=1, **nowhere)
    assert "Error: " in printed and "3.99" in printed
    assert list(here.iterdir()) == []
