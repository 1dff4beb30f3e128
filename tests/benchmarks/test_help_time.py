"""What `kraftwerk --help` costs over an empty Python: bare seconds differ from machine to machine, differences less."""

import subprocess
import sys
import time

LIMIT = 0.15  # seconds over `python -c pass`
ROUNDS = 9


def seconds(*words):
    """Return the least time of a command: what it costs when nothing else wants the machine."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, timeout=60, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_help_is_immediate(record_property):
    empty, click_alone, full = (
        seconds("-c", "pass"),
        seconds("-c", "import click"),
        seconds("-m", "kraftwerk", "--help"),
    )
    print(f"empty {empty:.3f} s, import click {click_alone:.3f} s, kraftwerk --help {full:.3f} s")
    print(f"over import click: {full / click_alone:.2f} times")
    record_property("help_over_empty", full - empty)
    assert full - empty < LIMIT
