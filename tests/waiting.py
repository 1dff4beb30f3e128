"""Waiting on a condition: as short as it takes, and long enough for a machine that others keep busy."""

import time


def wait_for(condition, seconds=60):
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.03)
    return found
