"""serve: which development server, what it prints, what its environment is, and how requests are passed on."""

import os
from dataclasses import replace
from threading import Event, Timer
from types import SimpleNamespace

import pytest

from kraftwerk import slot, upload
from kraftwerk.deployment import Deployment
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.rollout import Rollout
from kraftwerk.serve import child as childfile
from kraftwerk.serve import environment, framework, front, local, save, tunnel
from kraftwerk.serve.child import Child
from kraftwerk.serve.full import shown
from kraftwerk.serve.log import Log
from kraftwerk.serve.nodelog import COMMON
from kraftwerk.serve.save import light
from kraftwerk.serve.saved import Saved
from kraftwerk.target import Target
from tests.waiting import wait_for


def words(given, folder, *names):
    found = framework.choose(given, folder, names, "127.0.0.1", 4000)
    return found.name, " ".join(found.words)


def test_any_wsgi_application_has_gunicorn(tmp_path):
    name, called = words(Deployment(wsgi="shop"), tmp_path)
    assert name == "gunicorn"
    assert called.startswith("-m gunicorn --bind 127.0.0.1:4000 ") and called.endswith(" shop:application")


def test_frameworks_have_their_own(tmp_path):
    assert words(Deployment(wsgi="shop:create_app()"), tmp_path, "flask") == (
        "Flask",
        "-m flask --app shop:create_app() run --debug --no-reload --host 127.0.0.1 --port 4000",
    )
    (tmp_path / "manage.py").touch()
    assert words(Deployment(wsgi="shop.wsgi"), tmp_path) == ("Django", "manage.py runserver --noreload 127.0.0.1:4000")


def test_asgi_has_uvicorn_and_with_django_its_static_files(tmp_path):
    assert words(Deployment(asgi="shop:app"), tmp_path)[1].endswith(" shop:app")
    (tmp_path / "manage.py").touch()
    found = framework.choose(Deployment(asgi="shop.asgi"), tmp_path, (), "127.0.0.1", 4000)
    assert found.words[-1] == "kraftwerk_django_asgi:application"
    assert found.environ["KRAFTWERK_ASGI"] == "shop.asgi:application"
    assert (framework.SHIMS / "kraftwerk_django_asgi.py").is_file()


INI = """\
[app:main]
use = egg:shop
sqlalchemy.url = sqlite:///%(here)s/shop.sqlite
[server:main]
use = egg:waitress#main
listen = localhost:6543
"""


def test_pyramid_is_served_by_its_ini_at_our_address(tmp_path):
    (tmp_path / "development.ini").write_text(INI)
    scratch = tmp_path / "scratch"
    found = framework.choose(Deployment(wsgi="shop"), tmp_path, ("pyramid",), "127.0.0.1", 4000, scratch)
    assert found.words == ("-m", "pyramid.scripts.pserve", str(scratch / "development.ini"))
    written = found.files[scratch / "development.ini"]
    assert f"here = {tmp_path}" in written and "sqlite:///%(here)s/shop.sqlite" in written
    assert "listen" not in written and "host = 127.0.0.1\nport = 4000" in written


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("Starting development server at http://127.0.0.1:4000/", None),
        ("Quit the server with CONTROL-C.", None),
        ("INFO:werkzeug:Press CTRL+C to quit", None),
        (" * Debugger PIN: 123", None),
        ("[2026-11-21 11:49:16 +0000] [4490] [INFO] Booting worker with pid: 4493", None),
        ("see http://127.0.0.1:4000/admin/", "see http://127.0.0.1:8000/admin/"),
        ("[2026-11-21 11:49:16 +0000] [4490] [ERROR] Exception in worker process", ...),
        ("INFO shop: 3 letters sent", ...),
    ],
)
def test_what_servers_print_is_shown_without_noise_and_with_the_address_that_people_use(line, seen):
    assert framework.translate(line, 4000, 8000) == (line if seen is ... else seen)


def test_the_log_of_a_node_tells_who_speaks():
    assert COMMON.match('- "GET / HTTP/1.1" 200 384 0.01s')
    assert not COMMON.match('10.77.0.1 "GET / HTTP/1.1" 200 384 0.01s')


def test_a_request_is_the_only_one_of_its_connection():
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
    assert front.alone(head, "10.1.1.1") == (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n"
    )
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab"
    assert front.alone(post, "::1").endswith(b"\r\n\r\nab")
    socket = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    assert b"Connection: Upgrade" in front.alone(socket, "::1")


def test_services_without_a_server_are_files_of_the_project(tmp_path):
    found = environment.local(tmp_path, Deployment(services={"files": {}, "postgres": {}}))
    assert found == {
        "UPLOADS_PATH": f"{tmp_path}/uploads",
        "MEDIA_ROOT": f"{tmp_path}/uploads",
        "MEDIA_URL": "/uploads/",
    }
    (tmp_path / "manage.py").touch()
    found = environment.local(tmp_path, Deployment(services={"postgres": {}}))
    assert found == {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}


def test_the_shell_wins_over_the_project_and_a_node_over_both(tmp_path, monkeypatch):
    monkeypatch.setenv("GREETING", "of the shell")
    given = Deployment(environ={"GREETING": "hello", "LEVEL": "1"}, services={"sqlite": {}})
    found = environment.build(tmp_path, given, tmp_path / "venv", {"DATABASE_URL": "postgresql://node"})
    assert (found["GREETING"], found["LEVEL"], found["DATABASE_URL"]) == ("of the shell", "1", "postgresql://node")
    assert found["PATH"].startswith(f"{tmp_path}/venv/bin:")


ENV = """\
COUCHDB_URL=http://web-shop:secret@127.0.0.1:5984/
DATABASE_URL=postgresql://web-shop@%2Fvar%2Frun%2Fpostgresql/shop
MEMCACHED_URL=unix:/run/kraftwerk-memcached/shop.sock
MYSQL_URL='mysql://web-shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4'
REDIS_URL='unix:///run/kraftwerk-redis/shop/redis.sock?db=0'
SECRET_KEY=hidden
UPLOADS_PATH=/web/shop/uploads
"""


def test_variables_of_a_node_lead_there_from_here(tmp_path):
    found = tunnel.leading(ENV)
    assert set(found) == {"COUCHDB_URL", "DATABASE_URL", "MEMCACHED_URL", "MYSQL_URL", "REDIS_URL"}
    servers = [server for value in found.values() for server in tunnel.named(value)]
    assert servers == [
        "127.0.0.1:5984",
        "/var/run/postgresql/.s.PGSQL.5432",
        "/run/kraftwerk-memcached/shop.sock",
        "/run/mysqld/mysqld.sock",
        "/run/kraftwerk-redis/shop/redis.sock",
    ]
    ways = {server: tunnel.way(server, tmp_path, number) for number, server in enumerate(servers)}
    turned = {name: tunnel.turned(value, ways) for name, value in found.items()}
    quoted = str(tmp_path).replace("/", "%2F")
    assert turned["DATABASE_URL"] == f"postgresql://web-shop@{quoted}/shop"
    assert turned["MYSQL_URL"] == f"mysql://web-shop@localhost/shop?unix_socket={tmp_path}/3.sock&charset=utf8mb4"
    assert turned["REDIS_URL"] == f"unix://{tmp_path}/4.sock?db=0"
    assert turned["COUCHDB_URL"].startswith("http://web-shop:secret@127.0.0.1:")


def test_what_was_saved_is_told_by_the_rules_of_the_upload(tmp_path):
    for name in ("app.py", "old.py", "kraftwerk.yaml", ".gitignore"):
        (tmp_path / name).write_text("ignored.txt\n")
    (tmp_path / "pillar").mkdir()
    saved = Saved(tmp_path)
    assert saved.changed() == []
    (tmp_path / "app.py").write_text("print(1)\n")
    (tmp_path / "ignored.txt").touch()
    (tmp_path / "old.py").rename(tmp_path / "new.py")
    (tmp_path / "pillar" / "development.sls").touch()
    assert saved.changed() == ["app.py", "new.py", "old.py", "pillar/development.sls"]
    assert saved.changed() == []


def test_what_the_kernel_tells_is_looked_at_alone(tmp_path):
    for name in ("app.py", "kraftwerk.yaml", "folder/one.py", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("ignored.txt\n")
    saved = Saved(tmp_path)
    (tmp_path / "app.py").write_text("print(1)\n")
    (tmp_path / "kraftwerk.yaml").write_text("wsgi: app\n")
    assert saved.changed(["app.py", ".app.py.swp"]) == ["app.py"]  # what an editor writes beside it is gone by then
    (tmp_path / "folder").rename(tmp_path / "other")
    assert saved.changed(["folder", "other"]) == ["folder/one.py", "kraftwerk.yaml", "other/one.py"]
    (tmp_path / "app.py").unlink()
    assert saved.changed(["app.py"]) == ["app.py"]
    (tmp_path / "ignored.txt").touch()
    assert saved.changed(["ignored.txt"]) == []
    (tmp_path / ".gitignore").write_text("")
    assert saved.changed([".gitignore"]) == [".gitignore", "ignored.txt"]


def test_nothing_is_missed_that_is_saved_while_the_first_save_is_followed(tmp_path):
    (tmp_path / "app.py").write_text("print(1)\n")
    saved = Saved(tmp_path)
    (tmp_path / "app.py").write_text("print(12)\n")
    patience = Timer(60, (stop := Event()).set)
    patience.start()
    seen = saved.watch(stop)
    assert next(seen) == ["app.py"]
    (tmp_path / "app.py").write_text("print(123)\n")
    assert next(seen) == ["app.py"]
    patience.cancel()


def test_a_save_waits_for_one_worker_whatever_the_project_says():
    instance = Instance("shop-development", "shop", "development", "shop:application")
    assert light(instance).workers == 1
    assert light(replace(instance, workers=5)).workers == 1


@pytest.mark.parametrize(("scale", "project", "many"), [({}, None, 2), ({}, 5, 5), ({"web": 4}, 5, 4)])
def test_then_as_many_come_as_the_node_was_scaled_to_or_the_project_says(monkeypatch, scale, project, many):
    instance = Instance("shop-development", "shop", "development", "shop:application", scale=scale)
    there = Target(Node("blue", "192.0.2.7", "ssh"), light(instance), None)
    grown = []
    monkeypatch.setattr(slot, "resize", lambda connection, instance, workers: grown.append(workers))
    save.grow(Rollout(SimpleNamespace(instance=lambda *_: replace(instance, workers=project)), there))
    assert grown == [many]


def test_many_files_are_told_by_the_first_ones():
    assert shown(["a", "b"]) == "a, b"
    assert shown(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_a_flask_project_with_a_manage_py_of_its_own_is_no_djangos(tmp_path):
    (tmp_path / "manage.py").write_text("from flask_script import Manager\n")
    assert words(Deployment(wsgi="shop:app"), tmp_path, "flask")[0] == "Flask"


def test_a_developers_own_settings_are_watched_and_never_sent_where_git_ignores_them(tmp_path):
    for name, text in {"app.py": "", "pillar/base.sls": "", ".env": "KEY=1\n", ".gitignore": ".env\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    saved = Saved(tmp_path)
    assert saved.aside == {"pillar/base.sls", ".env"}
    (tmp_path / ".env").unlink()
    assert saved.changed() == [".env"] and ".env" in saved.aside


def test_a_folder_that_goes_while_it_is_looked_at_ends_nothing(tmp_path, monkeypatch):
    (tmp_path / "app.py").touch()
    saved, files, looks = Saved(tmp_path), upload.files, []

    def going(root, tracked):
        looks.append(root)
        if len(looks) == 1:
            raise FileNotFoundError("another branch is checked out")
        return files(root, tracked)

    monkeypatch.setattr(upload, "files", going)
    (tmp_path / "more.py").touch()
    assert saved.changed() == ["more.py"]


def test_a_save_lets_servers_of_services_run_and_waits_for_no_worker(tmp_path, monkeypatch):
    def child(name, *words):
        return Child(name, words or ["sleep", "60"], folder=tmp_path, environ=os.environ, log=Log([]))

    monkeypatch.setattr(childfile, "GRACE", 60)
    busy = "trap 'until test -e done; do sleep 0.05; done; exit' TERM; touch ready; while true; do sleep 0.05; done"
    served = local.Local(tmp_path, local.Choice(), tmp_path, tmp_path, Log([]), web=child("web"))
    served.servers, served.others = [child("redis")], [child("worker", "bash", "-c", busy)]
    try:
        served.start()
        wait_for((tmp_path / "ready").exists)
        web, redis, worker = served.web.pid, served.servers[0].pid, served.others[0].pid
        served.again()
        assert served.web.pid not in (None, web)
        assert not served.turning.done() and served.servers[0].pid == redis  # the worker has its time
        (tmp_path / "done").touch()
        served.turning.result(60)
        assert served.others[0].pid not in (None, worker) and not served.others[0].ended
    finally:
        (tmp_path / "done").touch()
        served.stop()
    assert served.servers[0].pid is None and served.others[0].pid is None
