"""What `kraftwerk --help` costs: as a ratio, since bare seconds differ from machine to machine."""

import subprocess
import sys
import time

LIMIT = 2.5  # times what importing click costs; on a machine of today that is 0.1 s over `python -c pass`
ROUNDS = 9
COMMANDS = (("-c", "pass"), ("-c", "import click"), ("-m", "kraftwerk", "--help"))


def seconds(words):
    """Return the time that a command takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, timeout=60, check=True)
    return time.perf_counter() - start


def test_help_is_immediate():
    rounds = [[seconds(words) for words in COMMANDS] for _ in range(ROUNDS)]
    empty, click_alone, full = (min(times) for times in zip(*rounds, strict=True))
    ratio = (full - empty) / (click_alone - empty)
    print(f"kraftwerk --help: {full - empty:.3f} s over an empty Python, {ratio:.2f} times an import of click")
    assert ratio < LIMIT
