"""Work that goes on while a block of a test runs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def repeated(*works, pause=0.0):
    """Do each work over and over, in a thread of its own, until the block ends; what one of them raises is raised then.

    pause: seconds between two times.
    """
    over = threading.Event()

    def repeat(work):
        while not over.wait(pause):
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(repeat, work) for work in works]
        try:
            yield
        finally:
            over.set()
    for each in running:
        each.result()


@contextmanager
def arguments_seen():
    """Collect the command lines of all processes that run meanwhile, of local nodes too, as bytes."""
    seen = set()

    def look():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                seen.add(path.read_bytes())

    with repeated(look, pause=0.01):
        yield seen
