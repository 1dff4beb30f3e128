"""Deploys and rollbacks while visitors never stop asking: no request fails."""

import time
from statistics import median

from tests.proof.found import Found, told
from tests.proof.stall import said

LEAST = 200  # requests a second
MINUTE = 60


def rollovers(stall, rounds=20, seconds=MINUTE, least=LEAST):
    """Deploy and go back so many times each, and longer until so many seconds are over, under load."""
    found, deploys, rollbacks = Found(), [], []
    with stall.visited() as visitors:
        began = time.monotonic()
        while len(deploys) < rounds or time.monotonic() < began + seconds:
            stall.edit()
            deploys.append(_timed(stall, found, "deploy", stall.node, "--yes"))
            rollbacks.append(_timed(stall, found, "rollback"))
            told(f"{len(deploys)}: deploy {deploys[-1]:.1f} s, rollback {rollbacks[-1]:.1f} s, {visitors.seen}")
        visitors.more()
    found.visited(visitors.seen)
    found.expect(found.figures["requests/s"] >= least, f"only {found.figures['requests/s']} requests/s")
    found.expect(not (left := stall.left()), f"left: {left}")
    found.figures |= {"deploys": len(deploys), "rollbacks": len(rollbacks)}
    found.figures |= {"deploy": round(median(deploys), 2), "rollback": round(median(rollbacks), 2)}
    return found


def _timed(stall, found, *words):
    """Run a command, see that what it says is live answers, and return its seconds."""
    began = time.monotonic()
    done = stall.kraftwerk(*words, check=False)
    seconds = time.monotonic() - began
    found.expect(done.returncode == 0, f"{words[0]} ended with {done.returncode}: {said(done)}")
    return seconds
