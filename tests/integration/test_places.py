"""Data that isn't on the site's own node: on another one, and in a server that somebody else set up."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from kraftwerk import local, nodeprogram
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import couchdb_server, redis_keys
from tests.couchdb_server import ask

pytestmark = [pytest.mark.node, pytest.mark.network]
WEB, DB = "places-web", "places-db"
FILL = "CREATE TABLE word (id serial PRIMARY KEY, body text); INSERT INTO word (body) SELECT repeat('ä', n) FROM "
FILL += "generate_series(1, 500) AS n"
SEEN = "SELECT md5(string_agg(word::text, ' ' ORDER BY id)) FROM word"


@pytest.fixture(scope="module")
def nodes(converged):
    """Two nodes: connections to them by name."""
    with ExitStack() as stack:
        for name in (WEB, DB):
            stack.callback(local.destroy, name)
            local.create(name, base=converged)
        yield {name: Connection(get_node(name)) for name in (WEB, DB)}


@pytest.fixture(scope="module")
def shop(nodes, kraftwerk, tmp_path_factory):
    """Run kraftwerk in a project whose database is on the second node; deployed on the first one."""
    work = tmp_path_factory.mktemp("work")
    kraftwerk("init", "shop", "--template", "wsgi", "--with", "postgres,files", cwd=work)
    file = work / "shop" / "kraftwerk.yaml"
    places = f"services: {{postgres: {{node: {DB}}}, redis: {{node: {DB}}}, files: {{}}}}"
    file.write_text(file.read_text().replace("services: [postgres, files]", places))

    def run(*words, **options):
        return kraftwerk(*words, cwd=work / "shop", timeout=300, **options)

    denied = run("deploy", WEB, "--yes", check=False)
    assert denied.returncode == 2
    assert "services.postgres: it lives on places-db, and has no password" in denied.stderr
    for service in ("postgres", "redis"):
        run("config", "set", f"services.{service}.password", "--generate")
    run("deploy", WEB, "--yes")
    run.root = work / "shop"
    return run


@pytest.fixture(scope="module")
def couchdb(nodes, tmp_path_factory):
    """The URL of a server on this machine that speaks CouchDB's API, at the address that nodes reach it by."""
    with couchdb_server.running(tmp_path_factory.mktemp("couchdb"), host="10.77.0.1") as url:
        yield url


def root(connection, command):
    return connection.text(["sh", "-ec", command])


def as_site(connection, sql, name="shop"):
    """Ask as the site does, with the environment that it has."""
    words = ["setpriv", f"--reuid=web-{name}", f"--regid=web-{name}", "--init-groups", f"/web/{name}/exec"]
    return connection.text([*words, "sh", "-c", 'psql -XqAt "$DATABASE_URL" -c "$1"', "sh", sql])


def keys(connection, url):
    """Ask a redis for all keys, with types, times of expiry and digests, from a node."""
    program = redis_keys.looking().encode()
    return json.loads(connection.run(["python3", "-", url, "serial"], input=program).stdout)


def redis_url(connection):
    """Return where the site finds its redis."""
    return nodeprogram.call(connection, "kw_redis.environ", "shop")["REDIS_URL"]


def redis_cli(connection, *words, **options):
    """Run redis-cli as the site's console does."""
    how = nodeprogram.call(connection, "kw_redis.console", "shop")
    environ = [f"{key}={value}" for key, value in how["environ"].items()]
    return connection.run(["env", *environ, *how["argv"], *words], **options).stdout.decode()


def test_the_data_is_on_the_other_node_alone(shop, nodes):
    databases = "cd / && runuser -u postgres -- psql -XqAtl | cut -d'|' -f1"
    assert "shop" in root(nodes[DB], databases).split()
    assert "shop" not in root(nodes[WEB], databases).split()
    assert "web-shop" not in root(nodes[DB], "cut -d: -f1 /etc/passwd").split()
    listening = root(nodes[DB], "ss -Hltn 'sport = 5432' | awk '{print $4}'").split()
    assert sorted(listening) == sorted(["127.0.0.1:5432", "[::1]:5432", f"{nodes[DB].node.host}:5432"])
    allowed = root(nodes[DB], "grep web-shop /etc/postgresql/*/main/pg_hba.conf")
    assert allowed == f'hostssl all "web-shop" {nodes[WEB].node.host}/32 scram-sha-256'
    status = shop("status").stdout
    assert f"postgres on {DB} ✓" in status and f"redis on {DB} ✓" in status
    assert "0 changed" in shop("highstate", DB).stdout


def test_the_password_stands_where_it_must_and_nowhere_else(shop, nodes):
    services = ("postgres", "redis")
    passwords = [shop("config", "get", f"services.{name}.password", "--reveal").stdout.strip() for name in services]
    look = 'grep -rlF -e "$(cat)" /etc /var/lib/kraftwerk /var/log /var/cache /tmp /run /root /web 2>/dev/null; true'
    found = {}
    for name, connection in nodes.items():
        found[name] = connection.run(["sh", "-c", look], input="\n".join(passwords).encode()).stdout.decode()
    file = "/etc/kraftwerk/secrets/shop/services.json"
    assert {name: sorted(text.split()) for name, text in found.items()} == {WEB: [file, "/web/shop/env"], DB: [file]}
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [password for password in passwords if password in running]


def test_a_redis_lets_in_who_has_the_password_and_comes_from_the_site_s_node(shop, nodes):
    url = redis_url(nodes[WEB])
    assert url.startswith("rediss://web-shop:") and f"@{nodes[DB].node.host}:" in url
    words = ["setpriv", "--reuid=web-shop", "--regid=web-shop", "--init-groups", "/web/shop/exec"]
    nodes[WEB].run([*words, "/usr/local/lib/kraftwerk-redis-ping"])
    with pytest.raises(KraftwerkError, match="WRONGPASS"):
        keys(nodes[WEB], url.replace("web-shop:", "web-shop:x"))
    for nobody in (url.replace("web-shop:", "default:"), "rediss://" + url.partition("@")[2]):
        with pytest.raises(KraftwerkError, match=r"WRONGPASS|NOAUTH"):
            keys(nodes[WEB], nobody)
    # This machine, and the redis' own node: addresses that aren't the site's node's.
    host, port = nodes[DB].node.host, int(urlsplit(url).port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=10)
    with pytest.raises(KraftwerkError, match="Connection refused"):
        keys(nodes[DB], url)
    assert root(nodes[DB], "ps -C redis-server -o user=") == "keys-shop"
    with pytest.raises(KraftwerkError, match="NOAUTH"):
        keys(nodes[DB], "unix:///run/redis-shop/redis.sock")


def test_dump_and_load_just_work(shop, nodes, tmp_path):
    as_site(nodes[WEB], FILL)
    before = as_site(nodes[WEB], SEEN)
    assert "errors: 0" in redis_cli(nodes[WEB], "--pipe", input=redis_keys.rich(dbs=False, size=300_000))
    stored = keys(nodes[WEB], redis_url(nodes[WEB]))
    shop("dump", "-o", tmp_path / "shop.kw")
    as_site(nodes[WEB], "DELETE FROM word WHERE id > 7; CREATE TABLE later ()")
    redis_cli(nodes[WEB], "FLUSHDB")
    shop("load", tmp_path / "shop.kw", "--yes", "--no-backup")
    assert as_site(nodes[WEB], SEEN) == before
    assert keys(nodes[WEB], redis_url(nodes[WEB])) == stored != {}
    assert as_site(nodes[WEB], "INSERT INTO word (body) VALUES ('new') RETURNING id") == "501"
    assert as_site(nodes[WEB], "SELECT to_regclass('later') IS NULL") == "t"


def test_servers_that_somebody_else_set_up(shop, nodes, couchdb, tmp_path):
    """The second node plays one: with a user, a password and an address that kraftwerk knows nothing of."""
    address = nodes[WEB].node.host
    root(
        nodes[DB],
        "cd / && runuser -u postgres -- psql -XqAt -c \"CREATE ROLE theirs LOGIN CREATEDB PASSWORD 'hu sh'\" "
        '-c "CREATE DATABASE theirs OWNER theirs"; hba=$(ls /etc/postgresql/*/main/pg_hba.conf); '
        f'echo "hostssl all theirs {address}/32 scram-sha-256" >>"$hba"; systemctl reload postgresql',
    )
    url = f"postgresql://theirs:hu%20sh@{nodes[DB].node.host}:5432/theirs?sslmode=require"
    denied = shop("config", "set", "services.postgres.url", url, "--env", "staging", check=False)
    assert "a password in plain text" in denied.stderr
    for service, secret in (("postgres", url), ("couchdb", couchdb)):
        words = ["config", "set", f"services.{service}.url", "--secret", "--env", "staging"]
        command = [sys.executable, "-m", "kraftwerk", *words]
        subprocess.run(command, cwd=shop.root, input=secret.encode(), check=True, capture_output=True, timeout=60)
    database = f"{couchdb}shop-staging_words"
    ask(database, "PUT")
    ask(f"{database}/hello", "PUT", {"word": "ä" * 500})
    shop("deploy", WEB, "--env", "staging", "--yes")
    status = shop("status", WEB, "--env", "staging").stdout
    assert "postgres elsewhere ✓" in status and "couchdb elsewhere ✓" in status
    as_site(nodes[WEB], FILL, "shop-staging")
    before = as_site(nodes[WEB], SEEN, "shop-staging")
    shop("dump", WEB, "--env", "staging", "-o", tmp_path / "theirs.kw")
    as_site(nodes[WEB], "DROP TABLE word", "shop-staging")
    ask(database, "DELETE")
    shop("load", tmp_path / "theirs.kw", "--to", WEB, "--env", "staging", "--yes", "--no-backup")
    assert as_site(nodes[WEB], SEEN, "shop-staging") == before
    assert ask(f"{database}/hello")["word"] == "ä" * 500
    shop("destroy", WEB, "--env", "staging", "--yes")
    kept = "cd / && runuser -u postgres -- psql -XqAt -d theirs -c 'SELECT count(*) FROM word'"
    assert root(nodes[DB], kept) == "500"
    assert ask(database)["doc_count"] == 1


def test_destroy_leaves_nothing_on_the_other_node(shop, nodes):
    shop("destroy", WEB, "--yes")
    left = root(
        nodes[DB],
        "cd /; runuser -u postgres -- psql -XqAt -c 'SELECT rolname FROM pg_roles' -c 'SELECT datname FROM pg_database'"
        "; cat /etc/postgresql/*/main/pg_hba.conf; ls /var/lib/kraftwerk/data /etc/kraftwerk/secrets"
        "; cut -d: -f1 /etc/passwd; ls /var/lib /run /etc/systemd/system; nft list tables",
    )
    assert "mysite" in left and "theirs" in left
    assert "shop" not in left
    assert f"{nodes[DB].node.host}:5432" not in root(nodes[DB], "ss -Hltn 'sport = 5432'")
