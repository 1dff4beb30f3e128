"""init, for real: the project's own tests pass, its migrations are whole, and gunicorn answers 200 from it."""

import os
import platform
import re
import socket
import subprocess
import time

import pytest

from kraftwerk import requirements, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import creation
from kraftwerk.newproject.choice import Choice

pytestmark = pytest.mark.network

CHOICES = [
    Choice("my-site", "wsgi"),
    Choice("my-site", "wsgi", ("sqlite", "files", "memcached", "couchdb", "rq")),
    Choice("my-site", "django"),
    Choice("my-site", "django", ("files", "rq")),
    Choice("my-site", "django", ("mysql", "redis")),
    Choice("my-site", "django", ("postgres", "files")),
    Choice("my-site", "flask", ("postgres", "files", "couchdb", "celery")),
    Choice("my-site", "pyramid", ("mysql", "memcached", "rq")),
]
DJANGO = [choice for choice in CHOICES if choice.template == "django"]
WITH_DATABASE = [choice for choice in CHOICES if choice.variables()["database"] and choice.template != "wsgi"]
# Whether the models are what the migrations make of an empty database.
CHECKS = {
    "django": "python manage.py makemigrations --check && python manage.py check",
    "flask": "flask --app my_site db upgrade && flask --app my_site db check",
    "pyramid": "alembic upgrade head && alembic check",
}


def label(choice):
    return "+".join([choice.template, *choice.wanted])


@pytest.fixture(scope="module", params=CHOICES, ids=label)
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("init")
    patch = pytest.MonkeyPatch()
    patch.setenv("KRAFTWERK_HOME", str(folder / "home"))
    yield creation.create(request.param, folder)
    patch.undo()


def activated(made, command, **environ):
    """Run a shell command as a developer does: from the project's folder, after activate."""
    clean = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return subprocess.run(
        ["bash", "-c", f"source bin/activate && {command}"],
        cwd=made.folder,
        env={**clean, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def is_django(made):
    return (made.folder / "manage.py").exists()


def test_activate_works_from_its_root(made):
    done = activated(made, "type -p python gunicorn && echo $VIRTUAL_ENV")
    root = str(made.folder)
    assert done.stdout.split() == [f"{root}/bin/python", f"{root}/bin/gunicorn", root]
    assert not (made.folder / ".lock").exists()


def test_its_own_tests_pass(made):
    command = "python -W error manage.py test" if is_django(made) else "python -m unittest my_site.tests"
    done = activated(made, command)
    assert done.returncode == 0 and re.search(r"Ran [1-9]\d* test", done.stdout), done.stdout
    assert "Warning" not in done.stdout.replace("UserWarning: pkg_resources", "")  # of Pyramid 2.1 itself


@pytest.mark.parametrize("made", WITH_DATABASE, indirect=True, ids=label)
def test_migrations_are_whole(made):
    kinds = {"manage.py": "django", "alembic.ini": "pyramid"}
    kind = next((kinds[name] for name in kinds if (made.folder / name).exists()), "flask")
    done = activated(made, CHECKS[kind])
    assert done.returncode == 0, done.stdout
    assert "No changes detected" in done.stdout or "No new upgrade operations detected" in done.stdout


def test_gunicorn_answers_200(made, tmp_path):
    """Boot it as a node does: with a SECRET_KEY, a host name and a unix socket."""
    path = tmp_path / "web.sock"
    environ = {**os.environ, "SECRET_KEY": "s" * 50, "ALLOWED_HOSTS": "my-site.blue,example.com", "UPLOADS_PATH": "up"}
    server = subprocess.Popen(
        [made.folder / "bin" / "gunicorn", "--bind", f"unix:{path}", "my_site.wsgi:application"],
        cwd=made.folder,
        env=environ,
        stderr=subprocess.PIPE,
    )
    try:
        answer = ask(path, server)
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert answer.startswith(b"HTTP/1.1 200 OK"), answer
    assert b"my-site works" in answer


def ask(path, server):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET / HTTP/1.1\r\nHost: my-site.blue\r\nConnection: close\r\n\r\n")
                return b"".join(iter(lambda: client.recv(65536), b""))
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.05)
    pytest.fail(f"gunicorn did not come up: {server.stderr.read()}")


@pytest.mark.parametrize("made", [one for one in WITH_DATABASE if one in DJANGO], indirect=True, ids=label)
def test_settings_follow_the_environment(made):
    names = "s.DEBUG, s.ALLOWED_HOSTS, s.STATIC_ROOT, s.MEDIA_ROOT, s.MEDIA_URL, d['HOST'] or d['ENGINE']"
    show = "from django.conf import settings as s; d = s.DATABASES['default']; "
    show += f"print({names}, s.CSRF_TRUSTED_ORIGINS, sep='|')"
    ask_settings = f'DJANGO_SETTINGS_MODULE=my_site.settings python -c "{show}"'
    url = "postgresql://web-my-site@%2Fvar%2Frun%2Fpostgresql/my-site"
    here = activated(made, ask_settings).stdout.strip()
    root = made.folder
    assert here == f"True|[]|{root}/staticfiles|{root}/uploads|/uploads/|django.db.backends.sqlite3|[]"
    node = activated(
        made, ask_settings, SECRET_KEY="x", ALLOWED_HOSTS="a.blue,.b.org", UPLOADS_PATH="/web/u", DATABASE_URL=url
    )
    hosts = "['a.blue', '.b.org']|" + f"{root}/staticfiles|/web/u|/uploads/|/var/run/postgresql"
    assert node.stdout.strip() == f"False|{hosts}|['https://a.blue', 'https://*.b.org']"


def test_what_a_node_would_get(made):
    found = requirements.find(made.folder)
    wanted = virtualenv.resolve(found, platform.python_version())  # a patch version may need more
    assert found.names <= wanted.keys()
    if is_django(made):
        assert wanted["django"].startswith("5.2.")
    mine = subprocess.run(
        [virtualenv.uv_program(), "pip", "freeze", "--python", made.folder / "bin" / "python"],
        capture_output=True,
        text=True,
    )
    assert requirements.diff(requirements.parse_pins(mine.stdout), wanted).lines() == []


PYPROJECT = """[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["flask>=3,<4"]
[dependency-groups]
dev = ["iniconfig"]
"""


@pytest.mark.parametrize("kind", ["requirements.txt", "pyproject.toml", "uv.lock"])
def test_a_nodes_virtualenv(kind, tmp_path, monkeypatch):
    """Run the very commands that deploy runs on a node, in a release whose virtualenv is elsewhere."""
    for name, value in virtualenv.CERTIFICATES.items():  # on a node, uv.toml says it
        monkeypatch.setenv(name, value)
    release, venv = tmp_path / "releases" / "1", tmp_path / "venvs" / "0123"
    release.mkdir(parents=True)
    (release / ".python-version").write_text("3.99\n")
    uv = virtualenv.uv_program()
    if kind == "requirements.txt":
        (release / kind).write_text("-r more.txt\n")
        (release / "more.txt").write_text("flask>=3,<4\n")
    else:
        (release / "pyproject.toml").write_text(PYPROJECT)
    if kind == "uv.lock":
        subprocess.run([uv, "lock", "--quiet", "--directory", release, "--python", "3.11"], check=True, timeout=60)
    before = sorted(path.name for path in release.iterdir())
    found = requirements.find(release)
    assert found.kind == kind
    commands = requirements.build_argv(found, folder=str(release), venv=str(venv), python="3.11", uv=uv)
    for argv in commands:
        subprocess.run(argv, check=True, timeout=120, cwd="/", capture_output=True)
    packages = {path.name.split("-")[0].lower() for path in venv.glob("lib/python*/site-packages/*.dist-info")}
    assert {"flask", "gunicorn", "werkzeug"} <= packages and not {"iniconfig", "shop"} & packages
    assert (venv / requirements.READY).exists()
    assert list(venv.glob("lib/python*/site-packages/flask/__pycache__/app.*.pyc"))
    assert sorted(path.name for path in release.iterdir()) == before
    assert {"flask", "gunicorn"} <= virtualenv.resolve(found, "3.11.2").keys()


def test_requirements_that_cannot_be_met(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    ours = tmp_path / "home" / "templates" / "ours"
    ours.mkdir(parents=True)
    (ours / "requirements.txt").write_text("gunicorn>=23\nflask<0.0.1\n")
    with pytest.raises(KraftwerkError, match="flask") as caught:
        creation.create(Choice("mysite", "ours"), tmp_path)
    assert "\n" not in caught.value.cause
    assert not list(tmp_path.glob("*mysite*"))


def test_no_index_in_reach(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(KraftwerkError, match="no package index in reach, and uv's cache is not enough: "):
        creation.create(Choice("mysite", "wsgi"), tmp_path)
    assert not list(tmp_path.glob("*mysite*"))
