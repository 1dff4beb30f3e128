"""Print all that is in a MariaDB database, by its bytes: an eye of its own, which has nothing of kraftwerk's in it."""

import subprocess
import sys

CODE = {
    "PROCEDURE": "SELECT name FROM mysql.proc WHERE type = 'PROCEDURE' AND db",
    "FUNCTION": "SELECT name FROM mysql.proc WHERE type = 'FUNCTION' AND db",
    "TRIGGER": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema",
    "EVENT": "SELECT event_name FROM information_schema.events WHERE event_schema",
}


def rows(query):
    """What the server answers, by lines and fields."""
    words = ["mariadb", "-N", "--raw", "--default-character-set=utf8mb4", sys.argv[1]]
    text = f"SET time_zone = '+00:00', sql_mode = ''; {query}"
    answer = subprocess.run(words, input=text, text=True, stdout=subprocess.PIPE, check=True).stdout
    return [line.split("\t") for line in answer.split("\n")[:-1]]


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def show(table, kind):
    """Print how a table is made, and its rows."""
    made = "\n".join("\t".join(row) for row in rows(f"SHOW CREATE TABLE {quoted(table)}"))
    print(f"== {table} {kind}", made.replace("INVISIBLE DEFAULT 7", "DEFAULT 7 INVISIBLE"))  # which has no order
    if kind == "SEQUENCE":
        return
    fields = [
        f"COALESCE(HEX(CAST({quoted(row[0])} AS BINARY)), '')" for row in rows(f"SHOW COLUMNS FROM {quoted(table)}")
    ]
    history = kind == "SYSTEM VERSIONED"
    if history:  # the last moment of a row that is still there depends on the server's version
        fields += ["row_start", "IF(row_end > '2038-01-01', 'still', row_end)"]
    query = f"SELECT {', '.join(fields)} FROM {quoted(table)} {'FOR SYSTEM_TIME ALL' if history else ''}"
    print("\n".join(sorted(" ".join(row) for row in rows(query))))
    print(rows(f"CHECK TABLE {quoted(table)}")[-1])


for each in rows(
    "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
):
    show(*each)
for what, names in CODE.items():
    for (name,) in rows(f"{names} = DATABASE() ORDER BY 1"):
        print(
            rows(f"SHOW CREATE {what} {quoted(name)}")[: -1 if what == "TRIGGER" else None]
        )  # last comes when it was made
print(rows("SELECT @@character_set_database, @@collation_database"))
print(
    rows("SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1")
)
