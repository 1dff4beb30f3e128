"""serve, for real: what is saved is seen, mistakes are shown, workers follow, and nothing is left running."""

import os
import signal
import subprocess
import sys

import pytest

from kraftwerk.ports import free_port
from tests.served import ask, serving
from tests.waiting import wait_for

pytestmark = pytest.mark.network

SITE = """\
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{VERSION} {os.environ.get('GREETING')} {environ['HTTP_X_FORWARDED_FOR']}".encode()]

VERSION = "one"
"""
WORKER = """\
import os, time
print("working as one", os.getpid(), flush=True)
time.sleep(600)
"""
KEYS = """\
wsgi: site_of_mine
services: [files]
static: {/static/: assets}
processes: {worker: python worker.py}
"""
READY = "Ctrl-C ends it"


def write(root, **files):
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def served(tmp_path_factory, port):
    root = tmp_path_factory.mktemp("serve") / "shop"
    write(root, **{"site_of_mine.py": SITE, "worker.py": WORKER, "kraftwerk.yaml": KEYS, "requirements.txt": ""})
    write(root, **{"pillar__development.sls": "environ: {GREETING: hello}\n", "assets__site.css": "p {}\n"})
    write(root, uploads__letter="dear reader")
    with serving(root, "--port", str(port), ready=READY) as found:
        yield found


def test_it_answers_in_the_environment_of_development_as_it_is_ready(served, port):
    assert ask(port) == (200, "one hello 127.0.0.1")
    assert f"shop (gunicorn, development) is at http://127.0.0.1:{port}/" in served.log
    assert "web       │" in served.log or "worker    │" in served.log


def test_static_files_and_uploads_are_served_as_nginx_does(served, port):
    assert ask(port, "/static/site.css") == (200, "p {}\n")
    assert ask(port, "/uploads/letter") == (200, "dear reader")
    assert ask(port, "/static/../kraftwerk.yaml")[1].startswith("one")
    served.write("assets/site.css", "p {color: red}\n")
    assert ask(port, "/static/site.css") == (200, "p {color: red}\n")


def test_what_is_saved_is_seen_and_workers_follow(served, port):
    served.write("site_of_mine.py", SITE.replace('"one"', '"two"'))
    served.write("worker.py", WORKER.replace("as one", "as two"))
    served.until(lambda: ask(port)[1].startswith("two"))
    served.wait("worker    │ working as two")


def test_a_mistake_is_shown_where_one_looks_and_ends_nothing(served, port):
    served.write("site_of_mine.py", SITE + "def (\n")
    served.until(lambda: ask(port)[0] == 500)
    status, page = ask(port)
    assert status == 500 and "SyntaxError" in page and "def (" in page
    served.wait("web ended with exit code")
    served.write("site_of_mine.py", SITE.replace('"one"', '"mended"'))
    served.until(lambda: ask(port) == (200, "mended hello 127.0.0.1"))


def test_settings_follow_and_a_mistake_in_them_is_told(served, port):
    served.write("pillar/development.sls", "environ: {GREETING: good evening}\n")
    served.until(lambda: "good evening" in ask(port)[1])
    served.write("kraftwerk.yaml", KEYS + "wrokers: 2\n")
    served.wait("did you mean workers?")
    served.write("kraftwerk.yaml", KEYS)
    served.until(lambda: ask(port)[0] == 200)


def test_a_port_that_is_taken_is_said(served, port):
    words = [sys.executable, "-m", "kraftwerk", "serve", "--port", str(port)]
    done = subprocess.run(words, cwd=served.root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} can't be listened on: Address already in use" in done.stderr


def test_a_command_runs_in_the_same_environment(served):
    words = ["serve", "--", "python", "-c", "import os, sys; print(os.environ['GREETING'], sys.prefix); sys.exit(3)"]
    command = [sys.executable, "-m", "kraftwerk", *words]
    clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=served.root, env=clean, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, f"good evening {served.root / '.venv'}\n")


def workers(served):
    """Return the workers that run, by the numbers that they told."""
    told = [int(line.rsplit(" ", 1)[1]) for line in served.log.splitlines() if "working as" in line]
    return [number for number in told if os.path.exists(f"/proc/{number}")]


def test_ctrl_c_ends_all_of_it(served, port):
    served.until(lambda: len(workers(served)) == 1)
    assert served.end() == 0
    assert workers(served) == [] and ask(port)[0] == 0


def test_nothing_of_a_killed_one_goes_on(served, port):
    with serving(served.root, "--port", str(port), ready=READY) as again:
        again.until(lambda: len(workers(again)) == 1)
        again.end(signal.SIGKILL)
        wait_for(lambda: workers(again) == [])


FRAMEWORKS = {
    "Flask": {
        "requirements.txt": "flask\n",
        "kraftwerk.yaml": "wsgi: app:create_app()\n",
        "app.py": "from flask import Flask\n\ndef create_app():\n    app = Flask('app')\n"
        "    app.add_url_rule('/', view_func=lambda: 'VERSION one')\n    return app\n",
    },
    "Pyramid": {
        "requirements.txt": "pyramid\nwaitress\n",
        "kraftwerk.yaml": "wsgi: app\n",
        "development.ini": "[app:main]\npaste.app_factory = app:main\n"
        "[server:main]\nuse = egg:waitress#main\nlisten = localhost:6543\n",
        "app.py": "from pyramid.config import Configurator\nfrom pyramid.response import Response\n\n"
        "def main(settings, **more):\n    with Configurator(settings=more) as config:\n"
        "        config.add_route('front', '/')\n"
        "        config.add_view(lambda request: Response('VERSION one'), route_name='front')\n"
        "    return config.make_wsgi_app()\n\napplication = main({})\n",
    },
    "uvicorn": {
        "requirements.txt": "",
        "kraftwerk.yaml": "asgi: app:app\n",
        "app.py": "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': b'VERSION one'})\n"
        "    if scope['type'] == 'websocket':\n"
        "        await receive()\n"
        "        await send({'type': 'websocket.accept'})\n"
        "        said = await receive()\n"
        "        await send({'type': 'websocket.send', 'text': said['text'] + ' too'})\n"
        "        await send({'type': 'websocket.close'})\n",
    },
}


def echo(root, port, text):
    """Return what a websocket answers, asked by the package that uvicorn has them from."""
    code = "import sys; from websockets.sync.client import connect\n"
    code += "with connect(sys.argv[1]) as talk: talk.send(sys.argv[2]); print(talk.recv(), end='')"
    command = [root / ".venv" / "bin" / "python", "-c", code, f"ws://127.0.0.1:{port}/", text]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_development_servers_of_frameworks(name, tmp_path):
    port, root = free_port(), tmp_path / "shop"
    write(root, **FRAMEWORKS[name])
    with serving(root, "--port", str(port), ready=READY) as served:
        assert f"shop ({name}, development)" in served.log
        served.until(lambda: ask(port) == (200, "VERSION one"))
        assert name != "uvicorn" or echo(root, port, "hello") == "hello too"
        served.write("app.py", FRAMEWORKS[name]["app.py"].replace("one", "two"))
        served.until(lambda: ask(port) == (200, "VERSION two"))
