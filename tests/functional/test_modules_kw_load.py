"""Swapping prepared data in: all of it, whatever becomes of who asked, and nobody takes it away meanwhile."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODULES = Path(__file__).parents[2] / "_modules"
# Calls `activate` with services that take their time, as the node's program does, and is killed meanwhile.
CALLER = """
import sys, time
sys.path.insert(0, sys.argv[3])
import test_modules_kw_load as here
here.module(sys.argv[1], here.slow(sys.argv[2])).activate("mysite", "a1b2c3d4", ["postgres", "files"])
"""


def module(folder, functions):
    """Return kw_load with these functions of others, and locks in a folder."""
    lock = _loaded("kw_lock")
    lock.FOLDER = str(folder)
    lock.__salt__ = {"kw_call.progress": lambda text: None}
    found = _loaded("kw_load")
    found.__salt__ = {"kw_lock.held": lock.held, "kw_archive.forget": lambda instance, token: None, **functions}
    return found


def _loaded(name):
    spec = importlib.util.spec_from_file_location(name, MODULES / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def slow(folder):
    """Return services whose swaps take half a second and leave a file."""

    def swap(service):
        def activate(instance, token):
            (Path(folder) / f"{service}.begun").touch()
            time.sleep(0.5)
            (Path(folder) / service).write_text(token)

        return activate

    return {f"kw_{service}.activate": swap(service) for service in ("postgres", "files")}


@pytest.fixture
def calls():
    return []


@pytest.fixture
def load(tmp_path, calls):
    """Return the module with services that note what is called, and of which `broken` fails as often as it is told."""

    def noting(name, failures):
        left = [failures]

        def function(instance, token):
            calls.append(name)
            if left[0]:
                left[0] -= 1
                raise RuntimeError("no more room")

        return function

    failing = {"flaky": 1, "broken": 2}
    services = ("postgres", "files", *failing)
    functions = {f"kw_{one}.activate": noting(one, failing.get(one, 0)) for one in services}
    functions["kw_postgres.discard"] = noting("discard", 1)
    return module(tmp_path, functions)


@pytest.mark.parametrize(
    ("services", "activated", "error"),
    [
        (["postgres", "files"], ["postgres", "files"], None),
        (["postgres", "flaky", "files"], ["postgres", "flaky", "files"], None),
        (["postgres", "broken", "files"], ["postgres"], "broken: no more room"),
        ([], [], None),
    ],
)
def test_one_after_the_other_up_to_one_that_fails_twice(load, services, activated, error):
    assert load.activate("mysite", "a1b2c3d4", services) == {"activated": activated, "error": error}


def test_what_can_not_be_removed_is_told(load):
    assert load.discard("mysite", "a1b2c3d4", ["postgres", "files"]) == ["postgres: no more room"]


def test_a_module_without_prepare(load):
    assert load.prepare("mysite", "postgres", "/nowhere", "a1b2c3d4") is None


def test_a_swap_goes_on_when_its_caller_is_killed_and_others_wait_for_its_end(tmp_path, calls):
    words = [sys.executable, "-c", CALLER, str(tmp_path), str(tmp_path), str(Path(__file__).parent)]
    caller = subprocess.Popen(words, start_new_session=True)
    while not (tmp_path / "postgres.begun").exists():
        assert caller.poll() is None
    os.killpg(caller.pid, signal.SIGKILL)
    caller.wait()
    discarding = {"kw_files.discard": lambda instance, token: calls.append((tmp_path / "files").read_text())}
    assert module(tmp_path, discarding).discard("mysite", "a1b2c3d4", ["files"]) == []
    assert calls == ["a1b2c3d4"]
