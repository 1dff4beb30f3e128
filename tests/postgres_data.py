"""A rich data set for a PostgreSQL on a node, and all that a database holds and is, as text."""

from pathlib import Path

SQL = Path(__file__).parent / "integration" / "postgres"
LEFT_OUT = ("Type: SUBSCRIPTION", "EVENT TRIGGER")  # what no load brings


def run(node, text, database, user="postgres", **names):
    """Run SQL with psql, and return what it printed."""
    sets = [f"--set={key}={value}" for key, value in names.items()]
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", "-C", "/", "LC_ALL=C.UTF-8"]
    command = [*become, "psql", "-XqAt", "--set=ON_ERROR_STOP=1", *sets, "-d", database]
    return node.run(command, input=text.encode()).stdout.decode()


def install(node):
    """Have the server know the extension that the data set needs."""
    node.script((SQL / "extension.sh").read_text())


def fill(node, instance):
    """Make the data set in the database of an instance, which is empty."""
    role = f"web-{instance}"
    install(node)
    run(node, (SQL / "admin.sql").read_text(), instance, role=role, name=instance)
    run(node, (SQL / "role.sql").read_text(), instance, role, role=role, name=instance)


def contents(node, database):
    """Return all that a database holds and is."""
    rows = run(node, (SQL / "contents.sql").read_text(), database)
    schema = node.script('cd /; runuser -u postgres -- pg_dump --schema-only "$1" | grep -v restrict', database)
    return rows + schema.stdout.decode()


def without(text, *starts):
    """Return the blocks of comment and statement that pg_dump writes, but for those of some objects."""
    return [block.rstrip("-\n ") for block in text.split("\n\n--\n") if not any(start in block for start in starts)]
