"""
The text of mariadb-dump: what is in it is counted as it passes by, and names that hold on one server only go.

mariadb-dump writes each row on a line of its own, with line ends in values escaped, so rows can be told from all else
without understanding SQL. Counting them here costs no lock and no second look at the server: the counts are of the very
rows that the dump holds.
"""

import platform
import re

__virtualname__ = "kw_mysqltext"
PIECE = 2**20  # bytes that are read at a time
HELD = 48  # bytes that wait for what follows them: longer than anything that is looked for in rows
END = b");\n"
ROWS = re.compile(rb"INSERT (?:IGNORE )?INTO `((?:[^`]|``)+)` (?:\(.*?\) )?VALUES(?=\n| \()")
TABLE = re.compile(rb"CREATE TABLE `")
SEQUENCE = re.compile(rb"CREATE SEQUENCE `")
VIEW = re.compile(rb"/\*!50001 VIEW `")
PROGRAM = re.compile(
    rb"(?:/\*!\d+ )?CREATE.*?\b(TRIGGER|PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE|EVENT)\b", re.IGNORECASE
)
KINDS = {"trigger": "triggers", "event": "events"}  # everything else is a routine
NAME = rb"`(?:[^`]|``)*`"
DEFINER = re.compile(
    rb"^((?:/\*!\d+ )?(?:CREATE ?(?:\*/ /\*!\d+ |OR REPLACE )?)?)DEFINER=" + NAME + rb"(?:@" + NAME + rb")? ?"
)
# The last moment of a row that is still there, in the history of servers before 11.5 and since.
FOREVER = (b",'2038-01-19 03:14:07.999999')", b",'2106-02-07 06:28:15.999999')")


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_mysqltext: instances run on Linux nodes only"
    return __virtualname__


def exported(read, write, database):
    """
    Pass a dump on, so that it can be loaded under another name by another user, and count what it holds.

    Who made a view or a routine is left out: it belongs to who loads it. So is the database in a column's default.

    read
        Function that returns the next bytes, at most as many as it is told; none at the end.
    write
        Function that takes bytes.
    database
        Name of the database that is dumped.

    Returns ``rows`` by table and ``objects`` by kind: ``triggers views routines events sequences``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqltext.exported read write mysite
    """
    counter = _Counter(database)
    _scan(read, write, counter.line, counter.data)
    return {"rows": counter.rows, "objects": counter.objects}


def imported(read, write, forever):
    """
    Pass a dump on to a server that loads it.

    read
        As for ``exported``.
    write
        As for ``exported``.
    forever
        Whether the server's timestamps end in 2106: rows with a history that are still there say so by that moment.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqltext.imported read write True
    """
    if forever:
        _scan(read, write, lambda line, block: line, lambda table, data, starts: data.replace(*FOREVER))
        return
    while piece := read(PIECE):
        write(piece)


class _Counter:
    """Counts what a dump holds, and changes the lines that name a user or the database."""

    def __init__(self, database):
        name = b"`" + database.replace("`", "``").encode() + b"`"
        self.sequence = re.compile(rb"\b((?:next|last)val\()" + re.escape(name) + rb"\.", re.IGNORECASE)
        self.collation = b"ALTER DATABASE " + name + b" "
        self.rows, self.objects = {}, dict.fromkeys(("views", "triggers", "routines", "events", "sequences"), 0)
        self.begun = None  # the block whose program has begun: what follows is its text

    def line(self, line, block):
        """A line that is no row; ``block`` numbers the block of a program that it stands in, if it does."""
        if block and self.begun == block:
            return line
        if block:
            return self._program(line, block)
        if TABLE.match(line):
            self.rows.setdefault(_unquoted(line.split(b"`", 1)[1].rsplit(b"`", 1)[0]), 0)
        elif line.startswith(b"  `"):
            return self.sequence.sub(rb"\1", line)
        elif line.startswith(self.collation):
            return b"ALTER DATABASE " + line[len(self.collation) :]
        self.objects["sequences"] += bool(SEQUENCE.match(line))
        self.objects["views"] += bool(VIEW.match(line))
        return DEFINER.sub(rb"\1", line) if line.startswith(b"/*!50013 ") else line

    def _program(self, line, block):
        """A line before the text of a trigger, a routine or an event begins, or its first one."""
        if found := PROGRAM.match(line):
            self.begun = block
            kind = found[1].decode().lower()
            self.objects[KINDS.get(kind, "routines")] += kind != "package body"
            return DEFINER.sub(rb"\1", line)
        return line

    def data(self, table, data, starts):
        """A piece of rows; ``starts`` where the first of them stands on the line before."""
        name = _unquoted(table)
        self.rows[name] = self.rows.get(name, 0) + data.count(b"\n(") + starts
        return data


def _unquoted(name):
    return name.replace(b"``", b"`").decode(errors="replace")


def _scan(read, write, on_line, on_data):
    """Pass text on, by lines outside of rows and by pieces inside: a row may be larger than any piece."""
    scan, buffer = _Scan(on_line, on_data), b""
    while piece := read(PIECE):
        buffer = scan.feed(buffer + piece)
        write(b"".join(scan.out))
        scan.out.clear()
    write(on_line(buffer, scan.block))


class _Scan:
    """Where in a dump we are, and what is to be passed on."""

    def __init__(self, on_line, on_data):
        self.on_line, self.on_data, self.out = on_line, on_data, []
        self.table, self.starts = None, False  # whose rows these are, and whether the first stands on INSERT's own line
        self.block, self.blocks = 0, 0

    def feed(self, text):
        """Take what is complete in a text, and return the rest of it."""
        at = 0
        while (end := self._line(text, at) if self.table is None else self._rows(text, at)) is not None:
            at = end
        return text[at:]

    def _rows(self, text, at):
        """Take rows; returns where they end, None where more text is needed."""
        end = text.find(END, at)
        if end >= 0:
            stop = end + len(END)
        else:
            # What is looked for begins with a comma and has no other, so that none is cut in two here.
            stop = max(text.rfind(b",", at + 1, len(text) - HELD), at)
            stop = stop if stop > at else len(text) - HELD
            if stop - at <= HELD:
                return None
        self.out.append(self.on_data(self.table, text[at:stop], self.starts))
        self.table, self.starts = None if end >= 0 else self.table, False
        return stop

    def _line(self, text, at):
        """Take a line, or of an INSERT what stands before its rows."""
        end = text.find(b"\n", at) + 1
        if not end:
            return None
        line = text[at:end]
        if found := None if self.block else ROWS.match(line):
            self.table, self.starts = found[1], line[found.end() :].startswith(b" (")
            self.out.append(found[0])
            return at + found.end()
        if line.startswith(b"DELIMITER "):
            self.blocks += 1
            self.block = self.blocks if line.startswith(b"DELIMITER ;;") else 0
        self.out.append(self.on_line(line, self.block))
        return end
