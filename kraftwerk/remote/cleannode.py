"""Runs on a node, as an argument of python3: finds what Salt and kraftwerk's engine keep there, and removes it.

On stdin it reads JSON: `remove`, whether it shall, and `paths`, those of kraftwerk; what runs that were killed left in
temporary folders is found beside. It prints JSON: `paths`, each with its size in bytes, and `processes`, their numbers.
"""

from __future__ import annotations  # the node's Python may be older than ours

import contextlib
import glob
import json
import os
import shutil
import signal
import sys
import time

ASIDE = ".gone"  # a folder that is being removed: the next run never meets half a folder under its own name
LEFT = ("/dev/shm/kraftwerk-salt-*", "/tmp/tmp*", "/var/tmp/tmp*")  # noqa: S108 - looked for
MARKS = ("lowstate.json", "pillar.json", "salt_state.tgz")  # what is in such a folder
PATIENCE = 5  # seconds that a process may take to end by itself


def of_a_run(path: str) -> bool:
    """Tell whether a temporary folder is one that a run of Salt left."""
    try:
        if os.path.islink(path) or not os.path.isdir(path) or os.stat(path).st_uid != os.geteuid():
            return False
    except FileNotFoundError:  # of a program that ended just now
        return False
    return "kraftwerk-salt-" in path or any(os.path.exists(os.path.join(path, mark)) for mark in MARKS)


def found(paths: list[str]) -> list[str]:
    """Return what there is of these paths, of removals that were interrupted, and of runs that were killed."""
    known = [each for path in paths for each in (path, path + ASIDE) if os.path.lexists(each)]
    return known + sorted(path for pattern in LEFT for path in glob.glob(pattern) if of_a_run(path))


def size(path: str) -> int:
    """Return how many bytes a file, or all files below a folder, have."""
    below = [os.path.join(top, name) for top, _, names in os.walk(path) for name in names] or [path]
    total = 0
    for file in below:
        with contextlib.suppress(OSError):
            total += os.lstat(file).st_size
    return total


def processes(paths: list[str]) -> list[int]:
    """Return the processes whose program, or an argument of theirs, is one of these paths or below it."""
    known = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{number}/cmdline", encoding="utf-8", errors="replace") as file:
            words = file.read().split("\0")
            if any(word == path or word.startswith(path + "/") for path in paths for word in words):
                known.append(int(number))
    return sorted(known)


def send(number: int, numbers: list[int]) -> None:
    """Send a signal to processes, also to those that ended meanwhile."""
    for each in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)


def stop(paths: list[str]) -> None:
    """End the processes, and wait until they have."""
    send(signal.SIGTERM, processes(paths))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not processes(paths):
            return
        time.sleep(0.02)
    send(signal.SIGKILL, processes(paths))


def remove(path: str) -> None:
    """Remove a file or a folder, a folder under another name."""
    if os.path.islink(path) or not os.path.isdir(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    if not path.endswith(ASIDE):
        shutil.rmtree(path + ASIDE, ignore_errors=True)
        os.rename(path, path + ASIDE)
        path += ASIDE
    shutil.rmtree(path)


def main() -> None:
    """Look, and remove when asked to."""
    asked = json.load(sys.stdin)
    paths = asked["paths"]
    there = found(paths)
    answer = {"paths": {path: size(path) for path in there}, "processes": processes(paths)}
    if asked["remove"]:
        stop(paths)
        for path in there:
            remove(path)
        for path in found(paths):  # what a process that ended just now wrote
            remove(path)
    print(json.dumps(answer))


main()
