"""For all tests: no test touches the developer's own configuration, and CI takes no skipped node test for an answer."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from kraftwerk import localbase, privilege, saltway, screen, snapshot
from kraftwerk.errors import KraftwerkError
from tests.browser import browser  # noqa: F401 - a fixture for all tests

MEMORY = Path("/dev/shm")
ROOM = 10 << 30  # bytes


def pytest_configure(config):
    """Give the whole run an empty KRAFTWERK_HOME; tests that write take one of their own.

    KRAFTWERK_TRANSPORT=salt stays: it runs everything once more through Salt's stock program.
    A shell starts what runs in the background deaf to Ctrl-C, and all its children are: tests press it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    starts_it = not hasattr(config, "workerinput")  # who starts the workers, or works alone
    if starts_it:
        work_in_memory(config)
    for name in [name for name in os.environ if name.startswith("KRAFTWERK_") and name != saltway.VARIABLE]:
        del os.environ[name]
    folder = tempfile.mkdtemp(prefix="kw-tests-")
    os.environ["KRAFTWERK_HOME"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if starts_it:
        os.environ["TESTS_RUN"] = f"run{os.getpid()}"
        config.add_cleanup(remove_bases)


def work_in_memory(config):
    """Have nodes and folders of tests in memory, where there is much of it.

    A file on a disk takes 0.7 ms more to make while ext4 remembers that many were deleted, as nodes are all the time.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        return
    folder = tempfile.mkdtemp(prefix="kw-", dir=MEMORY)
    os.chmod(folder, 0o1777)  # as /tmp: some tests are other users
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items):
    """Begin with tests on nodes: the many short ones fill the time of the worker that has done its long ones first."""
    items.sort(key=lambda item: "integration" not in item.path.parts)


def remove_bases():
    """Remove the bases of nodes that this run's workers made for each other."""
    run = os.environ["TESTS_RUN"]
    for base in localbase.bases_home().glob(f"*-{run}"):
        snapshot.remove(base.name)
    for lock in localbase.bases_home().glob(f".*-{run}.lock"):
        lock.unlink()


@pytest.fixture(autouse=True)
def _plain_screen(monkeypatch):
    """Undo what a test's -v, -q or --debug set."""
    monkeypatch.setattr(screen.settings, "verbosity", 0)
    monkeypatch.setattr(screen.settings, "debug", False)


def pytest_runtest_setup(item):
    """Skip tests on real nodes where nobody can make one."""
    if item.get_closest_marker("node"):
        try:
            privilege.obtain()
        except KraftwerkError as error:
            pytest.skip(f"no local node here: {error.cause}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, turn the skip of a test on a node into a failure."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("node") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI doesn't take: {call.excinfo.value if call.excinfo else ''}"
    return report
