"""What a site, or who made a dump, leaves for root to step into: functions, events, folders without end."""

import io
import subprocess
import sys
import tarfile

import pytest

from kraftwerk import lock, nodeprogram
from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import script
from kraftwerk.transport import Connection

pytestmark = pytest.mark.node
INSTANCE, TOKEN, FOLDER = "rich", "hostile12345", "/tmp/hostile"
# What an administrator's own queries call, in the site's words: whoever runs it leaves a file.
SHADOWS = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.own() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE 'COPY (SELECT current_user) TO PROGRAM ''cat >>/tmp/owned''';
  EXCEPTION WHEN insufficient_privilege THEN END $$;
CREATE FUNCTION public.format(a text, b name, c name) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM evil.own(); RETURN pg_catalog.format(a, b, c); END $$;
CREATE FUNCTION evil.pg_database_size(a name) RETURNS bigint LANGUAGE plpgsql AS
  $$ BEGIN PERFORM evil.own(); RETURN 1; END $$;
CREATE TABLE public.people (name text);
ALTER DATABASE rich SET search_path = evil, pg_catalog, public;
"""
# Rows that give the role that loads them a password, by which any user of the node could log in as it.
DOOR = """
CREATE FUNCTION opened() RETURNS boolean LANGUAGE plpgsql AS
  $$ BEGIN EXECUTE 'ALTER ROLE CURRENT_USER PASSWORD $x$sesame$x$'; RETURN true; END $$;
CREATE TABLE doors (id int CHECK (opened()));
INSERT INTO doors VALUES (1);
"""
TABLE = "CREATE TABLE people (id int);\\nINSERT INTO `people` VALUES (1);\\n"
OLD = "DROP TABLE IF EXISTS people; CREATE OR REPLACE TABLE old (id int); CREATE OR REPLACE VIEW few AS SELECT 1"
EVENTS = {
    "wrong": "DELIMITER ;;\\nCREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT FROM ;;\\nDELIMITER ;\\n",
    "bytes": "SELECT \\377 FROM nowhere;\\n",
}


@pytest.fixture
def node(rich):
    """The node, with an empty folder on it."""
    connection = Connection(rich)
    connection.script('rm -rf "$1" /tmp/owned; mkdir "$1"', FOLDER)
    return connection


def call(node, function, *arguments):
    """Call a function of a service."""
    return nodeprogram.call(node, function, INSTANCE, *arguments, timeout=120)


def as_site(node, *words, **options):
    """Run a program as the site."""
    user = f"web-{INSTANCE}"
    return node.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *words], **options)


def test_an_administrator_calls_nothing_of_a_site_s_own(node):
    as_site(node, "env", "-C", "/", "psql", "-XqAt", "--set=ON_ERROR_STOP=1", "-d", INSTANCE, input=SHADOWS.encode())
    assert call(node, "kw_postgres.inspect", True)["counts"]["rows_by_table"] == {"public.people": 0}
    call(node, "kw_postgres.dump", FOLDER)
    call(node, "kw_postgres.load", FOLDER)
    call(node, "kw_postgres.remnants")
    assert node.run(["cat", "/tmp/owned"], check=False).stdout == b""
    assert call(node, "kw_postgres.drop", "tables") is True


def test_a_dump_gives_nobody_a_password(node):
    as_site(node, "env", "-C", "/", "psql", "-XqAt", "--set=ON_ERROR_STOP=1", "-d", INSTANCE, input=DOOR.encode())
    ask = """cd /; runuser -u postgres -- psql -XqAt -c "ALTER ROLE \\"web-$1\\" $2" -c \
        "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'web-$1'" """
    assert node.script(ask, INSTANCE, "PASSWORD NULL").stdout == b"t\n"
    call(node, "kw_postgres.dump", FOLDER)
    assert call(node, "kw_postgres.load", FOLDER)["rows"] == 1
    assert node.script(ask, INSTANCE, "LOGIN").stdout == b"t\n"
    assert call(node, "kw_postgres.drop", "tables") is True


def test_a_role_that_another_s_dump_named_first_may_log_in(node):
    node.script("""cd /; runuser -u postgres -- psql -XqAt -c "ALTER ROLE \\"web-$1\\" NOLOGIN" """, INSTANCE)
    assert call(node, "kw_postgres.create") == ["login"]
    assert call(node, "kw_postgres.health")["ok"] is True


@pytest.mark.parametrize("kind", EVENTS)
def test_a_dump_whose_events_can_not_be_made_leaves_the_old_data(node, kind):
    node.script(
        'cd "$1"; printf "$2" | zstd -q -o mysql.sql.zst; printf "$3" >mysql.events.sql', FOLDER, TABLE, EVENTS[kind]
    )
    as_site(node, "mariadb", INSTANCE, "-e", OLD)
    call(node, "kw_mysql.prepare", FOLDER, TOKEN)
    with pytest.raises(KraftwerkError, match="mariadb: ERROR"):
        call(node, "kw_mysql.activate", TOKEN)
    call(node, "kw_mysql.discard", TOKEN)
    counts = call(node, "kw_mysql.inspect")["counts"]
    assert (counts["rows_by_table"], counts["objects"]["views"]) == ({"old": 0}, 1)
    node.script('printf "$2" | zstd -q -f -o "$1/mysql.sql.zst"; rm "$1/mysql.events.sql"', FOLDER, TABLE)
    assert call(node, "kw_mysql.load", FOLDER)["rows_by_table"] == {"people": 1}


WATCHER = """\
import sys
from kraftwerk import nodeprogram
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
words = (Connection(get_node(sys.argv[1])), "kw_load.watch", *sys.argv[2:4], ["postgres", "files"])
with nodeprogram.start(*words, feeds=True):
    print("watched", flush=True)
    sys.stdin.read()
"""


def test_a_copy_that_isn_t_anonymized_goes_with_who_made_it(node):
    """Whoever runs as the site could read it."""
    for service in ("postgres", "files"):
        call(node, f"kw_{service}.dump", FOLDER)
        call(node, f"kw_{service}.prepare", FOLDER, TOKEN)
    words = [sys.executable, "-c", WATCHER, node.node.name, INSTANCE, TOKEN]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as caller:
        assert caller.stdout.readline() == b"watched\n"
        caller.kill()
    left = 'ls "/web/$1"; runuser -u postgres -- psql -XqAt -l'
    node.script(
        f'cd /; for n in $(seq 600); do ( {left} ) | grep -q "[.]kw[.]" || exit 0; sleep 0.1; done; exit 1', INSTANCE
    )


def test_links_among_uploads_lead_to_the_site_s_own_files_only(node):
    made = 'cd "/web/$0/uploads"; echo mine >own; ln -sf own link; ln -sf /etc/passwd theirs; chmod a+r own'
    as_site(node, "sh", "-c", made, INSTANCE)
    asked = """for name in own link theirs; do
        curl -s -o /dev/null -w '%{http_code} ' -H "Host: $1.test" "http://127.0.0.1/uploads/$name"; done"""
    assert node.script(asked, INSTANCE).stdout == b"200 200 403 "
    node.script('rm /web/"$1"/uploads/*', INSTANCE)


def test_locks_lie_where_no_site_can_put_anything(node):
    node.run(["rm", "-rf", "/run/lock/kraftwerk"])
    as_site(node, "sh", "-c", 'mkdir /run/lock/kraftwerk; ln -s /root/victim "/run/lock/kraftwerk/$0.owner"', INSTANCE)
    with lock.held(node, INSTANCE):
        assert node.run(["test", "-e", "/root/victim"], check=False).returncode
        assert node.run(["stat", "-c", "%U %a", "/run/kraftwerk-lock"]).stdout == b"root 700\n"


@pytest.mark.parametrize("service", ["redis", "memcached"])
def test_root_asks_no_server_that_a_site_leads_it_to(node, service):
    where = f"/run/{service}-{INSTANCE}/{service}.sock"
    as_site(node, "sh", "-c", 'mv "$0" "$0.away"; ln -s /run/mysqld/mysqld.sock "$0"', where)
    with pytest.raises(KraftwerkError, match=f"it isn't web-{INSTANCE} who answers there"):
        call(node, f"kw_{service}.inspect")
    as_site(node, "mv", "-T", f"{where}.away", where)
    assert call(node, f"kw_{service}.inspect")["size"] >= 0


def test_static_files_are_sealed_by_who_owns_them(node):
    """Root would follow a link that their collector puts in a file's place between two looks at it."""
    node.script(
        """cd "/web/$1/releases"; mkdir -p 9/static/a /tmp/hostile/bin; echo x >9/static/a/file; chmod -R 777 9/static
        printf '#!/bin/sh\nid -un >>/tmp/chmod.by; exec /bin/chmod "$@"\n' >/tmp/hostile/bin/chmod
        chown -R "web-$1" 9/static; chmod 755 /tmp/hostile /tmp/hostile/bin /tmp/hostile/bin/chmod
        install -m 666 /dev/null /tmp/chmod.by""",
        INSTANCE,
    )
    node.script(f'PATH="{FOLDER}/bin:$PATH"\n{script("seal")}', INSTANCE, "9", ".", "", "/static/", "static")
    found = node.script('cd "/web/$1/releases/9"; cat /tmp/chmod.by; stat -c "%U %a" static static/a/file', INSTANCE)
    assert found.stdout.decode().split("\n")[:3] == ["web", "web 755", "web 755"]
    node.script('rm -r "/web/$1/releases/9" /tmp/chmod.by', INSTANCE)


def test_folders_without_end_are_removed_again(node):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name in ("db.sqlite3", "/".join(["d"] * 1500) + "/file"):
            archive.addfile(tarfile.TarInfo(name))
    node.run(["sh", "-c", f"zstd -q -o {FOLDER}/sqlite.tar.zst"], input=raw.getvalue())
    for _ in range(2):
        assert call(node, "kw_sqlite.load", FOLDER)["databases"] == 1
    assert call(node, "kw_sqlite.drop", "tables") is True
    left = node.run(["ls", f"/web/{INSTANCE}"]).stdout.decode().split()
    assert [name for name in left if name.startswith("sqlite")] == ["sqlite"]
