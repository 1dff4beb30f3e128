"""A program on a node that waits at its start, so that a test has all the time that it needs to end something there."""

import shlex
from contextlib import contextmanager

# Stands before the program itself on PATH. Whoever runs it may write here; it goes on when its hold is taken away.
WRAPPER = """#!/bin/sh
case "$*" in *{word}*)
  echo $$ >{folder}/$$ && mv {folder}/$$ {folder}/pid
  while [ -e {folder}/hold ]; do sleep 0.05; done;;
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
        yield lambda: connection.script(started, timeout=60).stdout.decode().strip()
    finally:
        connection.script(f"rm -rf {own} {folder}")
