"""Two twins of one base, one converged over ssh and one through a salt-master: nothing tells them apart."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from kraftwerk import highstate, localargv, minion, registry, saltmaster, saltssh, secret
from kraftwerk.instance import Instance
from kraftwerk.node import get_node
from kraftwerk.paths import state_home
from kraftwerk.ports import free_port
from kraftwerk.transport import Connection

pytestmark = [pytest.mark.node, pytest.mark.network]
SSH, MASTER = "twin-ssh", "twin-mas"  # as long as each other: what prints their names is as long, too
TWINS = (SSH, MASTER)
VOLATILE = re.compile(r'"pid": \d+')
# Each path below these folders with its kind, owner, mode and content; of what differs by nature only the former.
LISTED = r"""
name=$(uname -n)
find /etc/nginx /etc/sv /etc/service /etc/cron.d /etc/tmpfiles.d /etc/systemd/system /etc/postgresql /etc/pip.conf \
  /etc/uv /etc/kraftwerk /var/lib/kraftwerk /var/log/kraftwerk /web /run/kraftwerk /opt/kraftwerk \
  /var/cache/kraftwerk-pages -maxdepth 6 \
  \( -name supervise -o -name converged -o -path '*/lib/python*' -o -path /var/lib/kraftwerk/salt \) -prune \
  -o -printf '%y %M %u:%g %p %l\n' |
while read -r kind mode owner path link; do
  sum=-
  case $kind:$path in
    *.pem|*.pub|*/env|*/secrets/*|*:/var/log/*) ;;
    f:*) sum=$(sed "s/$name/NODE/g" "$path" | sha256sum) ;;
  esac
  echo "$kind $mode $owner $path $link $sum"
done | sort
"""
LISTENING = "ss -tlnpH | awk '{print $4, $6}' | sed 's/pid=[0-9]*,fd=[0-9]*/-/g' | sort -u"
SECOND = {
    "name": "second-staging",
    "project": "second",
    "environment": "staging",
    "wsgi": "second.wsgi",
    "workers": 3,
    "services": ("postgres", "files"),
    "processes": {"mail": "python manage.py send_mail --every '5 min'"},
    "cron": {"clear": {"at": "17 3 * * *", "run": "date +%F"}},
    "static": {"/static/": "staticfiles"},
    "domains": ("second.test",),
    "aliases": ("old.second.test",),
    "caching": {"static": "30d", "uploads": "1h", "pages": {"/": "10s"}},
    "pillar": {"mail": {"sender": "second@example.com"}},
}
PLAIN = "made-for-this-test-only"
ASKED = [
    ("kw_postgres.inspect", "mysite"),
    ("kw_postgres.health", "mysite"),
    ("kw_postgres.remnants", "mysite"),
    ("kw_files.inspect", "mysite"),
    ("kw_runit.get_all",),
    ("kw_runit.status", "mysite-web-a"),
    ("kw_environ.keys", "/web/mysite/env"),
    ("grains.item", "id", "nodename", "osfinger", "num_cpus", "mem_total", "ipv6", "saltversion"),
]


def highstates(*nodes):
    """Run `kraftwerk highstate` on nodes at the same time, and return the results by node."""
    command = [sys.executable, "-m", "kraftwerk", "highstate", "--json"]

    def run(node):
        done = subprocess.run([*command, node], capture_output=True, text=True, timeout=200, check=False, cwd="/")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)[0]["results"]

    with ThreadPoolExecutor() as pool:
        return dict(zip(nodes, pool.map(run, nodes), strict=True))


def on(node, script):
    return Connection(get_node(node)).script(script).stdout.decode()


def alike(value, node):
    """Return a value as it would be on either twin: without the name of one, process numbers and times."""
    address = get_node(node).host
    text = json.dumps(value, sort_keys=True, default=str).replace(node, "NODE")
    text = re.sub(rf"{re.escape(address)}\b", "ADDRESS", text)
    return json.loads(VOLATILE.sub('"pid": 0', text))


@pytest.fixture(scope="module")
def pair(converged, make_shared_node):
    """Make two clones of one converged node; the bridge is there as long as they are."""
    for name in TWINS:
        make_shared_node(name, base=converged)


@pytest.fixture(scope="module")
def master(home, pair):
    """Start a master on the bridge, which serves what kraftwerk serves, and return its folder."""
    folder = state_home() / "master"
    publish, answers = free_port(localargv.GATEWAY), free_port(localargv.GATEWAY)
    saltmaster.write(folder, interface=localargv.GATEWAY, publish_port=publish, return_port=answers)
    saltmaster.start(folder)
    yield folder
    saltmaster.stop(folder)


@pytest.fixture(scope="module")
def salt(master):
    """Call a function on a node through the master: `salt("blue", "test.ping")`."""

    def call(node, function, *arguments, check=True):
        program = Path(sys.executable).with_name("salt")
        command = [program, "-c", master, "--out=json", "--timeout=60", node, function, *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return json.loads(done.stdout)[node] if check else done.stdout

    return call


@pytest.fixture(scope="module")
def settings(home, master):
    """Give the twins, and no other node of these tests, a minion."""
    ports = {key: yaml.safe_load((master / "master").read_text())[key] for key in ("publish_port", "ret_port")}
    told = {"master": localargv.GATEWAY, "publish_port": ports["publish_port"], "return_port": ports["ret_port"]}
    files = {
        home / "pillar/top.sls": {"base": {"twin-*": ["twins"]}},
        home / "pillar/twins.sls": {"kraftwerk": {"settings": {"minion": told}}},
    }
    for path, content in files.items():
        path.write_text(yaml.safe_dump(content))
    key = home / "salt/minion/files/master.pub"
    key.parent.mkdir(parents=True)
    key.write_bytes((master / "pki/master.pub").read_bytes())
    yield
    for path in (*files, key):
        path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def twins(settings, master):
    """Give both nodes a minion that the master accepted; return what listened before."""
    listening = on(SSH, LISTENING)
    highstates(*TWINS)
    for name in TWINS:
        minion.accept(get_node(name), master)
    assert all(minion.answers(name, master) for name in TWINS)
    return listening


@pytest.fixture(scope="module")
def second(twins, salt):
    """Add an instance to both twins: over ssh to one, through the master to the other; return both results."""
    hidden = secret.encrypt(PLAIN, [secret.public_key()])
    environ = {"MODE": "one 'two'\nthree", "MAIL_PASSWORD": hidden}
    superusers = {"ada": {"email": "ada@example.com", "password": hidden}}
    instance = Instance(**SECOND, environ=environ, superusers=superusers)
    over_ssh = highstate.converge(get_node(SSH), instance)
    registry.record(get_node(MASTER), instance)
    return {SSH: over_ssh.results, MASTER: highstate.parse(get_node(MASTER), salt(MASTER, "state.highstate"))}


def test_the_same_states_do_the_same(second):
    told = {
        node: [
            alike([each.id, each.sls, each.name, each.function, each.result, each.comment, each.changes], node)
            for each in results
        ]
        for node, results in second.items()
    }
    assert told[SSH] == told[MASTER]
    assert sum(bool(changes) for *_, changes in told[MASTER]) > 25
    assert not [each for results in second.values() for each in results if each.failed]


def test_both_ways_lead_to_the_same_files(second):
    ours, theirs = (on(node, LISTED).replace(node, "NODE").splitlines() for node in TWINS)
    assert ours == theirs
    assert len([line for line in ours if "second-staging" in line]) > 30


@pytest.mark.parametrize("node", TWINS)
def test_the_pillar_is_the_same(second, salt, node):
    pillar = salt(node, "pillar.items", "unmask=True")
    assert PLAIN not in json.dumps(salt(node, "pillar.items"))
    assert pillar == saltssh.call(get_node(node), "pillar.items")
    hidden = {"environ.MAIL_PASSWORD": PLAIN, "superusers.ada.password": PLAIN}
    assert pillar["kraftwerk"]["secrets"] == {"second-staging": hidden}


@pytest.mark.parametrize("question", ASKED, ids=" ".join)
def test_modules_give_the_same_answers(second, salt, question):
    assert salt(MASTER, *question) == saltssh.call(get_node(MASTER), *question)


def test_each_way_finds_nothing_to_do_where_the_other_was(second, salt):
    over_ssh = highstates(MASTER)[MASTER]
    through_master = salt(SSH, "state.highstate").values()
    for results in (over_ssh, through_master):
        assert [each for each in results if each["changes"] or each["result"] is not True] == []
    assert len(over_ssh) == len(through_master)


def test_a_secret_arrives_and_is_left_nowhere_else(second, master):
    assert f"MAIL_PASSWORD='{PLAIN}'" in on(MASTER, "cat /web/second-staging/env")
    found = on(MASTER, f"grep -rlsF -- {PLAIN} /web /etc /var /run /tmp /root /opt/kraftwerk || true")
    assert found.split() == ["/web/second-staging/env"]
    kept = [path for path in master.rglob("*") if path.is_file() and PLAIN.encode() in path.read_bytes()]
    assert kept == []


def test_nothing_listens_but_the_master_on_its_interface(twins, master):
    assert on(SSH, LISTENING) == twins
    group = str(saltmaster.status(master).pid)
    processes = subprocess.run(["pgrep", "-g", group], capture_output=True, text=True, check=True).stdout.split()
    sockets = subprocess.run(["ss", "-tulnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [line.split() for line in sockets if any(f"pid={pid}," in line for pid in processes)]
    assert len(ours) == 2 and {words[4].rpartition(":")[0] for words in ours} == {localargv.GATEWAY}


def test_modules_alone_are_served_beside_the_states(twins, salt):
    served = salt(SSH, "cp.list_master")
    assert {path.split("/")[0] for path in served if path.startswith("_")} == {"_modules", "_states"}
    assert not [path for path in served if path.endswith((".pem", ".txt", "kraftwerk.yaml"))]


def test_a_highstate_that_restarts_its_own_minion_still_reports(second, salt, master, home):
    unit = home / "salt/minion/files/unit.jinja"
    unit.write_text((Path(__file__).parents[2] / "salt/minion/files/unit.jinja").read_text() + "# changed\n")
    try:
        results = salt(MASTER, "state.highstate").values()
    finally:
        unit.unlink()
    changed = [each["__id__"] for each in results if each["changes"]]
    assert changed == ["minion/config/unit", "minion/service/loaded"]
    assert minion.answers(MASTER, master)


def test_a_minion_that_is_not_trusted_gets_nothing(second, salt, master):
    minion.forget(SSH, master)
    assert "No minions matched" in salt(SSH, "test.ping", check=False)
    minion.accept(get_node(SSH), master)
    assert minion.answers(SSH, master)


def test_clean_leaves_no_minion(second, salt, master):
    saltssh.call(get_node(SSH), "state.apply", "minion.clean")
    left = (
        "systemctl cat kraftwerk-minion; ls -d /opt/kraftwerk/minion /etc/kraftwerk/minion /var/cache/kraftwerk/minion"
    )
    assert on(SSH, f"({left}; pgrep -f salt-minion) 2>/dev/null || true") == ""
