"""Keys of every kind for a redis, and what tells two servers' keys apart: for tests, and for figures by hand."""

import json
import random
import time
from pathlib import Path

MODULES = Path(__file__).parents[1] / "_modules"
LIBRARY = "#!lua name=shop\nredis.register_function('double', function(keys, given) return given[1] * 2 end)"
# Run on a node: each key with its type, its time of expiry, its value and redis' own serialisation, as digests. What is
# kept in a hash table has no order of its own, and so no serialisation to compare.
LOOK = """
import hashlib, json, sys

def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]

def value(client, kind, key):
    if kind == b"stream":
        found = client.call("XRANGE", key, "-", "+")
        for group in client.call("XINFO", "GROUPS", key):
            known = dict(zip(group[::2], group[1::2]))
            # The third of each is for how long it has waited.
            waiting = client.call("XPENDING", key, known[b"name"], "-", "+", 10000)
            found.append([known[b"name"], known[b"last-delivered-id"], [(one[:2], one[3]) for one in waiting]])
        return found
    if kind == b"hash":
        found = client.call("HGETALL", key)
        return sorted(zip(found[::2], found[1::2]))
    if kind == b"set":
        return sorted(client.call("SMEMBERS", key))
    if kind == b"zset":
        found = client.call("ZRANGE", key, 0, -1, "WITHSCORES")
        return [(name, float(score)) for name, score in zip(found[::2], found[1::2])]
    return client.call("GET", key) if kind == b"string" else client.call("LRANGE", key, 0, -1)

def told(client, key):
    kind = client.call("TYPE", key)
    found = [kind.decode(), client.call("PEXPIRETIME", key), digest(value(client, kind, key))]
    if serial and client.call("OBJECT", "ENCODING", key) != b"hashtable":
        found.append(digest(client.call("DUMP", key)))
    return found

url, serial, prefix = sys.argv[1], sys.argv[2] == "serial", b"".join(word.encode() for word in sys.argv[3:])
client, found = connect(url), {}
dbs = [str(client.place["db"])] if url.startswith("redis") else [name[2:] for name in client.info("keyspace")]
for db in dbs:
    client.call("SELECT", db)
    cursor = b"0"
    while keys := client.call("SCAN", cursor, "COUNT", 1000):
        cursor, names = keys
        here = "" if url.startswith("redis") or db == "0" else f"db {db} "
        found |= {here + repr(key[len(prefix):]): told(client, key) for key in names if key.startswith(prefix)}
        if cursor == b"0":
            break
if not url.startswith("redis"):
    found["functions"] = digest(client.call("FUNCTION", "LIST", "WITHCODE"))
print(json.dumps(found, sort_keys=True))
"""


def wire(*words):
    """Return a command as redis reads it."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def rich(prefix="", *, seed=4, size=2_000_000, dbs=True):
    """Return commands that make keys of every kind, small and large, with odd names, times of expiry and groups."""
    chance, later = random.Random(seed), int(time.time()) + 86400
    data = chance.randbytes(size)
    p = prefix.encode()
    found = [
        wire("SET", p + b"empty", ""),
        wire("SET", p + b"all bytes", bytes(range(256))),
        wire("SET", p + b"12345", "-70000"),
        wire("SET", p + b"big", data),
        wire("SET", p + b"packed", b"kraftwerk " * 10000),
        wire("SET", p + b"odd \x00\xff\r\n$3\r\n*[name]?", "x"),
        wire("SET", p + b"long name " * 40, "y"),
        wire("SET", p + "ein schöner Schlüssel".encode(), "ä"),
        wire("SET", p + b"expires", "soon", "EXAT", later),
        wire("PFADD", p + b"visitors", *range(2000)),
        wire("SETBIT", p + b"bits", 100000, 1),
        wire("GEOADD", p + b"places", 8.54, 47.37, "zurich", 2.35, 48.85, "paris"),
        wire("ZADD", p + b"infinite", "inf", "a", "-inf", "b", "0.1", "c"),
        wire("RPUSH", p + b"large elements", *[data[n * 9000 : n * 9000 + 9000] for n in range(20)]),
        wire("HSET", p + b"expiring hash", "a", 1),
        wire("PEXPIREAT", p + b"expiring hash", later * 1000 + 123),
    ]
    for count in (1, 1200):
        found += [
            wire("RPUSH", p + b"list:%d" % count, *range(count)),
            wire("SADD", p + b"numbers:%d" % count, *range(count)),
            wire("SADD", p + b"set:%d" % count, *[f"member {n}" for n in range(count)]),
            wire(
                "HSET", p + b"hash:%d" % count, *[word for n in range(count) for word in (f"field {n}", "v" * (n % 90))]
            ),
            wire("ZADD", p + b"sorted:%d" % count, *[word for n in range(count) for word in (n / 7, f"member {n}")]),
        ]
    for n in range(300):
        found.append(wire("XADD", p + b"stream", f"{1000 + n}-1", "number", n, "text", "t" * (n % 50)))
    found += [
        wire("XDEL", p + b"stream", "1005-1"),
        wire("XGROUP", "CREATE", p + b"stream", "readers", "0"),
        wire("XREADGROUP", "GROUP", "readers", "ada", "COUNT", 50, "STREAMS", p + b"stream", ">"),
        wire("XREADGROUP", "GROUP", "readers", "bob", "COUNT", 5, "STREAMS", p + b"stream", ">"),
        wire("XACK", p + b"stream", "readers", "1000-1", "1001-1"),
        wire("XGROUP", "CREATE", p + b"empty stream", "later", "$", "MKSTREAM"),
    ]
    found += [wire("SET", p + b"session:%d" % n, data[n : n + n % 100], "EXAT", later + n) for n in range(600)]
    if dbs:
        found += [
            wire("FUNCTION", "LOAD", "REPLACE", LIBRARY),
            wire("SELECT", 3),
            wire("SET", "in another database", 1),
        ]
    return b"".join(found)


def looking():
    """Return the program that prints a server's keys; its arguments: URL, `serial` or `values`, a prefix."""
    code = (MODULES / "kw_redis_wire.py").read_text()
    return code + LOOK


def look(node, url, *prefix, how="serial"):
    """Return all keys of a place with their types, times of expiry and digests; asked on a node."""
    words = ["python3", "-", url, how, *prefix]
    return json.loads(node.run(words, input=looking().encode()).stdout)
