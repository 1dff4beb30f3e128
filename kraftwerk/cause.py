"""Why a release doesn't come up, in the words of its own log."""

import re
from dataclasses import dataclass

# The line that ends a traceback; the exceptions that wrap the telling one come after it, and Python says so.
RAISED = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (.*))?$")
TRACEBACK = "Traceback (most recent call last):"
LACKING = re.compile(r"os\.environ\[|in __getitem__|frozen os|/os\.py|envvar|environment variable", re.IGNORECASE)
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")
KILLED = re.compile(r"was sent SIGKILL")
TIMEOUT = re.compile(r"\[CRITICAL\] WORKER TIMEOUT")
NO_MEMORY = ("MemoryError", "Cannot allocate memory")
EXITED = re.compile(r"Worker \(pid:\d+\) exited with code (\d+)")
FEWER = "kraftwerk config set workers 1"


@dataclass(frozen=True)
class Cause:
    """What a log says: a sentence, empty where it says nothing; and the command that may help."""

    text: str = ""
    next_command: str = ""


def find(log: str) -> Cause:
    """Return what the last traceback of a log ends with, or what became of the workers.

    Args:
        log: its last lines, without stamps.
    """
    lines = log.splitlines()
    if any(word in log for word in NO_MEMORY):
        return Cause("its processes ran out of memory", FEWER)
    if KILLED.search(log):
        return Cause("its processes were killed; did the node run out of memory?", FEWER)
    if TIMEOUT.search(log):
        return Cause("its workers took too long and were killed", "kraftwerk config set timeout 120")
    raised = _raised(lines)
    if raised and (name := _variable(raised, lines)):
        return Cause(f"{raised}: the variable {name} is not set", f"kraftwerk config set environ.{name} VALUE")
    if not raised and (exited := EXITED.findall(log)):
        return Cause(f"its workers exit with code {exited[-1]}")
    return Cause(raised)


def _raised(lines: list[str]) -> str:
    """Return the line that ends the last traceback, or nothing."""
    starts = [number for number, line in enumerate(lines) if line == TRACEBACK]
    for line in lines[starts[-1] + 1 :] if starts else []:
        if not line.startswith((" ", "\t")) and RAISED.match(line):
            return line
    return ""


def _variable(raised: str, lines: list[str]) -> str:
    """Return the environment variable that an exception misses, or nothing."""
    found = VARIABLE.search(raised.partition(":")[2])
    telling = LACKING.search(raised) or (raised.startswith("KeyError") and LACKING.search("\n".join(lines)))
    return found[0] if found and telling else ""
