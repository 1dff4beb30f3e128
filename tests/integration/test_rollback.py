"""Back to an earlier release of a Django site on a real node: its environment, its static files, and its data, too."""

import json
import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kraftwerk import highstate, local, registry, savepoint, steady
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.datasite import Place, kraftwerk
from tests.meanwhile import repeated

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "back-one"
site = Place(NODE)
HASHED = """
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("documents", "0001_initial")]
    operations = [migrations.AddField("document", "note", models.CharField(default="new", max_length=9))]
"""
STATIC = "cd /web/mysite/releases/{number}/staticfiles && ls site.*.css"
# A disk of its own for /web, which something else fills.
FULL = """
mount -t tmpfs -o size=700m tmpfs /mnt && cp -a /web/. /mnt && mount --bind /mnt /web
fallocate -l $(($(df --output=avail -B1 /web | tail -n 1) - 60000000)) /web/mysite/uploads/film
"""


def run(folder, *words, **options):
    return kraftwerk(*words, cwd=folder, **options)


def deploy(folder, *words, **options):
    return run(folder, "deploy", NODE, "--yes", *words, **options)


def releases(folder):
    return {each["number"]: each for each in json.loads(run(folder, "releases", "--json"))}


def colour():
    return site.as_user("printenv", "COLOUR").strip()


@contextmanager
def asked(path):
    """Have a visitor ask for a path again and again; yields the list of the answers' statuses."""
    statuses = []
    with repeated(lambda: statuses.append(site.get(path)[0]), pause=0.01):
        yield statuses


def held(path):
    """Return the manifest of an archive on the node."""
    return json.loads(site.on(f"tar --extract --to-stdout --file {path} manifest.json"))


def is_due(number, live, *commands):
    """Tell whether a release with these release commands would be dumped before, if the live one had the same."""
    instance = replace(registry.instances(get_node(NODE))["mysite"], release=commands)
    return savepoint.is_due(Connection(get_node(NODE)), instance, number, live, {"mysite": instance})


def say(folder, **keys):
    """Have kraftwerk.yaml say more."""
    path = folder / "kraftwerk.yaml"
    text = re.sub(
        r"(?m)^environ: .*", "environ: {DJANGO_SETTINGS_MODULE: mysite.settings, COLOUR: %(colour)s}", path.read_text()
    )
    path.write_text(text % keys)


@pytest.fixture(scope="module")
def folder(converged, tmp_path_factory):
    """A site with two releases; the second, live now, has another environment, another static file and a migration."""
    work = tmp_path_factory.mktemp("back")
    run(work, "init", "mysite", "--template", "django", "--with", "postgres,files")
    root = work / "mysite"
    css = root / "mysite" / "static" / "site.css"
    settings = root / "mysite" / "settings.py"
    local.create(NODE, base=converged)
    try:
        settings.write_text(settings.read_text() + HASHED)
        css.write_text("a { color: blue }")
        say(root, colour="blue")
        deploy(root)
        site.fill()
        css.write_text("a { color: red }")
        say(root, colour="red")
        (root / "documents" / "migrations" / "0002_note.py").write_text(MIGRATION)
        models = root / "documents" / "models.py"
        field = '    note = models.CharField(default="new", max_length=9)\n    class Meta:'
        models.write_text(models.read_text().replace("    class Meta:", field))
        printed = deploy(root)
        assert re.search(r"(?m)^dump ✓ \S+ kB in ", printed), printed
        assert printed.index("dump ✓") < printed.index("migrate ✓ 1")
        yield root
    finally:
        local.destroy(NODE)


def test_what_a_release_migrated_was_saved_before(folder):
    found = releases(folder)
    assert (found[1]["savepoint"], found[2]["migrations"]) == (None, 1)
    assert {**found[2]["savepoint"], "size": 0} == {"live": 1, "before": 2, "size": 0}
    assert site.on("stat -c '%U %a' /web/mysite/dump/release-1-before-2.kw").strip() == "root 600"
    assert "1 migration, dumped before" in run(folder, "releases")


def test_a_release_keeps_its_environment_and_what_it_needs_of_static_files(folder):
    files = [site.on(STATIC.format(number=number)).strip() for number in (1, 2)]
    assert files[0] != files[1]
    assert colour() == "red"
    printed = run(folder, "rollback")
    assert "Release 1 is live again in " in printed
    assert "release 2 applied 1 migrations; the database stays as it is" in printed
    assert colour() == "blue"
    assert [site.get(f"/static/{file}") for file in files] == [(200, b"a { color: blue }"), (200, b"a { color: red }")]
    assert site.get("/static/site.0123456789ab.css")[0] == 404
    kept = site.on("stat -c '%U %G %a' /web/mysite/releases/?/.kraftwerk-env").splitlines()
    assert kept == ["root web-mysite 640"] * 2
    run(folder, "highstate", NODE)
    assert colour() == "blue"  # nothing changed in what its site is to have
    run(folder, "rollback", "2")
    assert colour() == "red"


def test_the_live_release_follows_what_a_highstate_changes_in_its_environment(folder):
    instance = registry.instances(get_node(NODE))["mysite"]
    environ = {**instance.environ, "SHADE": "1000"}
    after = replace(instance, environ=environ, processes={"clock": "exec sleep $SHADE"})
    highstate.converge(get_node(NODE), after)
    assert site.as_user("printenv", "SHADE").strip() == "1000"
    steady.restart(Connection(get_node(NODE)), after, after.units)  # as scale starts what is new
    assert "SHADE" not in site.on("cat /web/mysite/releases/1/.kraftwerk-env")


def test_it_follows_later_where_kraftwerk_was_killed_in_between(folder, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    instance = registry.instances(get_node(NODE))["mysite"]
    environ = {**instance.environ, "SHADE": "2000"}
    with monkeypatch.context() as patched:
        patched.setattr(highstate, "_follow", killed)
        with pytest.raises(KeyboardInterrupt):
            highstate.converge(get_node(NODE), replace(instance, environ=environ))
    assert "SHADE='2000'" in site.on("cat /web/mysite/env")
    assert site.as_user("printenv", "SHADE").strip() == "1000"
    run(folder, "highstate", NODE)
    assert site.as_user("printenv", "SHADE").strip() == "2000"
    assert site.on("ls /var/lib/kraftwerk/follow") == ""


def test_a_rollback_with_data_tells_what_is_lost_and_has_requests_wait(folder):
    site.fill()  # 20 more documents, and their files
    refused = run(folder, "rollback", "--with-data", code=1)
    assert re.search(
        r"lost of what came since \S+ \S+ UTC, when release 1 was live: .*20 rows of public\.documents", refused
    )
    assert re.search(r"uploads stay as they are; 2\d files came or changed since", refused)
    assert "not confirmed" in refused
    assert releases(folder)[2]["state"] == "live"
    with asked("/documents/") as seen:
        printed = run(folder, "rollback", "--with-data", "--yes")
    assert set(seen) <= {200, 503}  # waited, or was asked to come back where that took more than 20 seconds
    assert seen[-1] == 200
    assert "Release 1 is live again in " in printed
    assert site.on("ls -d /etc/sv/mysite-clock || true") == ""  # it had no such worker
    assert site.documents() == 20
    saved = site.on("ls /web/mysite/dump/before-copy-*").strip()
    assert [each["service"] for each in held(saved)["services"]] == ["postgres"]  # uploads stayed, and may be many
    assert "note" not in site.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name LIKE 'documents%'"
    )
    assert {number: each["state"] for number, each in releases(folder).items()} == {1: "live", 2: "rolled-back"}
    back = re.search(r"kraftwerk (load \S+:/web/mysite/dump/before-copy-\S+ .*)", printed)[1]
    run(folder, *back.split(), "--yes", "--no-backup")
    assert site.sql("SELECT count(*) FROM documents_document") == "40"


def test_a_rollback_with_data_needs_something_that_was_saved(folder):
    before = releases(folder)
    assert before[1]["state"] == "live"
    refused = run(folder, "rollback", "2", "--with-data", code=1)
    assert "nothing was saved since release 2 was live" in refused
    assert "kraftwerk rollback 2, which leaves the data as it is" in refused
    assert releases(folder) == before


def test_a_release_that_migrates_nothing_saves_nothing_and_old_ones_go(folder):
    path = folder / "kraftwerk.yaml"
    path.write_text(path.read_text() + "\nkeep: 1\n")
    printed = deploy(folder, "--no-dump")  # release 1 is live, whose tables are those of before
    assert "dump ✓" not in printed
    (folder / "mysite" / "static" / "more.css").write_text("b { color: red }")
    printed = deploy(folder)
    assert "dump ✓" not in printed
    assert not is_due(4, 3, "python manage.py migrate")
    assert is_due(4, 3, "python manage.py migrate", "./schema.sh")  # any file may be what that one reads
    assert not is_due(4, 4, "./schema.sh")
    assert sorted(releases(folder)) == [3, 4]  # and the one that a rollback goes to
    assert site.on("ls /web/mysite/dump | grep release- || true") == ""
    old = site.on("cd /web/mysite/earlier/static && ls site.*.css").split()
    assert len(old) == 2
    assert [site.get(f"/static/{file}")[0] for file in old] == [200, 200]


def test_a_disk_that_is_too_full_is_refused_with_what_fills_it(folder):
    site.on(FULL)
    try:
        refused = deploy(folder, code=1)
    finally:
        site.on("umount /web; umount /mnt")
    assert re.search(r"the disk of back-one is too full: \d+ MB are free below /web, and the release needs \d+ MB|"
                     r"the disk of back-one is too full: \d% is free below /web", refused)  # fmt: skip
    assert re.search(r"most of it is taken by\n *\d+ MB +/web/mysite/uploads\n", refused)
    assert site.get("/health")[0] == 200
    assert max(releases(folder)) == 4


def test_after_a_deploy_that_failed_a_highstate_gives_what_it_was_to_have(folder):
    wsgi = folder / "mysite" / "wsgi.py"
    path = folder / "kraftwerk.yaml"
    works, before = wsgi.read_text(), colour()
    wsgi.write_text("raise RuntimeError('broken')")
    path.write_text(path.read_text().replace(f"COLOUR: {before}", "COLOUR: green"))
    assert "broken" in deploy(folder, code=1)
    assert colour() == before  # it serves on as it was
    run(folder, "highstate", NODE)
    assert colour() == "green"
    wsgi.write_text(works)
    path.write_text(path.read_text().replace("COLOUR: green", "COLOUR: black"))
    hook = folder / "hooks" / "after-switch"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert "after-switch failed" in deploy(folder, code=1)
    assert colour() == "green"  # visitors were led back to it
    run(folder, "highstate", NODE)
    assert colour() == "black"
    assert site.on("ls /var/lib/kraftwerk/follow") == ""
    hook.unlink()


def test_static_files_are_those_of_the_live_release(folder):
    path, wsgi = folder / "kraftwerk.yaml", folder / "mysite" / "wsgi.py"
    known, works = path.read_text(), wsgi.read_text()
    (folder / "extra").mkdir()
    (folder / "extra" / "note.txt").write_text("extra")
    path.write_text(re.sub(r"(?m)^static: .*\n", "", known) + "static: {/static/: collected, /extra/: extra}\n")
    wsgi.write_text("raise RuntimeError('broken')")
    with asked("/static/site.css") as statuses:
        assert "broken" in deploy(folder, code=1)
        assert site.get("/extra/note.txt")[0] == 404  # it is the application's, which knows nothing of it
        wsgi.write_text(works)
        deploy(folder)
        assert site.get("/extra/note.txt") == (200, b"extra")
        assert site.on("cd /web/mysite/current && ls -d collected static* || true").split() == ["collected"]
        path.write_text(known)
        run(folder, "rollback")
        assert site.on("cd /web/mysite/current && ls -d collected static* || true").split() == ["staticfiles"]
        assert site.get("/extra/note.txt")[0] == 404
        assert "/extra/" not in site.on("cat /etc/nginx/kraftwerk/mysite.conf")
        run(folder, "rollback", str(max(releases(folder))))
        assert site.get("/extra/note.txt") == (200, b"extra")
        run(folder, "rollback")
    assert set(statuses) == {200}
    site.on("rm -r /web/mysite/current/.kraftwerk-served")  # as a kraftwerk that knew nothing of it left a release
    assert site.get("/static/site.css")[0] == 200
