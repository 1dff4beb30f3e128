"""Data that isn't on the site's own node: on another one, and in a server that somebody else set up."""

import json
import re
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
from tests.meanwhile import arguments_seen

pytestmark = [pytest.mark.node, pytest.mark.network]
WEB, OTHER, DB = "places-web", "places-other", "places-db"
SERVICES = ("postgres", "redis", "mysql")
FILL = "CREATE TABLE word (id serial PRIMARY KEY, body text); INSERT INTO word (body) SELECT repeat('ä', n) FROM "
FILL += "generate_series(1, 500) AS n"
SEEN = "SELECT md5(string_agg(word::text, ' ' ORDER BY id)) FROM word"
PRICES = """
CREATE TABLE price (id int AUTO_INCREMENT PRIMARY KEY, body varchar(600), cents int, KEY (cents));
INSERT INTO price SELECT seq, repeat('ü', seq), seq FROM seq_1_to_500;
CREATE VIEW cheap AS SELECT * FROM price WHERE cents < 100;
CREATE TRIGGER dear BEFORE INSERT ON price FOR EACH ROW SET NEW.cents = NEW.cents + 1;
"""
PRICED = "SELECT md5(group_concat(id, body, cents ORDER BY id)), (SELECT count(*) FROM cheap) FROM price"
# What a driver of Python makes of the address: how it is encrypted. Django and SQLAlchemy hand the query over so.
DRIVER = """
import importlib, os, sys
from urllib.parse import parse_qsl, unquote, urlsplit
url = urlsplit(os.environ["MYSQL_URL"])
found = {"host": url.hostname, "port": url.port, "user": url.username, "password": unquote(url.password)}
found |= {"database": url.path[1:], **dict(parse_qsl(url.query))}
cursor = importlib.import_module(sys.argv[1]).connect(**found).cursor()
cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
print(cursor.fetchone()[1])
"""


@pytest.fixture(scope="module")
def nodes(stocked):
    """Three nodes that have every service's packages: connections to them by name."""
    with ExitStack() as stack:
        for name in (WEB, OTHER, DB):
            stack.callback(local.destroy, name)
            local.create(name, base=stocked)
        found = {name: Connection(get_node(name)) for name in (WEB, OTHER, DB)}
        for connection in found.values():
            connection.run(["systemctl", "is-system-running", "--wait"], check=False)
        yield found


@pytest.fixture(scope="module")
def arguments():
    """What stood in the arguments of all processes while kraftwerk ran."""
    return set()


@pytest.fixture(scope="module")
def project(kraftwerk, arguments, tmp_path_factory):
    """Make a project with data on the second node: a function that runs kraftwerk in it."""
    work = tmp_path_factory.mktemp("work")

    def make(name, *services):
        kraftwerk("init", name, "--template", "wsgi", "--with", "postgres,files", cwd=work)

        def run(*words, **options):
            with arguments_seen() as seen:
                answer = kraftwerk(*words, cwd=work / name, timeout=300, **options)
            arguments.update(seen)
            return answer

        run.root = work / name
        place(run, {service: f"{{node: {DB}}}" for service in services})
        return run

    return make


def place(run, services):
    """Say where a project's services live."""
    file = run.root / "kraftwerk.yaml"
    named = ", ".join(f"{name}: {where}" for name, where in {**services, "files": "{}"}.items())
    file.write_text(re.sub(r"(?m)^services: .*", f"services: {{{named}}}", file.read_text()))


@pytest.fixture(scope="module")
def shop(nodes, project):
    """Run kraftwerk in a project whose databases are on the second node; deployed on the first one."""
    run = project("shop", *SERVICES)
    denied = run("deploy", WEB, "--yes", check=False)
    assert denied.returncode == 2
    assert "it lives on places-db, and has no password" in denied.stderr
    for service in SERVICES:
        run("config", "set", f"services.{service}.password", "--generate")
    run("deploy", WEB, "--yes")
    return run


@pytest.fixture(scope="module")
def couchdb(nodes, tmp_path_factory):
    """The URL of a server on this machine that speaks CouchDB's API, at the address that nodes reach it by."""
    with couchdb_server.running(tmp_path_factory.mktemp("couchdb"), host="10.77.0.1") as url:
        yield url


def root(connection, command):
    return connection.text(["sh", "-ec", command])


def in_site(connection, *words, name="shop", **options):
    """Run a command as the site does, with the environment that it has."""
    first = ["setpriv", f"--reuid=web-{name}", f"--regid=web-{name}", "--init-groups", f"/web/{name}/exec"]
    return connection.run([*first, *words], **options).stdout.decode().strip()


def as_site(connection, sql, name="shop"):
    return in_site(connection, "sh", "-c", 'psql -XqAt "$DATABASE_URL" -c "$1"', "sh", sql, name=name)


def mysql(connection, sql, *options, name="shop"):
    words = ["--no-defaults", "--ssl", "--loose-ssl-verify-server-cert=0", *options]
    command = 'sql=$1; shift; mariadb "$@" -N --user="$MYSQL_USER" "$MYSQL_DATABASE" -e "$sql"'
    return in_site(connection, "sh", "-c", command, "sh", sql, *words, name=name)


def keys(connection, url):
    """Ask a redis for all keys, with types, times of expiry and digests, from a node."""
    program = redis_keys.looking().encode()
    return json.loads(connection.run(["python3", "-", url, "serial"], input=program).stdout)


def redis_url(connection):
    """Return where the site finds its redis."""
    return nodeprogram.call(connection, "kw_redis.environ", "shop")["REDIS_URL"]


def console(connection, service, *words, **options):
    """Run what the site's console runs."""
    how = nodeprogram.call(connection, f"kw_{service}.console", "shop")
    environ = [f"{key}={value}" for key, value in how["environ"].items()]
    return connection.run(["env", *environ, *how["argv"], *words], **options).stdout.decode()


def state(connection):
    """Return all that the site has in its databases."""
    return as_site(connection, SEEN), mysql(connection, PRICED), keys(connection, redis_url(connection))


def listening(connection, port):
    return sorted(root(connection, f"ss -Hltn 'sport = {port}' | awk '{{print $4}}'").split())


def test_the_data_is_on_the_other_node_alone(shop, nodes):
    databases = "cd / && runuser -u postgres -- psql -XqAtl | cut -d'|' -f1; mariadb -N -e 'SHOW DATABASES'"
    assert root(nodes[DB], databases).split().count("shop") == 2
    assert "shop" not in root(nodes[WEB], databases).split()
    assert root(nodes[WEB], "ls -d /var/lib/redis-shop 2>/dev/null || true") == ""
    assert "web-shop" not in root(nodes[DB], "cut -d: -f1 /etc/passwd").split()
    address, client = nodes[DB].node.host, nodes[WEB].node.host
    assert listening(nodes[DB], 5432) == sorted(["127.0.0.1:5432", "[::1]:5432", f"{address}:5432"])
    assert listening(nodes[DB], 3306) == [f"{address}:3306"]
    assert listening(nodes[WEB], 3306) == []
    allowed = root(nodes[DB], "grep web-shop /etc/postgresql/*/main/pg_hba.conf")
    assert allowed == f'hostssl all "web-shop" {client}/32 scram-sha-256'
    accounts = root(nodes[DB], "mariadb -N -e \"SELECT host, ssl_type FROM mysql.user WHERE user = 'web-shop'\"")
    assert sorted(accounts.splitlines()) == [f"{client}\tANY", "localhost\t"]
    status = shop("status").stdout
    assert all(f"{service} on {DB} ✓" in status for service in SERVICES)
    assert "0 changed" in shop("highstate", DB).stdout
    assert shop("inspect").returncode == 0


def test_who_gets_in(shop, nodes):
    """The site's node with the password, encrypted, and nobody else."""
    assert as_site(nodes[WEB], "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t|TLSv1.3"
    assert "TLSv1.3" in mysql(nodes[WEB], "SHOW STATUS LIKE 'Ssl_version'")
    # This machine's address isn't the site's node's: the kernel lets it to no port of those.
    for port in (5432, 3306, int(urlsplit(redis_url(nodes[WEB])).port)):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((nodes[DB].node.host, port), timeout=10)
    # Neither does the databases' own node get in, nor who has no password, nor who doesn't encrypt.
    url = in_site(nodes[WEB], "printenv", "DATABASE_URL")
    assert url.endswith("sslmode=require")
    for connection, tried, why in (
        (nodes[DB], url, "no pg_hba.conf entry"),
        (nodes[WEB], url.replace("sslmode=require", "sslmode=disable"), "no pg_hba.conf entry"),
        (nodes[WEB], url.replace("web-shop:", "web-shop:x"), "password authentication failed"),
    ):
        with pytest.raises(KraftwerkError, match=why):
            connection.run(["sh", "-c", 'psql -XqAt "$(cat)" -c "SELECT 1"'], input=tried.encode())
    with pytest.raises(KraftwerkError, match="ERROR 1045"):
        mysql(nodes[WEB], "SELECT 1", "--skip-ssl")
    with pytest.raises(KraftwerkError, match="ERROR 1045"):
        mysql(nodes[WEB], "SELECT 1", "--password=wrong")
    there = ["mariadb", "--no-defaults", "--ssl", "--loose-ssl-verify-server-cert=0", "--user=web-shop"]
    password = shop("config", "get", "services.mysql.password", "--reveal").stdout.strip()
    with pytest.raises(KraftwerkError, match=r"1130|1045"):
        command = 'MYSQL_PWD=$(cat) exec "$@"'
        words = ["sh", "-c", command, "sh", *there, f"--host={nodes[DB].node.host}", "-e", "SELECT 1"]
        nodes[DB].run(words, input=password.encode())


def test_drivers_of_python_encrypt(shop, nodes):
    nodes[WEB].script("apt-get -qq install --no-install-recommends python3-pymysql python3-mysqldb >/dev/null 2>&1")
    for driver in ("pymysql", "MySQLdb"):
        said = in_site(nodes[WEB], "/usr/bin/python3", "-c", DRIVER, driver)
        assert said.startswith("TLSv1"), driver


def test_a_redis_lets_in_who_has_the_password_and_comes_from_the_site_s_node(shop, nodes):
    url = redis_url(nodes[WEB])
    assert url.startswith("rediss://web-shop:") and f"@{nodes[DB].node.host}:" in url
    in_site(nodes[WEB], "/usr/local/lib/kraftwerk-redis-ping")
    with pytest.raises(KraftwerkError, match="WRONGPASS"):
        keys(nodes[WEB], url.replace("web-shop:", "web-shop:x"))
    for nobody in (url.replace("web-shop:", "default:"), "rediss://" + url.partition("@")[2]):
        with pytest.raises(KraftwerkError, match=r"WRONGPASS|NOAUTH"):
            keys(nodes[WEB], nobody)
    with pytest.raises(KraftwerkError, match="Connection refused"):
        keys(nodes[DB], url)
    assert root(nodes[DB], "ps -C redis-server -o user=").split().count("keys-shop") == 1
    with pytest.raises(KraftwerkError, match="NOAUTH"):
        keys(nodes[DB], "unix:///run/redis-shop/redis.sock")


def test_dump_and_load_just_work(shop, nodes, tmp_path):
    as_site(nodes[WEB], FILL)
    console(nodes[WEB], "mysql", input=PRICES.encode())
    assert "errors: 0" in console(nodes[WEB], "redis", "--pipe", input=redis_keys.rich(dbs=False, size=300_000))
    before = state(nodes[WEB])
    shop("dump", "-o", tmp_path / "shop.kw")
    as_site(nodes[WEB], "DELETE FROM word WHERE id > 7; CREATE TABLE later ()")
    mysql(nodes[WEB], "DELETE FROM price WHERE id > 7; DROP VIEW cheap; CREATE TABLE later (x int)")
    console(nodes[WEB], "redis", "FLUSHDB")
    shop("load", tmp_path / "shop.kw", "--yes", "--no-backup")
    assert state(nodes[WEB]) == before
    assert as_site(nodes[WEB], "INSERT INTO word (body) VALUES ('new') RETURNING id") == "501"
    assert as_site(nodes[WEB], "SELECT to_regclass('later') IS NULL") == "t"
    assert mysql(nodes[WEB], "INSERT INTO price (cents) VALUES (1) RETURNING id, cents").split() == ["501", "2"]
    assert mysql(nodes[WEB], "SHOW TABLES").split() == ["cheap", "price"]
    assert "shop~" not in root(nodes[DB], "mariadb -N -e 'SHOW DATABASES'")


def test_backups_are_made_and_proven(shop):
    shop("backup", "create", WEB)
    assert "PASS" in shop("backup", "verify").stdout


def test_two_sites_share_a_node_and_one_of_them_moves_out(shop, project, nodes, tmp_path):
    blog, before = project("blog", "postgres", "mysql"), state(nodes[WEB])
    for service in ("postgres", "mysql"):
        blog("config", "set", f"services.{service}.password", "--generate")
    blog("deploy", OTHER, "--yes")
    as_site(nodes[OTHER], FILL, "blog")
    mysql(nodes[OTHER], PRICES, name="blog")
    words = as_site(nodes[OTHER], SEEN, "blog"), mysql(nodes[OTHER], PRICED, name="blog")
    with pytest.raises(KraftwerkError, match="ERROR 1044"):
        mysql(nodes[OTHER], "USE shop", name="blog")
    assert state(nodes[WEB]) == before

    # From now on its data is to be on its own node.
    blog("dump", "-o", tmp_path / "blog.kw")
    place(blog, {"postgres": "{}", "mysql": "{}"})
    told = blog("deploy", OTHER, "--yes").stderr
    for service in ("postgres", "mysql"):
        assert f"of {service} stays where it is, on {DB}; to take it along: kraftwerk dump before this" in told
    blog("load", tmp_path / "blog.kw", "--yes", "--no-backup")
    local_mysql = in_site(nodes[OTHER], "mariadb", "-N", "blog", "-e", PRICED, name="blog")
    assert (as_site(nodes[OTHER], SEEN, "blog"), local_mysql) == words
    # What it had there is still there, and open to nobody any more.
    rules = root(nodes[DB], "nft list table inet kraftwerk_clients; cat /etc/postgresql/*/main/pg_hba.conf")
    assert nodes[WEB].node.host in rules and nodes[OTHER].node.host not in rules
    assert root(nodes[DB], "mariadb -N blog -e 'SELECT count(*) FROM price'") == "500"
    assert state(nodes[WEB]) == before

    denied = shop("destroy", DB, "--yes", check=False)
    assert f"{DB} has data of shop only, in use by {WEB}" in denied.stderr
    blog("destroy", DB, "--yes")
    left = root(nodes[DB], "mariadb -N -e 'SHOW DATABASES; SELECT user FROM mysql.user'; ls /var/lib/kraftwerk/data")
    assert "blog" not in left and "shop" in left
    assert state(nodes[WEB]) == before
    assert "postgres ✓ · mysql ✓" in blog("status").stdout


def test_the_password_stands_where_it_must_and_nowhere_else(shop, nodes, arguments):
    passwords = [shop("config", "get", f"services.{name}.password", "--reveal").stdout.strip() for name in SERVICES]
    look = "grep -rlF --exclude-dir=apt --exclude-dir=dpkg"
    look += ' -e "$(cat)" /etc /var/lib /var/log /var/cache /tmp /run /root /web /usr/local 2>/dev/null; true'
    found = {}
    for name, connection in nodes.items():
        found[name] = connection.run(["sh", "-c", look], input="\n".join(passwords).encode()).stdout.decode()
    file = "/etc/kraftwerk/secrets/shop/services.json"
    there = {WEB: [file, "/web/shop/env"], DB: [file], OTHER: []}
    kept = "/.kraftwerk-env"  # the same in each release
    assert {
        name: sorted(each for each in text.split() if not each.endswith(kept)) for name, text in found.items()
    } == there
    assert root(nodes[WEB], "stat -c '%a %U:%G' /web/shop/env /etc/kraftwerk/secrets").splitlines() == [
        "640 root:web-shop",
        "700 root:root",
    ]
    assert any(b"pg_dump" in words for words in arguments)
    assert not [words for words in arguments if any(password.encode() in words for password in passwords)]


def test_servers_that_somebody_else_set_up(shop, nodes, couchdb, tmp_path):
    """A node plays one: with a user, a password and an address that kraftwerk knows nothing of."""
    place(shop, {"postgres": f"{{node: {DB}}}"})
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
    place(shop, {service: f"{{node: {DB}}}" for service in SERVICES})


def test_destroy_leaves_nothing_on_the_other_node(shop, nodes):
    shop("destroy", WEB, "--yes")
    left = root(
        nodes[DB],
        "cd /; runuser -u postgres -- psql -XqAt -c 'SELECT rolname FROM pg_roles' -c 'SELECT datname FROM pg_database'"
        "; mariadb -N -e 'SHOW DATABASES; SELECT user, host FROM mysql.global_priv; SELECT user FROM mysql.db'"
        "; cat /etc/postgresql/*/main/pg_hba.conf; ls /var/lib/kraftwerk/* /etc/kraftwerk/secrets /etc/kraftwerk"
        "; cut -d: -f1 /etc/passwd /etc/group; ls /var/lib /run /etc/systemd/system; nft list ruleset",
    )
    assert "mysite" in left and "theirs" in left and "rich" in left
    assert [line for line in left.splitlines() if re.search("shop|kraftwerk.clients|clients.nft", line)] == []
    assert f"{nodes[DB].node.host}:5432" not in listening(nodes[DB], 5432)
    assert listening(nodes[DB], 3306) == []
