"""What needs no server: addresses for apps, settings, and redis' own format read byte by byte."""

import getpass
import io
import socket

import pytest

SOCKET = "/run/redis-mysite/redis.sock"
# A snapshot by hand: a number, a packed string, a list, a key that expires in 2033, one that had when it was made.
HEAD = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x05ctime\xc2\x00\xf1\x53\x65"
LATER, GONE = (2_000_000_000_000).to_bytes(8, "little"), (1_600_000_000_000).to_bytes(8, "little")
KEYS = (
    b"\xfe\x00\xfb\x05\x02"
    b"\x00\x08mysite:a\xc1\x39\x30"
    b"\x00\xc3\x0b\x40\x1e\x06mysite:\xe0\x0e\x06\x01b"
    b"\x01\x08mysite:l\x02\x01x\x01y"
    b"\xfc" + LATER + b"\x00\x08mysite:e\x01v"
    b"\xfc" + GONE + b"\x00\x08mysite:g\x01v"
    b"\x00\x05other\x01v"
)
END = b"\xff" + bytes(8)


@pytest.fixture
def redis(loaders, options_of_services):
    """The modules, for an instance with some options."""

    def given(**options):
        options_of_services(options)
        return loaders.modules.kw_redis

    return given


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ({}, {"REDIS_URL": f"unix://{SOCKET}?db=0"}),
        (
            {"db": "2", "prefix": "my:", "celery": "yes"},
            {
                "REDIS_URL": f"unix://{SOCKET}?db=2",
                "REDIS_PREFIX": "my:",
                "CELERY_BROKER_URL": f"redis+socket://{SOCKET}?virtual_host=2",
            },
        ),
        ({"url": "redis://:p%2Fw@db.example.com/3"}, {"REDIS_URL": "redis://:p%2Fw@db.example.com:6379/3"}),
        (
            {"url": "redis://db.example.com:7000", "user": "ada", "password": "a/b c", "db": "4"},
            {"REDIS_URL": "redis://ada:a%2Fb%20c@db.example.com:7000/4"},
        ),
        ({"url": "redis://[::1]"}, {"REDIS_URL": "redis://[::1]:6379/0"}),
        (
            {"url": "rediss://db.example.com/1?ssl_ca_certs=/etc/ca.pem", "celery": "yes"},
            {
                "REDIS_URL": "rediss://db.example.com:6379/1?ssl_ca_certs=%2Fetc%2Fca.pem",
                "CELERY_BROKER_URL": "rediss://db.example.com:6379/1?ssl_ca_certs=%2Fetc%2Fca.pem&ssl_cert_reqs=required",
            },
        ),
        (
            {"url": "unix:///run/other.sock?db=1", "password": "x", "celery": "yes"},
            {
                "REDIS_URL": "unix://:x@/run/other.sock?db=1",
                "CELERY_BROKER_URL": "redis+socket://:x@/run/other.sock?virtual_host=1",
            },
        ),
    ],
)
def test_apps_are_told_the_place_in_their_libraries_words(redis, options, environ):
    assert redis(**options).environ("mysite") == environ


def test_a_bad_address_is_an_error(redis):
    for url in ("http://db.example.com", "redis://db.example.com/x"):
        with pytest.raises(ValueError):
            redis(url=url).environ("mysite")


@pytest.mark.parametrize("token", ["short", "UPPER000", "../../etc", "a" * 17])
def test_a_token_is_a_plain_word(redis, token):
    with pytest.raises(ValueError, match="a token is"):
        redis().activate("mysite", token)


def test_no_password_is_an_argument(redis):
    found = redis(url="rediss://ada:secret@db.example.com/3").console("mysite")
    assert found == {
        "argv": ["redis-cli", "-h", "db.example.com", "-p", "6379", "--user", "ada", "--tls", "-n", "3"],
        "environ": {"REDISCLI_AUTH": "secret"},
        "user": "web-mysite",
    }


CLIENTS = {"clients": {"web1": "192.0.2.1", "web2": "2001:db8::1"}, "listen": ["192.0.2.7"], "password": "hu sh/"}


def test_another_node_finds_the_same_port_always(redis):
    assert redis().url("mysite", "192.0.2.7", "hu sh/") == (
        "rediss://web-mysite:hu%20sh%2F@192.0.2.7:26977/0?ssl_cert_reqs=none"
    )
    away = redis(url=redis().url("mysite", "192.0.2.7", "hush"), node="db1", password="hush", port="7000", celery="yes")
    address = "rediss://web-mysite:hush@192.0.2.7:7000/0?ssl_cert_reqs=none"
    assert away.environ("mysite") == {"REDIS_URL": address, "CELERY_BROKER_URL": address}
    assert {"--tls", "--insecure"} < set(away.console("mysite")["argv"])


def test_with_clients_an_instance_here_logs_in_too(redis):
    given = {**CLIENTS, "listen": {"web1": "192.0.2.7"}}
    assert redis(**given).environ("mysite") == {"REDIS_URL": f"unix://web-mysite:hu%20sh%2F@{SOCKET}?db=0"}


def test_no_password_is_in_the_files_for_clients(loaders, tmp_path):
    network, folder = loaders.modules.kw_redis_network, str(tmp_path)
    assert network.make("my-site", folder, {}, 0) == network.text("my-site", folder, {"clients": {}}) == ""
    assert network.address(folder, SOCKET) == f"unix://{SOCKET}"
    text = network.make("my-site", folder, CLIENTS, 0)
    assert text == network.make("my-site", folder, CLIENTS, 0) == network.text("my-site", folder, CLIENTS)
    admin = (tmp_path / "admin").read_text()
    assert network.address(folder, SOCKET) == f"unix://default:{admin}@{SOCKET}"
    assert len(admin) == 64 and admin not in text and "hu sh/" not in text
    assert {file.name: f"{file.stat().st_mode & 0o777:o}" for file in tmp_path.iterdir()} == {
        "admin": "600",
        "clients.nft": "600",
        "tls.key": "640",
        "tls.crt": "644",
    }
    rules = (tmp_path / "clients.nft").read_text()
    assert "ip saddr 192.0.2.1 accept; tcp dport" in rules and "ip6 saddr 2001:db8::1 accept" in rules
    assert rules.endswith("reject with tcp reset; }\n}\n")
    assert text != network.text("my-site", folder, {**CLIENTS, "password": "other"})
    assert text != network.text("my-site", folder, {**CLIENTS, "clients": {"web1": "192.0.2.1"}})
    with pytest.raises(RuntimeError, match="no password"):
        network.text("my-site", folder, {**CLIENTS, "password": ""})


def test_settings_follow_from_options(loaders):
    follow = loaders.modules.kw_redis_settings.follow
    given = {"maxmemory": "64mb", "eviction": "allkeys-lru", "appendonly": "no", "databases": "16"}
    assert follow(given)["maxmemory"] == str(64 * 2**20)
    assert (follow(given)["appendonly"], follow(given)["save"]) == ("no", "3600 1 300 100 60 10000")
    assert follow({**given, "appendonly": "yes"})["save"] == ""
    assert int(follow({**given, "maxmemory": "25%"})["maxmemory"]) > 0
    assert "\nport 0\n" in loaders.modules.kw_redis_settings.text(follow(given))


def walked(loaders, data, size=2**16, **options):
    """Return what a walk through bytes found, and what came out of it."""
    stream, out = io.BytesIO(data), io.BytesIO()
    found = loaders.modules.kw_rdb.walk(lambda: stream.read(size), out.write, **options)
    return found, out.getvalue()


@pytest.mark.parametrize("size", [1, 7, 2**16])
def test_a_snapshot_passes_as_it_is_and_is_counted(loaders, size):
    data = HEAD + KEYS + END
    found, out = walked(loaders, data, size)
    assert out == data
    assert (found["version"], found["format"]) == ("7.0.15", 10)
    assert found["counts"] == {"keys": 5, "keys_by_db": {"0": 5}, "keys_by_type": {"string": 4, "list": 1}}
    assert found["left"] == 5


@pytest.mark.parametrize("size", [1, 7, 2**16])
def test_a_snapshot_is_narrowed_to_a_prefix(loaders, size):
    found, out = walked(loaders, HEAD + KEYS + END, size, db=0, prefix=b"mysite:")
    assert found["counts"]["keys"] == 4 and b"other" not in out and b"mysite:l" in out
    again, same = walked(loaders, out)
    assert (again["counts"], same) == (found["counts"], out)
    assert walked(loaders, HEAD + KEYS + END, db=1)[0]["counts"]["keys"] == 0


def test_a_snapshot_that_is_cut_off_anywhere_is_refused(loaders):
    data = HEAD + KEYS + END
    for end in range(len(data)):
        with pytest.raises(RuntimeError):
            walked(loaders, data[:end])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no snapshot at all", "this is no snapshot of redis"),
        (b"REDIS0099" + KEYS + END, "a snapshot of version 99; known are those up to 12"),
        (HEAD + b"\xfe\x00\x63\x01k\x01v" + END, "a kind of value that isn't known here: 99"),
    ],
)
def test_what_isn_t_known_is_refused(loaders, data, reason):
    with pytest.raises(RuntimeError, match=reason):
        walked(loaders, data)


BOMB = b"\x03\x00abc" + b"\xff\xff\x02" * 2**18  # packed: unpacks to 264 bytes for each three


@pytest.mark.parametrize(
    "start",
    [
        HEAD + b"\xfa\x81" + (2**50).to_bytes(8, "big"),
        HEAD + b"\xfe\x00\x00\x81" + (2**50).to_bytes(8, "big"),
        HEAD + b"\xfa\xc3\x80" + len(BOMB).to_bytes(4, "big") + b"\x80" + (2**20).to_bytes(4, "big") + BOMB,
    ],
)
def test_names_are_no_larger_than_memory(loaders, start):
    """A few bytes of an archive unpack to any number of zeros."""
    handed = []

    def read():
        handed.append(1)
        return start if len(handed) == 1 else bytes(2**20)

    with pytest.raises(RuntimeError, match="the snapshot is damaged"):
        loaders.modules.kw_rdb.restore(read, None)
    assert len(handed) < 3


def test_another_user_s_server_is_not_taken_for_the_instance_s(loaders, tmp_path):
    """Who may write where a socket is may put a link to another one there."""
    path = str(tmp_path / "redis.sock")
    connect = loaders.modules.kw_redis_wire.connect
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(path)
        plug.listen()
        connect(f"unix://{path}", owner=getpass.getuser()).close()
        with pytest.raises(RuntimeError, match="it isn't www-data who answers there"):
            connect(f"unix://{path}", owner="www-data")


def test_keys_are_handed_over_with_names_unpacked(loaders):
    stream, found = io.BytesIO(HEAD + KEYS + END), {}

    def put(db, key, expires, value):
        value.seek(0)
        found[key] = (db, expires, value.read())

    loaders.modules.kw_rdb.restore(lambda: stream.read(10), put)
    assert found[b"mysite:a"] == (0, 0, b"\x00\xc1\x39\x30\x0a\x00")
    assert found[b"mysite:e"] == (0, 2_000_000_000_000, b"\x00\x01v\x0a\x00")
    assert b"mysite:" * 4 + b"my" in found and b"mysite:g" not in found


def test_the_checksum_is_redis_own(loaders):
    crc = loaders.modules.kw_redis_keys.crc
    assert crc(b"123456789") == 0xE9C6D914C4B8D9CA
    assert crc(b"6789", crc(b"12345")) == crc(b"123456789")


def test_a_site_beside_its_redis_is_told_when_it_needs_a_password_and_when_it_has_none_any_more(loaders, tmp_path):
    network, folder, note = loaders.modules.kw_redis_network, str(tmp_path), tmp_path / "outdated"
    network.make("my-site", folder, CLIENTS, 0)
    assert not note.exists()
    (tmp_path / "redis.conf").write_text("port 0\n")
    text = network.make("my-site", folder, CLIENTS, 0)
    assert note.exists()
    note.unlink()
    (tmp_path / "redis.conf").write_text(f"port 0\n{text}")
    network.make("my-site", folder, {**CLIENTS, "clients": {"web9": "192.0.2.9"}}, 0)
    assert not note.exists()
    assert network.make("my-site", folder, {**CLIENTS, "clients": {}}, 0) == ""
    assert note.exists()
