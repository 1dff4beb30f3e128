"""More workers of gunicorn, or fewer: as many as are wanted, though one that is to end has something to finish."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from kraftwerk.remote import script
from tests.waiting import wait_for

# As gunicorn's master: one worker more at TTIN; at TTOU one fewer, which ends two seconds later.
MASTER = """\
import signal, subprocess, sys, threading
workers = [subprocess.Popen(["sleep", "60"]) for _ in range(int(sys.argv[1]))]
def end():
    leaving = workers.pop()
    threading.Timer(2, lambda: (leaving.kill(), leaving.wait())).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM})
print("up", flush=True)
while True:
    number = signal.sigwait({signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM})
    if number == signal.SIGTERM:
        [each.kill() for each in workers]
        break
    workers.append(subprocess.Popen(["sleep", "60"])) if number == signal.SIGTTIN else end()
"""


@contextmanager
def master(tmp_path, workers):
    """Run such a master in the live slot of a node's files in a folder."""
    for folder in ("web/shop/slots", "service/shop-web-a/supervise"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "web/shop/slots/live").symlink_to("a")
    (tmp_path / "service/shop-web-a/run").write_text('set -- gunicorn --workers 3 \\\n  "$@" --workers "$(cat few)"\n')
    with subprocess.Popen([sys.executable, "-c", MASTER, str(workers)], stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"up\n"
        (tmp_path / "service/shop-web-a/supervise/pid").write_text(str(running.pid))
        try:
            yield running.pid
        finally:
            running.send_signal(signal.SIGTERM)


def resize(tmp_path, *count):
    text = script("resize").replace("/web/", f"{tmp_path}/web/").replace("/etc/", f"{tmp_path}/")
    subprocess.run(["sh", "-seu", "--", "shop", *count], input=text, text=True, check=True)


@pytest.mark.parametrize(("before", "count", "after"), [(1, (), 3), (4, ("1",), 1), (3, (), 3), (1, ("5",), 5)])
def test_there_are_as_many_as_wanted(tmp_path, before, count, after):
    with master(tmp_path, before) as pid:
        resize(tmp_path, *count)
        wait_for(lambda: int(subprocess.run(["pgrep", "-c", "-P", str(pid)], stdout=-1, check=False).stdout) == after)


def test_where_nothing_is_live_nothing_is_done(tmp_path):
    resize(tmp_path)
