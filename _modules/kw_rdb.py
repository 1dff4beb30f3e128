"""
Redis' own format of a snapshot, RDB: walked through as it streams by, counted, and narrowed down to a project's keys.

Values pass as they are, piece by piece: only keys are looked into, so that memory stays flat whatever a value's size.
"""

import platform
import tempfile
import time

__virtualname__ = "kw_rdb"
KNOWN = 12  # the newest version of the format that is understood here: redis 8.0
PIECE = 2**18
EOF, SELECT, RESIZE, SECONDS, MILLISECONDS, AUX = 0xFF, 0xFE, 0xFB, 0xFD, 0xFC, 0xFA
FREQUENCY, IDLE, MODULE_AUX, FUNCTION, SLOT = 0xF9, 0xF8, 0xF7, 0xF5, 0xF4
TYPES = {"string": (0,), "list": (1, 10, 14, 18), "set": (2, 11, 20), "zset": (3, 5, 12, 17)}
TYPES |= {"hash": (4, 9, 13, 16, 24, 25), "stream": (15, 19, 21)}
NAMES = {number: name for name, numbers in TYPES.items() for number in numbers}
ONE_STRING = (0, 9, 10, 11, 12, 13, 16, 17, 20)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MODULE = 7
LOADING = b"kraftwerk.load."  # what begins the names of keys that a load has beside the others
LONGEST = 2**26  # bytes of a text that is held in memory: a name, a library; an archive may claim any number
SOON = 600  # seconds: a key that lives longer than that is surely there when a load is checked


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_rdb: instances run on Linux nodes only"
    return __virtualname__


def walk(read, write=None, db=None, prefix=b"", check=None):
    """
    Walk through a snapshot, and hand on what is wanted of it. For other modules: the arguments are functions.

    read
        Function that returns the next bytes, and none at the end.
    write
        Function that takes bytes of the snapshot that comes out. Default: nothing comes out.
    db
        Number of the one database that is wanted, which becomes number 0. Default: all, with the functions in them.
    prefix
        What the names of wanted keys begin with, as bytes. Default: nothing, so that all are wanted.
    check
        Function that is given what is known before the first key, and may raise. Default: none.

    Returns ``format`` (its version), ``version`` (the server's), ``memory`` (bytes that its server had in use),
    ``counts``, ``left`` (keys that haven't expired by now) and ``lasting`` (those of them that won't soon). Raises
    ``RuntimeError`` for what is no snapshot, is cut off, or is of a version that isn't known here.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_rdb.walk  # not of use there
    """
    return _Walker(_Stream(read, write), db, prefix).walk(check)


def restore(read, put, check=None):
    """
    Walk through a snapshot, and hand over its keys with their values as ``RESTORE`` takes them, but for the checksum.

    read, put, check
        As for ``walk``; put is called for each key that hasn't expired, with its database, its name (bytes), when it
        expires (milliseconds since 1970, or 0), and a file of its value, written to its end.

    Returns and raises what ``walk`` does.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_rdb.restore  # not of use there
    """
    return _Giver(_Stream(read, None), put).walk(check)


class _Stream:
    """Bytes that are read ahead and written on, but for those that are dropped."""

    def __init__(self, read, write):
        self.read, self.write = read, write or (lambda data: None)
        self.buffer, self.at, self.start = b"", 0, 0

    def need(self, number):
        """Have so many bytes in the buffer. What lies between start and at is kept until it is decided on."""
        if len(self.buffer) - self.at >= number:
            return
        pieces, there = [self.buffer[self.start :]], len(self.buffer) - self.at
        while there < number:
            piece = self.read()
            if not piece:
                raise RuntimeError("the snapshot is cut off")
            pieces.append(piece)
            there += len(piece)
        self.buffer, self.at, self.start = b"".join(pieces), self.at - self.start, 0

    def take(self, number):
        """The next bytes."""
        self.need(number)
        self.at += number
        return self.buffer[self.at - number : self.at]

    def byte(self):
        """The next byte, as a number."""
        if self.at >= len(self.buffer):
            self.need(1)
        self.at += 1
        return self.buffer[self.at - 1]

    def skip(self, number, keep):
        """Pass bytes over. A value that is longer than a piece is handed on as it comes."""
        while number > PIECE:
            self.settle(keep)
            self.need(1)
            step = min(number, len(self.buffer) - self.at)
            self.at += step
            number -= step
        self.need(number)
        self.at += number
        if self.at - self.start > PIECE:
            self.settle(keep)

    def settle(self, keep):
        """Decide on what was passed since the last time: hand it on, or drop it."""
        if keep and self.at > self.start:
            self.write(self.buffer[self.start : self.at])
        self.start = self.at


class _Walker:
    """What was met on the way through a snapshot."""

    def __init__(self, stream, db, prefix):
        self.stream, self.wanted, self.prefix = stream, db, prefix
        self.narrow = db is not None
        self.db, self.keep = 0, True
        self.types, self.dbs, self.functions = {}, {}, 0
        self.aux, self.format = {}, 0
        self.now = time.time() * 1000
        self.left = self.lasting = 0

    def walk(self, check):
        """All the way; what was found."""
        stream = self.stream
        magic = stream.take(9)
        if magic[:5] != b"REDIS" or not magic[5:].isdigit():
            raise RuntimeError("this is no snapshot of redis")
        self.format = int(magic[5:])
        if self.format > KNOWN:
            raise RuntimeError(f"a snapshot of version {self.format}; known are those up to {KNOWN}")
        while True:
            code = stream.byte()
            if code != AUX and check:
                check(self.found())
                check = None
            if code == EOF:
                break
            keep = self._entry(code)
            if self.narrow or stream.at - stream.start > PIECE:
                stream.settle(keep or not self.narrow)
        self._end()
        return self.found()

    def found(self):
        """What `walk` returns."""
        counts = {"keys": sum(self.dbs.values()), "keys_by_db": self.dbs, "keys_by_type": self.types}
        if self.functions:
            counts["functions"] = self.functions
        server = {"version": self.aux.get("redis-ver", ""), "memory": int(self.aux.get("used-mem", 0))}
        return {"format": self.format, **server, "counts": counts, "left": self.left, "lasting": self.lasting}

    def _end(self):
        """The end, with the checksum; one that can't hold any more is 0, which means none."""
        if self.narrow:
            return self.stream.write(bytes([EOF]) + bytes(8))
        self.stream.take(8 if self.format >= 5 else 0)
        self.stream.settle(True)

    def _entry(self, code):
        """One entry; whether it is wanted where not all are."""
        if code < 0xF0 or code in (SECONDS, MILLISECONDS, IDLE, FREQUENCY):
            return self._key(code)
        if code == AUX:
            key, value = self._text(), self._text()
            self.aux[key.decode(errors="replace")] = value.decode(errors="replace")
            return key != b"used-mem"
        if code == SELECT:
            self.db = self._length()[0]
            self.keep = self.wanted in (None, self.db)
        elif code == RESIZE:
            self._length(), self._length()
        elif code == FUNCTION:
            self._library()
            self.functions += not self.narrow
        elif code == MODULE_AUX:
            self._length()
            self._module(not self.narrow)
        elif code == SLOT:
            self._length(), self._length(), self._length()
        else:
            raise RuntimeError(f"the snapshot has an entry that isn't known here: {code}")
        return False

    def _key(self, code):
        """A key with what is said before it."""
        stream, expires = self.stream, None
        while code >= 0xF0:
            if code == MILLISECONDS:
                expires = int.from_bytes(stream.take(8), "little")
            elif code == SECONDS:
                expires = int.from_bytes(stream.take(4), "little") * 1000
            elif code == IDLE:
                self._length()
            elif code == FREQUENCY:
                stream.byte()
            code = stream.byte()
        return self._pair(code, expires)

    def _library(self):
        """A library of functions, which belongs to the whole server."""
        self._string(not self.narrow)

    def _pair(self, code, expires):
        """A key and its value."""
        keep = self.keep
        if keep and self.narrow:
            key = self._text()
            keep = key.startswith(self.prefix) and not key.startswith(self.prefix + LOADING)
        else:
            self._string(keep)
        name = self._value(code, keep)
        if keep:
            self._count(name, expires)
        return keep

    def _count(self, name, expires):
        """Count a key, unless it had expired when the snapshot was made: a server drops such a one as it loads."""
        if expires is not None and expires <= int(self.aux.get("ctime", 0)) * 1000:
            return
        self.types[name] = self.types.get(name, 0) + 1
        db = "0" if self.narrow else str(self.db)
        self.dbs[db] = self.dbs.get(db, 0) + 1
        self.left += expires is None or expires > self.now
        self.lasting += expires is None or expires > self.now + SOON * 1000

    def _length(self):
        """A length, or the kind of an encoded string and True."""
        stream = self.stream
        first = stream.byte()
        kind = first >> 6
        if kind == 0:
            return first, False
        if kind == 1:
            return (first & 0x3F) << 8 | stream.byte(), False
        if kind == 3:
            return first & 0x3F, True
        wide = 8 if first == 0x81 else 4
        return int.from_bytes(stream.take(wide), "big"), False

    def _string(self, keep=True):
        """Pass a string over."""
        number, encoded = self._length()
        if not encoded:
            return self.stream.skip(number, keep)
        if number == 3:
            number = self._length()[0]
            self._length()
            return self.stream.skip(number, keep)
        return self.stream.skip(1 << number, keep)

    def _text(self):
        """A string as it is."""
        number, encoded = self._length()
        if not encoded:
            return self.stream.take(_bounded(number))
        if number == 3:
            number, full = self._length()[0], self._length()[0]
            return _unpacked(self.stream.take(_bounded(number)), _bounded(full))
        return b"%d" % int.from_bytes(self.stream.take(1 << number), "little", signed=True)

    def _value(self, code, keep):
        """Pass a value over, and return the name of its type."""
        if code in ONE_STRING:
            self._string(keep)
        elif code in (1, 2, 4, 14):
            self._strings(self._length()[0] * (2 if code == 4 else 1), keep)
        elif code == 3:
            self._scored(keep)
        elif code == 5:
            for _ in range(self._length()[0]):
                self._string(keep)
                self.stream.skip(8, keep)
        elif code == 18:
            for _ in range(self._length()[0]):
                self._length()
                self._string(keep)
        elif code in (24, 25):
            self._expiring(code, keep)
        elif code in (15, 19, 21):
            self._messages(code, keep)
        elif code == MODULE:
            return self._module(keep)
        else:
            raise RuntimeError(f"the snapshot has a kind of value that isn't known here: {code}")
        return NAMES[code]

    def _strings(self, number, keep):
        for _ in range(number):
            self._string(keep)

    def _scored(self, keep):
        """A sorted set whose scores are text; three lengths stand for what isn't a number."""
        for _ in range(self._length()[0]):
            self._string(keep)
            size = self.stream.byte()
            self.stream.skip(size if size < 253 else 0, keep)

    def _expiring(self, code, keep):
        """A hash whose fields expire: the earliest time, then each with its own."""
        self.stream.skip(8, keep)
        if code == 25:
            return self._string(keep)
        for _ in range(self._length()[0]):
            self._length()
            self._strings(2, keep)

    def _messages(self, code, keep):
        """A stream: its messages, its numbers, its groups with what they haven't confirmed."""
        self._strings(2 * self._length()[0], keep)
        for _ in range(3 if code == 15 else 8):
            self._length()
        for _ in range(self._length()[0]):
            self._string(keep)
            for _ in range(2 if code == 15 else 3):
                self._length()
            for _ in range(self._length()[0]):
                self.stream.skip(24, keep)
                self._length()
            for _ in range(self._length()[0]):
                self._string(keep)
                self.stream.skip(16 if code == 21 else 8, keep)
                self.stream.skip(16 * self._length()[0], keep)

    def _module(self, keep=True):
        """A value of a module's: its parts name their own kinds. Returns the module's name for its type."""
        number = self._length()[0]
        while part := self._length()[0]:
            if part == 5:
                self._string(keep)
            elif part in (3, 4):
                self.stream.skip(4 if part == 3 else 8, keep)
            else:
                self._length()
        return "".join(LETTERS[number >> 10 + 6 * place & 63] for place in range(8, -1, -1))


class _Giver(_Walker):
    """A walk whose keys are handed over, each with its value in a file of its own."""

    def __init__(self, stream, put):
        super().__init__(stream, None, b"")
        self.put = put

    def _library(self):
        self.put.library(self._text())

    def _pair(self, code, expires):
        key, stream = self._text(), self.stream
        stream.settle(False)
        with tempfile.SpooledTemporaryFile(max_size=16 * PIECE) as value:
            value.write(bytes([code]))
            stream.write = value.write
            name = self._value(code, True)
            stream.settle(True)
            stream.write = lambda data: None
            value.write(self.format.to_bytes(2, "little"))
            if not expires or expires > self.now:
                self.put(self.db, key, expires or 0, value)
        self._count(name, expires)
        return False


def _bounded(size):
    """A size, if it is one that fits into memory."""
    if size > LONGEST:
        raise RuntimeError(f"the snapshot is damaged: a name of {size} bytes")
    return size


def _unpacked(data, size):
    """A string that redis packed by LZF."""
    found, at = bytearray(), 0
    while at < len(data):
        control = data[at]
        at += 1
        if control < 32:
            found += data[at : at + control + 1]
            at += control + 1
            continue
        count = control >> 5
        if count == 7:
            count += data[at]
            at += 1
        back = len(found) - ((control & 31) << 8 | data[at]) - 1
        at += 1
        if back < 0 or len(found) > size:
            break
        for place in range(back, back + count + 2):
            found.append(found[place])
    if len(found) != size:
        raise RuntimeError("the snapshot is damaged")
    return bytes(found)
