"""
Keys of a project in a server that it shares with others: those of one database, or those with one prefix in it.

They are found by ``SCAN``, loaded beside the present ones under a prefix of their own, and take their place in one
transaction. For the module ``kw_redis``: ``client`` is a connection of ``kw_redis_wire``.
"""

import array
import platform
import sys
import time

__virtualname__ = "kw_redis_keys"
LOADING = b"kraftwerk.load."
BATCH = 500
REMEMBERED = 500_000  # names, in about 40 MB
PIECE = 2**20
POLYNOMIAL = 0x95AC9329AC4BC9B5  # of redis' CRC-64 ("Jones"), bits reversed
FORMATS = {"4": 8, "5": 9, "6": 9, "7.0": 10, "7.2": 11}  # of snapshots, by the server's version; 12 from 7.4 on
PREFIXES = 10000  # told apart at most
TOLD = 20
_table = []


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_redis_keys: instances run on Linux nodes only"
    return __virtualname__


def scan(client, prefix=b""):
    """
    The names of all keys in batches; those that a load has beside them are left out.

    client
        The connection.
    prefix
        What their names begin with. Default: nothing.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.scan  # not of use there
    """
    for batch in _scan(client, prefix):
        found = [key for key in batch if not key.startswith(prefix + LOADING)]
        if found:
            yield found


def types(client, keys):
    """
    The types of keys as text; ``none`` for one that is gone.

    client, keys
        The connection, and their names.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.types  # not of use there
    """
    return [_text(answer) for answer in _checked(client.many([("TYPE", key) for key in keys]))]


def snapshot(client, prefix=b""):
    """
    A snapshot of the keys in redis' own format, in pieces: each key as it is when it is read.

    client, prefix
        As for ``scan``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.snapshot  # not of use there
    """
    version = client.version()
    number = FORMATS.get(version.split(".")[0]) or FORMATS.get(".".join(version.split(".")[:2]), 12)
    facts = {"redis-ver": version, "ctime": int(time.time())}
    yield b"REDIS%04d" % number
    for key, value in facts.items():
        yield b"\xfa" + _string(key.encode()) + _string(str(value).encode())
    yield b"\xfe\x00"
    for keys in scan(client, prefix):
        seconds, micro = client.call("TIME")
        # Before 7.0 the time of expiry can't be asked for, only what is left of it.
        start = int(seconds) * 1000 + int(micro) // 1000 if number < FORMATS["7.0"] else 0
        asked = "PTTL" if start else "PEXPIRETIME"
        client.send(b"".join(client.command(asked, key) + client.command("DUMP", key) for key in keys))
        for key in keys:
            yield from _entry(client, key, start)
    yield b"\xff" + bytes(8)


def delete(client, prefix=b"", loading=False):
    """
    Delete keys for good. Returns how many.

    client, prefix
        As for ``scan``.
    loading
        Delete those that a load has beside the others, and not these. Default: ``False``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.delete  # not of use there
    """
    batches = _scan(client, prefix + LOADING) if loading else scan(client, prefix)
    return sum(client.call("UNLINK", *keys) for keys in batches if keys)


def restorer(client, rename, prefix=b"", single=False):
    """
    A function for ``kw_rdb.restore`` that puts keys into the server; its ``flush`` waits for the last of them.

    client
        The connection.
    rename
        Function that gives a key's name from the one in the snapshot.
    prefix
        What is put before each name. Default: nothing.
    single
        Keys of one database only, into the connection's, and no functions, which ``notes`` tells then. Default:
        ``False``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.restorer  # not of use there
    """
    return _Restorer(client, rename, prefix, single)


def swap(client, prefix, loaded):
    """
    Put loaded keys in the place of the present ones, in one transaction.

    client
        The connection.
    prefix
        What the names of the present keys begin with.
    loaded
        What stands before the names of the loaded ones; a key of this very name goes with them.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.swap  # not of use there
    """
    client.call("MULTI")
    try:
        # Another connection looks, as this one may only note down what is to be done.
        with client.again() as other:
            for keys in scan(other, prefix):
                _checked(client.many([("UNLINK", *keys)]))
            for keys in _scan(other, loaded):
                _checked(client.many([("RENAME", key, key[len(loaded) :]) for key in keys if key != loaded]))
        _checked(client.many([("UNLINK", loaded)]))
    except BaseException:
        client.close()  # which drops what was noted down
        raise
    # A key may have expired since it was found.
    _checked(answer for answer in client.call("EXEC") if "no such key" not in str(answer))


def groups(client, prefix=b"", sample=1, dbs=()):
    """
    Keys by the first part of their names, up to ``:``, and the largest ones.

    client, prefix
        As for ``scan``.
    sample
        Ask for the memory of each so many-th key only. Default: 1.
    dbs
        Numbers of databases to look into. Default: the connection's.

    Returns ``size`` of all in bytes, ``keys`` (``name``, ``count``, ``size``, estimated from those asked for) and
    ``largest`` (``name``, ``size``, ``type``), at most 20 of each.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.groups  # not of use there
    """
    found, largest, number = {}, [], 0
    for keys in _everywhere(client, prefix, dbs):
        for key in keys:
            _group(found, key[len(prefix) :])["count"] += 1
        chosen = [key for place, key in enumerate(keys, number) if place % sample == 0]
        number += len(keys)
        sizes = client.many([("MEMORY", "USAGE", key) for key in chosen])
        for key, size, kind in zip(chosen, sizes, types(client, chosen), strict=True):
            if isinstance(size, int):
                group = _group(found, key[len(prefix) :])
                group["weighed"], group["bytes"] = group["weighed"] + 1, group["bytes"] + size
                largest.append((size, key, kind))
        largest = sorted(largest, reverse=True)[:TOLD]
    keys = sorted((_told(*item) for item in found.items()), key=lambda each: -each["size"])
    return {
        "size": sum(each["size"] for each in keys),
        "keys": keys[:TOLD],
        "largest": [{"name": _text(key), "size": size, "type": kind} for size, key, kind in largest],
    }


def _everywhere(client, prefix, dbs):
    """Batches of keys of several databases."""
    for db in dbs or (None,):
        if db is not None:
            client.call("SELECT", db)
        yield from scan(client, prefix)


def _scan(client, prefix):
    """The names of all keys in batches. Redis may tell a name twice while its table grows: what fits is remembered."""
    cursor, pattern, seen = b"0", _pattern(prefix), set()
    while True:
        cursor, keys = client.call("SCAN", cursor, "MATCH", pattern, "COUNT", BATCH)
        keys = [key for key in dict.fromkeys(keys) if hash(key) not in seen]
        if len(seen) < REMEMBERED:
            seen.update(map(hash, keys))
        yield keys
        if cursor == b"0":
            return


def _pattern(prefix):
    """A prefix as MATCH takes it."""
    return b"".join(b"\\" + bytes([byte]) if byte in b"*?[]^\\" else bytes([byte]) for byte in prefix) + b"*"


def _checked(answers):
    """Answers, of which none may be an error."""
    for answer in answers or ():
        if isinstance(answer, Exception):
            raise answer
    return answers


def _entry(client, key, start):
    """One key of a snapshot, from the answers about its time of expiry, counted from a start, and to DUMP."""
    expires, size = client.answer(), client.bulk()
    if isinstance(expires, Exception):
        raise expires
    if size is None:
        return
    head = b"\xfc" + (start + expires).to_bytes(8, "little") if expires >= 0 else b""
    pieces, kept = client.pieces(size, ending=2), b""
    first = next(pieces)
    yield head + first[:1] + _string(key)
    kept = first[1:]
    for piece in pieces:
        kept += piece
        yield kept[:-12]
        kept = kept[-12:]
    if len(kept) > 12:
        yield kept[:-12]  # without version, checksum and the end of the line


class _Restorer:
    """Puts keys into a server, many at once."""

    def __init__(self, client, rename, prefix, single):
        self.client, self.rename, self.prefix, self.single = client, rename, prefix, single
        self.db, self.waiting, self.size = None, 0, 0
        self.notes = []

    def __call__(self, db, key, expires, value):
        """Put one key; see kw_rdb.restore."""
        if db != self.db:
            self._select(db)
        length = value.tell()
        words = self.client.command("RESTORE", self.prefix + self.rename(key), expires)
        self.client.send(b"*6" + words[2:] + b"$%d\r\n" % (length + 8))
        value.seek(0)
        checksum = 0
        while piece := value.read(PIECE):
            checksum = crc(piece, checksum)
            self.client.send(piece)
        ending = self.client.command("REPLACE", "ABSTTL").partition(b"\r\n")[2]
        self.client.send(checksum.to_bytes(8, "little") + b"\r\n" + ending)
        self.waiting, self.size = self.waiting + 1, self.size + length
        if self.waiting >= BATCH or self.size > PIECE:
            self.flush()

    def library(self, code):
        """Put a library of functions, unless it would be others', too."""
        if self.single:
            self.notes = ["left out: functions (FUNCTION LOAD), which a server that is shared has for all"]
        else:
            self.client.call("FUNCTION", "LOAD", "REPLACE", code)

    def _select(self, db):
        """Go on with another database."""
        if self.single and self.db is not None:
            raise RuntimeError("the archive has keys in several databases; a server that is shared takes one")
        if not self.single:
            self.flush()
            self.client.call("SELECT", db)
        self.db = db

    def flush(self):
        """Wait until all is there."""
        _checked([self.client.answer() for _ in range(self.waiting)])
        self.waiting = self.size = 0


def crc(data, checksum=0):
    """
    The checksum that ``RESTORE`` asks for, two bytes at a time.

    data
        Bytes.
    checksum
        Of what came before. Default: 0.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_keys.crc  # not of use there
    """
    if not _table:
        _table.extend(map(_remainder, range(65536)))
    table, even = _table, len(data) & ~1
    words = array.array("H", data[:even])
    if sys.byteorder == "big":
        words.byteswap()
    for word in words:
        checksum = table[(checksum ^ word) & 0xFFFF] ^ checksum >> 16
    if even < len(data):
        low = (checksum ^ data[-1]) & 0xFF
        checksum = _remainder(low, 8) ^ checksum >> 8
    return checksum


def _remainder(value, bits=16):
    for _ in range(bits):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


def _group(found, name):
    """What is known of the keys whose names begin as this one's does; beyond some number they aren't told apart."""
    group = name.partition(b":")[0] if b":" in name else b"(no prefix)"
    if group not in found and len(found) >= PREFIXES:
        group = b"(others)"
    return found.setdefault(group, {"count": 0, "weighed": 0, "bytes": 0})


def _told(name, group):
    """A group as `inspect` tells it."""
    average = group["bytes"] / group["weighed"] if group["weighed"] else 0
    return {"name": _text(name), "count": group["count"], "size": round(average * group["count"])}


def _string(data):
    """A string as a snapshot has it."""
    return b"\x80" + len(data).to_bytes(4, "big") + data


def _text(name):
    """A name as text; bytes that are none are shown as \\x…"""
    return name.decode(errors="backslashreplace")
