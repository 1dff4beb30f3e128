"""Something on a node that waits, so that a test has all the time that it needs to end it there.

A program waits at its start, or a statement of PostgreSQL's for what is locked.
"""

import shlex
from contextlib import contextmanager

from kraftwerk import process

AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "psql", "-XqAt"]
# Stands before the program itself on PATH. Whoever runs it may write here; it goes on when its hold is taken away,
# or after five minutes: a test that waits for what never comes shall fail, not hang.
WRAPPER = """#!/bin/sh
case "$*" in *{word}*)
  echo $$ >{folder}/$$ && mv {folder}/$$ {folder}/pid
  for _ in $(seq 6000); do [ -e {folder}/hold ] || break; sleep 0.05; done;;
esac
exec /usr/bin/{program} "$@"
"""


@contextmanager
def held(connection, program, word=""):
    """Have a program on a node wait at its start for as long as the block runs, where its arguments hold a word.

    Yields a function that waits until it was started, and returns its pid. Signals end it as they end the program.
    """
    folder, own = f"/run/held-{program}", f"/usr/local/bin/{program}"
    wrapper = WRAPPER.format(word=shlex.quote(word), folder=folder, program=program)
    prepare = f"mkdir {folder}; chmod 1777 {folder}; : >{folder}/hold; cat >{own}; chmod 755 {own}"
    connection.run(["sh", "-euc", prepare], input=wrapper.encode())
    started = f"until [ -e {folder}/pid ]; do sleep 0.05; done; cat {folder}/pid"
    try:
        yield lambda: connection.script(started, timeout=180).stdout.decode().strip()
    finally:
        connection.script(f"rm -rf {own} {folder}")


@contextmanager
def locked(connection, statement, database):
    """Have whoever needs what a statement locks wait for as long as the block runs: `waiting` tells that it does."""
    running = connection.popen([*AS_POSTGRES, database], stdin=process.PIPE, stdout=process.PIPE)
    running.stdin.write(f"BEGIN; {statement}; SELECT 1;\n".encode())
    running.stdin.flush()
    assert running.stdout.readline() == b"1\n"
    try:
        yield
    finally:
        running.stdin.close()
        running.stdout.close()
        running.wait()


def waiting(connection):
    """Tell whether somebody waits for what is locked."""
    return connection.text([*AS_POSTGRES, "-c", "SELECT count(*) FROM pg_locks WHERE NOT granted"]).strip() != "0"
