"""Staging and production of one Django project side by side on one real node, each by its own pillar."""

import http.client
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kraftwerk import saltconf, saltssh
from kraftwerk.node import get_node
from kraftwerk.transport import Connection

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "environments"
BASE = """\
caching: {static: 30d, uploads: 1h, pages: {"/": 10m, "/admin/": off, "/about": 1h}}
superusers:
  ada: {email: ada@example.com}
queue: {size: 10, names: {in: mails}}
"""
STAGING = """\
workers: 1
domain: preview.example.com
environ: {LOG_LEVEL: debug}
superusers: {ada: {email: staging@example.com}}
queue: {size: 3}
"""
OWN_STATE = """\
{%- from "project/map.jinja" import instances with context %}
{%- for name, instance in instances.items() if instance.project == "twice" %}

twice/queue/{{ name }}:
  file.managed:
    - name: /etc/{{ name }}-queue.conf
    - contents: {{ instance.pillar.queue.names["in"] }} {{ instance.pillar.queue.size }}
{%- endfor %}
"""
OWN_CLEAN = """\
{%- from "project/map.jinja" import removed with context %}
{%- for name, instance in removed.items() if instance.project == "twice" %}

twice/clean/{{ name }}:
  file.absent:
    - name: /etc/{{ name }}-queue.conf
{%- endfor %}
"""
# All that an instance has on its node, but for what its requests write: logs, and the pages that nginx keeps.
SNAPSHOT = """\
i=$1
find /web/$i /etc/kraftwerk/secrets/$i /etc/nginx/kraftwerk/$i.conf /etc/tmpfiles.d/kraftwerk-$i.conf \\
  /etc/$i-queue.conf /etc/sv/$i-web-[ab] /var/lib/kraftwerk/instances/$i.json \\
  -path '*/supervise*' -prune -o -path '*/log/*' -prune -o \\
  -printf '%p %M %u %g %l\\n' -type f -exec sha256sum {} + | sort
getent passwd web-$i
setpriv --reuid=postgres --regid=postgres --init-groups pg_dump $i | grep -v restrict | sha256sum
pgrep -f -o -u web-$i gunicorn
"""
PEOPLE = """\
from django.contrib.auth import get_user_model
print([(each.username, each.email, each.is_superuser, each.last_name) for each in get_user_model().objects.all()])
"""


class Project:
    """The project here, and its two instances on the node."""

    def __init__(self, root, kraftwerk):
        self.root, self.kraftwerk = root, kraftwerk

    def run(self, *words, **options):
        return self.kraftwerk(*words, cwd=self.root, **options).stdout

    def deploy(self, environment="production"):
        return self.run("deploy", NODE, "--yes", "--env", environment)

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def front(self, words):
        """Have the front page say that."""
        page = self.root / "twice" / "templates" / "twice" / "front.html"
        page.write_text("{% extends 'twice/base.html' %}{% block content %}" + words + "{% endblock %}")

    def people(self, environment="production"):
        shell = ("python", "manage.py", "shell", "-v0", "-c", PEOPLE)
        return self.run("run", "--node", NODE, "--env", environment, "--", *shell).strip()


def on(script, *arguments):
    return Connection(get_node(NODE)).script(script, *arguments).stdout.decode().strip()


def get(domain, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection(get_node(NODE).host, timeout=10)
    connection.request(method, path, headers={"Host": domain, **headers})
    response = connection.getresponse()
    response.text = response.read().decode()
    return response


def cached(*arguments, **headers):
    return get(*arguments, **headers).getheader("X-Cache")


@pytest.fixture(scope="module")
def project(converged, make_shared_node, tmp_path_factory):
    """The project, deployed in both environments; `first` is what production's deploy printed."""

    def kraftwerk(*words, check=True, **options):
        command = [sys.executable, "-m", "kraftwerk", *words]
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 200, **options}
        done = subprocess.run(command, **options)
        assert not check or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done

    make_shared_node(NODE, base=converged)
    folder = tmp_path_factory.mktemp("environments")
    kraftwerk("init", "twice", "--template", "django", "--with", "postgres,files", cwd=folder)
    made = Project(folder / "twice", kraftwerk)
    for name, text in (("pillar/base.sls", BASE), ("pillar/staging.sls", STAGING)):
        made.write(name, text)
    for name, text in (("salt/twice/init.sls", OWN_STATE), ("salt/twice/clean.sls", OWN_CLEAN)):
        made.write(name, text)
    made.refused = made.kraftwerk("deploy", NODE, "--yes", cwd=made.root, check=False)
    made.run("config", "set", "superusers.ada.password", "--generate", "--base")
    made.front("one")
    made.first = made.deploy()
    made.deploy("staging")
    return made


def test_each_has_its_own_domain_workers_environment_user_and_database(project):
    assert (get(f"twice.{NODE}").status, get("preview.example.com").status) == (200, 200)
    assert get("preview.example.com").text == get(f"twice.{NODE}").text
    assert "--workers 1 " in on("cat /etc/sv/twice-staging-web-a/run")
    assert "--workers 1 " not in on("cat /etc/sv/twice-web-a/run")
    for environment, level in (("production", ""), ("staging", "debug")):
        printed = project.run(
            "run", "--node", NODE, "--env", environment, "--", "sh", "-c", "echo $USER $LOG_LEVEL $DATABASE_URL"
        )
        name = "twice" if environment == "production" else "twice-staging"
        assert printed.split()[0] == f"web-{name}"
        assert (level in printed.split()) is bool(level)
        assert printed.strip().endswith(name)


def test_a_superuser_without_a_password_is_refused_with_the_command_that_makes_one(project):
    assert project.refused.returncode == 2
    assert "superusers.ada: has no password" in project.refused.stderr
    assert "→ kraftwerk config set superusers.ada.password --generate --env production" in project.refused.stderr


def test_superusers_are_made_once_and_stay_as_they_are(project):
    assert "superusers ✓ 1 created" in project.first
    assert project.people("staging") == "[('ada', 'staging@example.com', True, '')]"
    change = "from django.contrib.auth import get_user_model as m; m().objects.update(last_name='Lovelace')"
    project.run("run", "--node", NODE, "--", "python", "manage.py", "shell", "-v0", "-c", change)
    assert "superusers ✓ as it is" in project.deploy()
    assert project.people() == "[('ada', 'ada@example.com', True, 'Lovelace')]"
    password = project.run("config", "get", "superusers.ada.password", "--reveal").strip()
    check = "from django.contrib.auth import authenticate as a; print(bool(a(username='ada', password=input())))"
    shell = ("run", "--node", NODE, "--", "python", "manage.py", "shell", "-v0", "-c", check)
    assert project.run(*shell, stdin=None, input=password + "\n").strip() == "True"
    looked = 'read -r word; grep -rlF "$word" /etc /web /var/log /var/lib/kraftwerk /tmp /run 2>/dev/null || true'
    spilt = project.run(
        "run", "--as", "root", "--node", NODE, "--", "sh", "-c", looked, stdin=None, input=password + "\n"
    )
    assert spilt == ""


def test_browsers_are_told_how_long_to_keep_files(project):
    on("echo hello >/web/twice/uploads/note.txt; chown web-twice:www-data /web/twice/uploads/note.txt")
    assert get(f"twice.{NODE}", "/static/twice/site.css").getheader("Cache-Control") == "max-age=2592000"
    assert get(f"twice.{NODE}", "/uploads/note.txt").getheader("Cache-Control") == "max-age=3600"
    assert get("preview.example.com", "/uploads/note.txt").status == 404


def test_pages_are_kept_for_strangers_only(project):
    domain = "preview.example.com"
    get(domain)
    assert cached(domain) == "HIT"
    assert cached(domain, "/", "HEAD") == "HIT"
    assert cached(domain, Cookie="sessionid=x") == "BYPASS"
    assert cached(domain, Authorization="Basic eA==") == "BYPASS"
    assert cached(domain, "/admin/login/") is None
    assert (cached(domain, "/about"), cached(domain, "/?page=2"), cached(domain, "/?page=3")) == ("MISS",) * 3
    assert get(domain, "/", "POST").getheader("X-Cache") in ("BYPASS", None, "MISS")
    assert oct(int(on("stat -c %a /var/cache/kraftwerk-pages/twice-staging"), 8)) == "0o700"


def test_a_deploy_is_seen_at_once_and_the_other_environment_is_untouched(project):
    before = on(SNAPSHOT, "twice-staging")
    get(f"twice.{NODE}")
    assert cached(f"twice.{NODE}") == "HIT"
    project.front("two")
    project.deploy()
    fresh = get(f"twice.{NODE}")
    assert ("two" in fresh.text, fresh.getheader("X-Cache")) == (True, "MISS")
    assert cached(f"twice.{NODE}") == "HIT"
    project.run("rollback", "--node", NODE)
    assert "one" in get(f"twice.{NODE}").text
    assert "one" in get("preview.example.com").text
    assert on(SNAPSHOT, "twice-staging") == before


def test_a_state_of_the_project_s_own_reads_a_key_of_its_own(project):
    assert on("cat /etc/twice-queue.conf /etc/twice-staging-queue.conf").splitlines() == ["mails 10", "mails 3"]


def test_plain_salt_sees_the_same_pillar_and_states(project):
    folder = saltconf.write().parent
    program = str(Path(sys.executable).with_name("salt-ssh"))

    def plain(function):
        command = [program, "-c", str(folder), "--out=json", NODE, function]
        done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)[NODE]

    pillar = plain("pillar.items")
    assert pillar == saltssh.call(get_node(NODE), "pillar.items")
    assert pillar["kraftwerk"]["instances"]["twice-staging"]["pillar"] == {
        "queue": {"size": 3, "names": {"in": "mails"}}
    }
    assert {"twice/queue/twice", "twice/queue/twice-staging"} <= set(plain("state.show_highstate"))


def test_destroying_staging_leaves_production_as_it_was(project):
    before = on(SNAPSHOT, "twice")
    project.run("destroy", NODE, "--env", "staging", "--yes")
    assert on(SNAPSHOT, "twice") == before
    assert "one" in get(f"twice.{NODE}").text
    assert on("ls -d /etc/twice-staging* /web/twice-staging /var/cache/kraftwerk-pages/* 2>/dev/null || true") == (
        "/var/cache/kraftwerk-pages/twice"
    )
    assert "0 would change" in project.run("highstate", NODE, "--test")


def test_without_pages_to_keep_their_folder_goes_and_nginx_has_no_complaint(project):
    project.write("pillar/base.sls", "caching: {static: 30d}\nqueue: {size: 1, names: {in: x}}\n")
    project.deploy()
    assert cached(f"twice.{NODE}") is None
    assert on("ls /var/cache/kraftwerk-pages") == ""
    assert on("cat /var/log/nginx/twice.error.log; grep -c crit /var/log/nginx/error.log || true") == "0"
