"""Sites beside an nginx that its owner edits: what is his stays, byte for byte; and mksite on the server itself."""

import pytest

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from tests import installed, nginx_owner

pytestmark = pytest.mark.node
WANTED = "/root/{name}.site"
SITE = """upstream kraftwerk-{name} {{ server unix:/run/{name}.sock; }}
server {{ listen 80{more}; server_name {name}.test; location / {{ proxy_pass http://kraftwerk-{name}; }} }}
"""


@pytest.fixture(scope="module")
def server(make_shared_node, converged):
    """Return a connection to a node whose nginx is the owner's, with a copy of how it was."""
    connection = make_shared_node("mksite", base=converged)
    connection.script("cd /etc/nginx; rm -r kraftwerk conf.d/kraftwerk.conf; cp -a . /root/nginx-first")
    connection.script("rm /var/lib/kraftwerk/instances/mysite.json")  # the base's own, which nothing is deployed of
    return connection


class Owner:
    """Edits nginx, and has kraftwerk's module put sites in and take them out: what the states call."""

    def __init__(self, connection):
        self.connection = connection

    def step(self, word):
        """Take one step of a sequence."""
        site = "aaa-shop" if word.endswith("-other") else "shop"
        if word.startswith("make"):
            return self.make(site)
        if word == "aside":
            return self.make(site, default_server=True, replaces=["sites-enabled/default"])
        if word.startswith("remove"):
            return nodeprogram.call(self.connection, "kw_nginx.absent", site)
        return self.connection.script(nginx_owner.script(word, site))

    def make(self, name, default_server=False, **options):
        """Put a site in."""
        text = SITE.format(name=name, more=" default_server" if default_server else "")
        wanted = WANTED.format(name=name)
        self.connection.script('printf %s "$2" >"$1"', wanted, text)
        options |= {"default_server": default_server}
        return nodeprogram.call(self.connection, "kw_nginx.present", name, wanted, **options)


@pytest.fixture
def owner(server):
    nginx_owner.begin(server)
    yield Owner(server)
    nginx_owner.end(server)


@pytest.mark.parametrize("sequence", nginx_owner.SEQUENCES)
def test_only_the_owner_s_own_edits_are_left(owner, sequence):
    for word in sequence.split():
        owner.step(word)
    now, shadow = nginx_owner.trees(owner.connection)
    assert now == shadow
    assert owner.connection.text(["ls", "-A", "/var/lib/kraftwerk/nginx"]) in ("", "shop")  # what he wrote into ours
    owner.connection.run(["rm", "-rf", "/var/lib/kraftwerk/nginx/shop"])


def test_what_nginx_refuses_is_undone(owner):
    owner.connection.script("echo 'server { listen 80 default_server; server_name x.test; }' >/etc/nginx/conf.d/x.conf")
    owner.connection.script("rm /etc/nginx/sites-enabled/default; nginx -t -q")
    before = nginx_owner.trees(owner.connection)[0]
    with pytest.raises(KraftwerkError, match=r"all is as it was: a duplicate default server .* in /etc/nginx/\S+:\d+"):
        owner.make("shop", default_server=True)
    assert nginx_owner.trees(owner.connection)[0] == before


def test_a_configuration_that_is_broken_already_is_left_alone(owner):
    owner.make("shop")
    owner.connection.script("echo 'oops;' >/etc/nginx/conf.d/oops.conf")
    before = nginx_owner.trees(owner.connection)[0]
    with pytest.raises(KraftwerkError, match=r"not valid as it is.*unknown directive \"oops\" in \S+/oops\.conf:1"):
        nodeprogram.call(owner.connection, "kw_nginx.absent", "shop")
    assert nginx_owner.trees(owner.connection)[0] == before
    owner.connection.script("rm /etc/nginx/conf.d/oops.conf")
    nodeprogram.call(owner.connection, "kw_nginx.absent", "shop")


def test_what_can_t_come_back_is_told_and_kept(owner):
    owner.step("site")
    owner.make("shop", replaces=["sites-enabled/mine"])
    owner.connection.script("echo oops >/etc/nginx/sites-available/mine")
    done = nodeprogram.call(owner.connection, "kw_nginx.absent", "shop")
    assert "sites-enabled/mine could not come back, it was a link to ../sites-available/mine: " in done["notes"][0]
    owner.connection.run(["nginx", "-t", "-q"])


def test_a_site_that_the_owner_s_own_leans_on_is_not_taken_out(owner):
    owner.make("shop")
    leaning = "server { listen 80; server_name y.test; location / { proxy_pass http://kraftwerk-shop; } }"
    owner.connection.script(f"echo '{leaning}' >/etc/nginx/sites-enabled/leaning")
    with pytest.raises(KraftwerkError, match=r"host not found in upstream \"kraftwerk-shop\" in \S+/leaning:1"):
        nodeprogram.call(owner.connection, "kw_nginx.absent", "shop")
    owner.connection.script("test -e /etc/nginx/sites-enabled/shop; rm /etc/nginx/sites-enabled/leaning")
    nodeprogram.call(owner.connection, "kw_nginx.absent", "shop")


def test_conflicts_are_named_with_file_and_line(owner):
    owner.step("site")
    found = nodeprogram.call(owner.connection, "kw_nginxclash.find", "shop", ["mine.test"], default_server=True)
    told = {each["kind"]: (each["where"], each["moves"]) for each in found}
    assert told["server_name"] == ("/etc/nginx/sites-enabled/mine:1", "sites-enabled/mine")
    assert told["default_server"] == ("/etc/nginx/sites-enabled/default:22", "sites-enabled/default")
    owner.connection.script("sed -i 's,include /etc/nginx/sites-enabled.*,,' /etc/nginx/nginx.conf")
    found = nodeprogram.call(owner.connection, "kw_nginxclash.find", "shop", ["shop.test"])
    assert [each["kind"] for each in found] == ["layout"]


def test_a_program_that_has_the_port_is_named(owner):
    owner.connection.script("systemctl stop nginx; systemd-run -q --unit=h-other python3 -m http.server 80")
    owner.connection.script("until curl -s -o /dev/null http://127.0.0.1; do sleep 0.1; done")
    found = nodeprogram.call(owner.connection, "kw_nginxclash.find", "shop", ["shop.test"])
    owner.connection.script("systemctl stop h-other; systemctl start nginx")
    assert [each["text"].split(" (")[0] for each in found] == ["python3"]


def given(connection, *words, text="", code=0):
    """Run kraftwerk on the server itself and return what it printed."""
    done = connection.run(["/opt/cli/bin/kraftwerk", *words], input=text.encode(), timeout=300, check=False)
    printed = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == code, printed
    return printed


@pytest.mark.network
def test_on_the_server_itself_with_nothing_but_the_wheel(owner, tmp_path):
    server, wheel = owner.connection, installed.build(tmp_path)
    with wheel.open("rb") as file:
        server.run(["sh", "-c", f"cat >/root/{wheel.name}"], stdin=file)
    uv = ["/opt/kraftwerk/uv/bin/uv"]
    server.run([*uv, "venv", "--quiet", "/opt/cli"])
    server.run([*uv, "pip", "install", "--quiet", "--python=/opt/cli/bin/python", f"/root/{wheel.name}"], timeout=200)
    owner.step("site")
    told = given(
        server, "mksite", "wsgi", "shop", "--on", "here", "--with", "postgres", "--domain", "mine.test", code=2
    )
    assert "/etc/nginx/sites-enabled/mine:1: mine.test is served already" in told
    told = given(server, "mksite", "wsgi", "shop", "--with", "postgres", "--yes")
    assert "http://shop.mksite is served" in told and "/srv/shop (wsgi; postgres)" in told
    assert "sites-available" in server.text(["readlink", "/etc/nginx/sites-enabled/shop"])
    code = ["curl", "-so", "/dev/null", "-w", "%{http_code}", "-H", "Host: shop.mksite", "http://127.0.0.1/"]
    assert server.text(code) == "200"
    owner.step("main")
    assert "shop  ✓" in given(server, "status")
    given(server, "rmsite", "shop", text="shop\nn\nn\nn\n")  # nothing but what serves it goes
    assert nginx_owner.trees(server)[0] == nginx_owner.trees(server)[1]
    kept = nginx_owner.left(server, "shop")
    assert {"role", "database", "user", "/srv/shop", "/web/shop/releases"} <= {*kept}
    assert not [path for path in kept if path.startswith(("/etc/sv", "/etc/service"))]
    given(server, "rmsite", "shop", "--yes")
    assert nginx_owner.left(server, "shop") == []
    assert nginx_owner.trees(server)[0] == nginx_owner.trees(server)[1]
