"""
What pg_restore lists of an archive, and the SQL that it makes of some entries: sorted, and with roles renamed.

Pure functions for the modules of the service postgres. Text is what bytes are in latin-1: an archive's encoding is its
own, and all that is looked for here is ASCII.
"""

import platform
import re

__virtualname__ = "kw_pgtoc"
# What an entry is begins its line, after three numbers. All else is restored as it comes, by the instance's role.
KINDS = {
    "extensions": r"EXTENSION|COMMENT - EXTENSION",
    "left out": r"SUBSCRIPTION( TABLE)?|COMMENT - SUBSCRIPTION|SECURITY LABEL",
    "admin": r"EVENT TRIGGER|PUBLICATION|PUBLICATION TABLE|PUBLICATION TABLES IN SCHEMA"
    r"|COMMENT - (EVENT TRIGGER|PUBLICATION)",
    "policies": r"ROW SECURITY|POLICY|USER MAPPING",
    "grants": r"ACL|DEFAULT ACL",
}
ENTRY = re.compile(
    r"(\d+); \d+ \d+ (?:" + "|".join(f"(?P<k{n}>{kind})" for n, kind in enumerate(KINDS.values())) + ") "
)
TOKEN = re.compile(
    r"""(?P<quoted>"(?:[^"]|"")*")|(?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')|(?P<dollar>\$((?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?)\$.*?\$\4\$)"""
    r"""|(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<meta>(?<![^\n])\\[^\n]*)|(?P<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*)"""
    r"""|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL | re.ASCII,
)
# By an administrator only: what makes a publication of all tables, with nothing in it that psql would replace.
# No event triggers: their functions are the archive's, and would run with the rights of whoever changes the schema.
IDENTIFIER, LITERAL = r"""(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")""", "'(?:[^']|'')*'"
OPTION = f"[a-z_]+ = (?:[a-z]+|{LITERAL})"
HARMLESS = re.compile(
    rf"CREATE PUBLICATION {IDENTIFIER} FOR ALL TABLES(?: WITH \({OPTION}(?:, {OPTION})*\))?"
    rf"|ALTER PUBLICATION {IDENTIFIER} ADD TABLES IN SCHEMA {IDENTIFIER}"
    rf"|COMMENT ON PUBLICATION {IDENTIFIER} IS {LITERAL}"
)


def __virtual__():
    """Load on Linux only, as kw_postgres does."""
    if platform.system() != "Linux":
        return False, "kw_pgtoc: instances run on Linux nodes only"
    return __virtualname__


def sort(listing):
    """
    Sort an archive's list of contents by who restores what.

    listing
        What ``pg_restore --list`` printed.

    Returns ``{"role" | "extensions" | "admin" | "policies" | "grants" | "left out": [line, …]}``, each in its order.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgtoc.sort "$(pg_restore --list mysite.dump)"
    """
    found = {kind: [] for kind in (*KINDS, "role")}
    kinds = list(KINDS)
    for line in listing.splitlines():
        if not line or line.startswith(";"):
            continue
        match = ENTRY.match(line)
        kind = "role" if match is None else next(kinds[int(key[1:])] for key, text in match.groupdict().items() if text)
        found[kind].append(line)
    return found


def statements(text):
    """
    The statements of a script as lists of tokens ``[kind, text]``, without comments and without psql's own commands.

    text
        SQL as pg_restore writes it.

    Raises ``ValueError`` for a backslash: it would be a command of psql's, which pg_restore writes on lines of its own.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgtoc.statements 'SELECT 1; SELECT 2'
    """
    found, current = [], []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "other" and match[0] == ";":
            found.append(current)
            current = []
        elif kind == "other" and match[0] == "\\":
            raise ValueError("the dump's SQL holds a command for psql: it isn't as pg_dump writes it")
        elif kind not in ("comment", "meta") and (current or kind != "space"):
            current.append([kind, match[0]])
    return [*found, *([current] if current else [])]


def renamed(tokens, names):
    """
    A statement that grants, revokes or makes a policy, with roles renamed, and the roles that it names then.

    tokens
        One of ``statements``.
    names
        ``{old name: new name}``.

    Returns ``(text, roles)``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgtoc.renamed '[[word, TO], [space, " "], [word, web]]' '{web: "web-mysite"}'
    """
    roles, written, before, depth, listed = set(), [], ["", ""], 0, False
    for kind, text in tokens:
        is_role = (
            depth == 0 and kind in ("word", "quoted") and (_expects_role(before) or (before[-1] == "," and listed))
        )
        if is_role and text != "PUBLIC":
            name = text[1:-1].replace('""', '"') if kind == "quoted" else text
            name = names.get(name, name)
            roles.add(name)
            text = identifier(name)
        written.append(text)
        if kind != "space":
            listed = is_role or (listed and text == ",")
            depth += {"(": 1, ")": -1}.get(text, 0)
            before = [before[-1], text]
    return "".join(written), sorted(roles)


def _expects_role(before):
    """Whether a role comes next: pg_dump writes keywords in capitals, and quotes names that are keywords."""
    return before[-1] in ("TO", "FROM") or before in (["FOR", "ROLE"], ["MAPPING", "FOR"])


def harmless(text):
    """
    Whether an administrator may run a statement of an archive: one that makes a publication, and no more.

    text
        One of ``statements``, written out.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgtoc.harmless 'DROP DATABASE mysite'
    """
    return HARMLESS.fullmatch(text.strip()) is not None


def identifier(name):
    """
    A name as SQL takes it.

    name
        Any text.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgtoc.identifier web-mysite
    """
    return '"' + name.replace('"', '""') + '"'
