"""Runs on a node, in a virtualenv, as a site's user: a program that is about to be started, and waits for its word.

standby.py WORD READY PROGRAM [ARGUMENT…]

Most of the time that an application takes to start goes by with what is no part of it: Python, gunicorn, its
framework, the driver of its database. They are loaded here before there is anything to start; none of the
application's own code is. Then PROGRAM, a Python script of the virtualenv, runs in this process, as soon as there is
a file WORD. Once there is the file READY, which this one makes, SIGUSR1 has it look at once.
"""

import importlib
import importlib.util
import os
import runpy
import shutil
import signal
import sys
import time
from contextlib import suppress

LOOK = 5  # seconds between two looks for the word, where no signal came
PATIENCE = 900  # seconds without a word, after which nobody will come any more
SETTINGS = "DJANGO_SETTINGS_MODULE"
# What defines things when it is imported, and does nothing else: no settings are read, nothing is opened or started.
PLAIN = (
    *("gunicorn.app.wsgiapp", "gunicorn.arbiter", "gunicorn.workers.sync", "gunicorn.ctl.server", "uvicorn_worker"),
    *("django.core.handlers.wsgi", "django.core.handlers.asgi", "django.contrib.admin", "django.db.migrations"),
    *("flask", "pyramid.config", "starlette.applications", "fastapi", "jinja2", "sqlalchemy.orm"),
    *("psycopg", "psycopg2", "MySQLdb", "pymysql", "redis"),
)
# What wants to change others before they are imported: then it all comes in the application's own order.
FIRST = ("gevent", "eventlet", "ddtrace", "newrelic")


def load(word: str, alone: bool) -> None:
    """Import what applications are made of, as far as it is installed: until there is the word, if it is for one worker
    alone; several have it from here, each of which would take as long for it by itself."""
    settings = os.environ.pop(SETTINGS, None)
    if not any(importlib.util.find_spec(name) for name in FIRST):
        for name in PLAIN:
            if alone and os.path.exists(word):
                break
            with suppress(Exception):  # not there, mostly; what is wrong with it the application will say
                importlib.import_module(name)
    if settings is not None:
        os.environ[SETTINGS] = settings


def main(word: str, ready: str, *words: str) -> None:
    """Load, wait for the word, and be that program."""
    signal.signal(signal.SIGUSR1, lambda *_: None)  # may come once the word was found already: it shall not end us
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    program = shutil.which(words[0]) or words[0]
    sys.path[0] = os.path.dirname(program)
    load(word, words[words.index("--workers") + 1] == "1" if "--workers" in words else True)
    os.close(os.open(ready, os.O_CREAT | os.O_WRONLY, 0o640))
    until = time.monotonic() + PATIENCE
    while not os.path.exists(word):
        if time.monotonic() > until:
            return
        signal.sigtimedwait({signal.SIGUSR1}, LOOK)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    sys.argv = [program, *words[1:]]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
