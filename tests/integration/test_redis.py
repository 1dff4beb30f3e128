"""Redis on real nodes: keys of every kind come through, in an own server and in shared ones; kills, full disks."""

import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from tests import redis_keys
from tests.integration.conftest import VERSIONS, node_factory
from tests.redis_keys import look

pytestmark = pytest.mark.node
SOCKET = "/run/redis-rich/redis.sock"
OWN = f"unix://{SOCKET}"
SHARED = "redis://full:full@127.0.0.1:6390"
TOKEN = "0123456789ab"
SERVER = r"""
mkdir -p /root/shared
cat >/root/shared/redis.conf <<'END'
port 6390
dir /root/shared
save ""
requirepass "pa ss:w@rd/1"
user shop on >sh%p resetchannels ~shop:* +@all -@admin
user full on >full ~* &* +@all
END
systemd-run --quiet --unit=shared redis-server /root/shared/redis.conf
until redis-cli -p 6390 ping 2>&1 | grep -q NOAUTH; do sleep 0.1; done
"""
# The places of three projects in that server: by an ACL user and a prefix, by a prefix, by a password and a database.
PLACES = {
    "shop": {"url": "redis://127.0.0.1:6390/3", "user": "shop", "password": "sh%p", "prefix": "shop:"},
    "other": {"url": "redis://full:full@127.0.0.1:6390", "db": "3", "prefix": "o*[r]:", "celery": "yes"},
    "whole": {"url": "redis://:pa%20ss%3Aw%40rd%2F1@127.0.0.1:6390/5"},
}


@pytest.fixture(scope="module")
def nodes(stocked):
    """Two clones: blue has keys of every kind in its own redis, and a shared one beside it; green is fresh."""
    with node_factory() as make:
        blue, green = make("redis-blue", base=stocked), make("redis-green", base=stocked)
        blue.run(["redis-cli", "-s", SOCKET, "--pipe"], input=redis_keys.rich())
        for name, options in PLACES.items():
            blue.run(["mkdir", "-p", f"/etc/kraftwerk/secrets/{name}"])
            written = json.dumps({"redis": options}).encode()
            blue.run(["sh", "-c", f"cat >/etc/kraftwerk/secrets/{name}/services.json"], input=written)
        blue.script(SERVER)
        yield blue, green


@pytest.fixture
def blue(nodes):
    return nodes[0]


@pytest.fixture
def green(nodes):
    return nodes[1]


@pytest.fixture(scope="module")
def dumped(nodes):
    """Return the folder of a dump of blue's own redis, and what the dump answered."""
    path = folder(nodes[0])
    return path, do(nodes[0], "dump", "rich", path)


@pytest.fixture
def shared(blue):
    """Fill the shared server anew: two prefixes in one database, a neighbour there, and a database in itself."""
    keys = [
        redis_keys.wire("AUTH", "full", "full") + redis_keys.wire("FLUSHALL") + redis_keys.wire("SELECT", 3),
        redis_keys.rich("shop:", dbs=False, size=400_000),
        redis_keys.rich("o*[r]:", dbs=False, size=200_000, seed=9),
        redis_keys.wire("SET", "neighbour", "n") + redis_keys.wire("SET", "other:x", "y"),
        redis_keys.wire("SELECT", 5) + redis_keys.rich(dbs=False, size=200_000, seed=5),
    ]
    said = blue.run(["redis-cli", "-p", "6390", "--pipe"], input=b"".join(keys)).stdout.decode()
    assert "errors: 0" in said


def do(node, verb, *arguments):
    return nodeprogram.call(node, f"kw_redis.{verb}", *arguments, timeout=60)


def everything(node):
    """Return all keys of the shared server, by database."""
    return [look(node, f"{SHARED}/{db}") for db in (3, 5)]


def differences(one, two):
    return {key: (one.get(key), two.get(key)) for key in {*one, *two} if one.get(key) != two.get(key)}


def folder(node):
    return node.text(["mktemp", "-d"]).strip()


def carry(source, path, target):
    """Copy a dump from one node to another, and return its folder there."""
    there = folder(target)
    target.run(["tar", "-xC", there], input=source.run(["tar", "-cC", path, "."]).stdout)
    return there


def leftovers(node):
    """Return what loads of `rich` left behind: folders, sockets and units beside those of the live server."""
    live = node.text(["readlink", "/var/lib/redis-rich/live"]).strip()
    listed = "ls /var/lib/redis-rich /run/redis-rich; systemctl list-units --plain --no-legend 'kraftwerk-redis-rich@*'"
    known = {"live", "redis.conf", "redis.sock", live, f"{live}.sock", f"kraftwerk-redis-rich@{live}.service"}
    words = [line.split()[0] for line in node.text(["sh", "-c", listed]).splitlines() if line]
    return [word for word in words if word not in known and not word.startswith("/")]


def forged(node, head):
    """Return a folder with a snapshot of a test's own."""
    path = folder(node)
    node.run(["sh", "-c", f"zstd -q >{path}/redis.rdb.zst"], input=head + b"\xff" + bytes(8))
    return path


def test_keys_of_every_kind_are_the_same_on_a_fresh_node(blue, green, dumped):
    path, answer = dumped
    before = look(blue, OWN)
    assert answer["consistency"] == "one RDB snapshot"
    assert answer["counts"] == do(blue, "inspect", "rich")["counts"]
    assert (answer["counts"]["keys"], answer["counts"]["functions"]) == (len(before) - 1, 1)
    assert do(green, "load", "rich", carry(blue, path, green)) == answer["counts"]
    assert differences(before, look(green, OWN)) == {}
    assert leftovers(green) == []
    green.run(["systemctl", "restart", "kraftwerk-redis.target"])
    assert differences(before, look(green, OWN)) == {}


def test_prepared_keys_are_apart_until_they_take_their_place(blue, dumped):
    path, answer = dumped
    blue.run(["redis-cli", "-s", SOCKET, "SET", "written later", "x"])
    prepared = do(blue, "prepare", "rich", path, TOKEN)
    assert prepared["counts"] == answer["counts"]
    assert prepared["environ"]["REDIS_URL"] == f"unix:///run/redis-rich/{TOKEN}.sock?db=0"
    assert do(blue, "script", "rich", TOKEN, "# carts\nSET 'made by script' 1\n\nDEL list:1") == 2
    with pytest.raises(KraftwerkError, match=r"line 2: .*unknown command"):
        do(blue, "script", "rich", TOKEN, "PING\nNONSENSE 1")
    present = look(blue, OWN)
    assert "b'written later'" in present and "b'made by script'" not in present

    do(blue, "activate", "rich", TOKEN)
    do(blue, "activate", "rich", TOKEN)
    found = look(blue, OWN)
    assert "b'made by script'" in found and "b'list:1'" not in found and "b'written later'" not in found
    assert leftovers(blue) == []
    with pytest.raises(KraftwerkError, match="nothing is prepared"):
        do(blue, "activate", "rich", "another00token")
    do(blue, "load", "rich", path)


@pytest.mark.parametrize(
    ("place", "prefix", "number", "consistency"),
    [
        ("shop", "shop:", 3, "each key as it was read"),  # an ACL user that may not ask for a snapshot
        ("other", "o*[r]:", 3, "one RDB snapshot"),
        ("whole", "", 5, "one RDB snapshot"),
    ],
)
def test_a_shared_server_keeps_the_keys_of_others(blue, shared, place, prefix, number, consistency):
    before, path = everything(blue), folder(blue)
    dumped = do(blue, "dump", place, path)
    assert dumped["consistency"] == consistency
    assert dumped["counts"] == do(blue, "inspect", place)["counts"]
    assert do(blue, "health", place)["ok"] is True

    spoil = ["redis-cli", "-u", f"{SHARED}/{number}", "--no-auth-warning"]
    blue.run([*spoil, "DEL", f"{prefix}big", f"{prefix}list:1200"])
    blue.run([*spoil, "SET", f"{prefix}added", "x"])
    spoilt = everything(blue)
    prepared = do(blue, "prepare", place, path, TOKEN)
    assert prepared["counts"] == dumped["counts"]
    assert prepared["environ"]["REDIS_URL"] == (f"{SHARED}/3" if place == "other" else prepared["environ"]["REDIS_URL"])
    assert do(blue, "inspect", place)["counts"]["keys"] == dumped["counts"]["keys"] - 1
    do(blue, "discard", place, TOKEN)
    assert everything(blue) == spoilt

    do(blue, "prepare", place, path, TOKEN)
    do(blue, "activate", place, TOKEN)
    do(blue, "activate", place, TOKEN)
    assert everything(blue) == before


def test_keys_go_from_a_shared_server_to_one_of_its_own_and_to_another_prefix(blue, green, shared):
    path = folder(blue)
    do(blue, "dump", "shop", path)
    there = carry(blue, path, green)
    shop = look(blue, f"{SHARED}/3", "shop:")
    do(green, "load", "rich", there)
    assert differences(shop, {key: value for key, value in look(green, OWN).items() if key != "functions"}) == {}
    do(blue, "load", "other", path)
    assert look(blue, f"{SHARED}/3", "o*[r]:") == shop == look(blue, f"{SHARED}/3", "shop:")


def test_a_script_and_an_app_reach_nothing_but_the_prepared_keys_of_a_shared_server(blue, shared):
    path = folder(blue)
    do(blue, "dump", "other", path)
    before = everything(blue)
    environ = do(blue, "prepare", "other", path, TOKEN)["environ"]
    assert environ["REDIS_PREFIX"] == f"o*[r]:kraftwerk.load.{TOKEN}:o*[r]:"
    assert environ["CELERY_BROKER_URL"] == "memory://"
    for line in ("FLUSHDB", "DEL neighbour", "RENAME {prefix}big shop:big", "DEL o*[r]:big"):
        with pytest.raises(KraftwerkError, match="line 1: in a server that is shared"):
            do(blue, "script", "other", TOKEN, line)
    assert do(blue, "script", "other", TOKEN, "DEL {prefix}big") == 1
    do(blue, "discard", "other", TOKEN)
    assert everything(blue) == before
    whole = folder(blue)
    do(blue, "dump", "whole", whole)
    assert do(blue, "prepare", "whole", whole, TOKEN)["environ"] == {"REDIS_URL": ""}


def test_a_password_is_in_no_argument(blue):
    told = do(blue, "console", "shop")
    assert told["environ"] == {"REDISCLI_AUTH": "sh%p"} and "sh%p" not in " ".join(told["argv"])
    said = blue.run(["env", f"REDISCLI_AUTH={told['environ']['REDISCLI_AUTH']}", *told["argv"], "ACL", "WHOAMI"])
    assert said.stdout.strip() == b"shop"
    url = do(blue, "environ", "whole")["REDIS_URL"]
    said = blue.run(["env", f"REDIS_URL={url}", "/usr/local/lib/kraftwerk-redis-ping"], check=False)
    assert said.returncode == 0, said.stderr
    said = blue.run(["env", "REDIS_URL=redis://x:y@127.0.0.1:6390", "/usr/local/lib/kraftwerk-redis-ping"], check=False)
    assert said.returncode == 1 and said.stderr.startswith(b"redis: WRONGPASS")


@pytest.mark.parametrize(
    "damage", ["truncate -s 100000", "dd conv=notrunc bs=1 count=2 seek=90000 if=/dev/zero status=none"]
)
def test_a_damaged_snapshot_leaves_the_data_as_it_was(blue, dumped, damage):
    path, before = carry(blue, dumped[0], blue), look(blue, OWN)
    option = "" if damage.startswith("truncate") else "of="
    blue.run(["sh", "-c", f"cd {path}; zstd -dq redis.rdb.zst; {damage} {option}redis.rdb; zstd -qf redis.rdb"])
    with pytest.raises(KraftwerkError):
        do(blue, "load", "rich", path)
    assert look(blue, OWN) == before
    assert leftovers(blue) == []


@pytest.mark.parametrize("place", ["rich", "whole"])
def test_a_newer_server_s_snapshot_is_refused_beforehand(blue, shared, place):
    newer = forged(blue, b"REDIS0012\xfa\x09redis-ver\x0699.1.2")
    with pytest.raises(
        KraftwerkError, match=rf"the keys are of redis 99\.1\.2, which {re.escape(VERSIONS['redis'])}\.\d+ can't read"
    ):
        do(blue, "load", place, newer)
    assert leftovers(blue) == [] and "kraftwerk.load" not in str(everything(blue))


def test_more_than_memory_holds_is_refused_beforehand(blue):
    huge = forged(blue, b"REDIS0010\xfa\x08used-mem\x0e99999999999999")
    with pytest.raises(
        KraftwerkError, match=r"the keys need \d+ MB of memory beside the present keys; \d+ MB are free"
    ):
        do(blue, "load", "rich", huge)
    assert leftovers(blue) == []


@pytest.mark.parametrize(
    ("place", "sign"),
    [
        ("rich", f"test -s /var/lib/redis-rich/{TOKEN}/appendonlydir/appendonly.aof.1.base.rdb"),
        ("rich", f"test -e /run/redis-rich/{TOKEN}.sock"),
        ("whole", f"redis-cli -u {SHARED}/5 --no-auth-warning --scan --pattern 'kraftwerk.load.*' | grep -q ."),
    ],
)
def test_killed_in_the_middle_it_can_be_run_again(blue, shared, dumped, place, sign):
    path = dumped[0] if place == "rich" else folder(blue)
    if place != "rich":
        do(blue, "dump", place, path)
    before = look(blue, OWN), everything(blue)
    blue.run(["mkdir", "-p", "/root/modules"])
    modules = io.BytesIO()
    with tarfile.open(fileobj=modules, mode="w") as archive:
        for file in nodeprogram.module_files():
            archive.add(file, arcname=Path(file).name)
    blue.run(["tar", "-xC", "/root/modules"], input=modules.getvalue())
    call = f"python3 /root/modules/kw_call.py kw_redis.prepare {place} {path} {TOKEN}"
    blue.script(f"{call} >/dev/null & until {sign}; do kill -0 $!; done; kill -9 $!")
    assert (look(blue, OWN), look(blue, f"{SHARED}/3")) == (before[0], before[1][0])
    do(blue, "load", place, path)
    assert everything(blue) == before[1]
    assert differences(look(blue, OWN), before[0]) == {}
    assert leftovers(blue) == []


def test_a_full_disk_leaves_the_old_data(blue, green, dumped):
    there = carry(blue, dumped[0], green)
    do(green, "drop", "rich", "tables")
    green.run(["redis-cli", "-s", SOCKET, "SET", "old", "data"])
    green.script(
        "systemctl restart kraftwerk-redis-rich; mv /var/lib/redis-rich /var/lib/aside; mkdir /var/lib/redis-rich"
    )
    green.script("mount -t tmpfs -o size=2m tmpfs /var/lib/redis-rich")
    green.script("cp -a /var/lib/aside/. /var/lib/redis-rich; systemctl restart kraftwerk-redis-rich")
    before = look(green, OWN)
    with pytest.raises(KraftwerkError, match="No space left on device"):
        do(green, "load", "rich", there)
    assert look(green, OWN) == before
    assert leftovers(green) == []
    with pytest.raises(KraftwerkError, match="No space left on device"):
        do(blue, "dump", "rich", full(blue))


def full(node):
    """Return a folder without room."""
    node.script("mkdir -p /root/full; mountpoint -q /root/full || mount -t tmpfs -o size=64k tmpfs /root/full")
    return "/root/full"


def test_settings_change_while_it_runs_and_no_key_is_lost(blue):
    before = look(blue, OWN)
    options = "/etc/kraftwerk/secrets/rich/services.json"
    for given in ({"appendonly": "no", "maxmemory": "100mb"}, {"appendonly": "yes", "databases": "32"}, {}):
        kept = json.loads(blue.text(["sh", "-c", f"cat {options} 2>/dev/null || echo '{{}}'"]))
        blue.run(["sh", "-c", f"cat >{options}"], input=json.dumps({**kept, "redis": given}).encode())
        assert do(blue, "missing", "rich") == ["config", "settings"]
        do(blue, "create", "rich")
        assert do(blue, "missing", "rich") == []
        blue.run(["systemctl", "restart", "kraftwerk-redis-rich"])
        assert look(blue, OWN) == before
