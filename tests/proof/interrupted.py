"""Deploys that are interrupted at each phase: what was live serves on, and the next deploy needs no repair."""

import random
import subprocess
import time
from contextlib import contextmanager
from functools import partial

from kraftwerk import deploy, localargv, localboot, machine
from tests.proof.found import Found, told
from tests.proof.stall import said
from tests.proof.stopped import Stopped
from tests.waiting import wait_for

PHASES = tuple(phase.__name__ for phase in deploy.DEPLOY)
SERVING = ("stand_by", "boot", "gate", "switch", "workers", "drain", "grow")  # what kind of site it is matters in them
SWITCH, SOON = PHASES.index("switch"), PHASES.index("configure")  # half a second after which it may be live
# What comes by the network is dropped, in both directions and untold; who is in the node itself goes on.
CUT = """
table inet cut {
  chain in { type filter hook input priority 0; iif != lo drop; }
  chain out { type filter hook output priority 0; oif != lo drop; }
}
"""
MOMENTS = ("at its start", "in the middle")


@contextmanager
def cut(stall):
    """Cut a node's network for as long as the block runs."""
    inside = ["ip", "netns", "exec", localargv.link_of(stall.address), "nft"]
    subprocess.run([*inside, "-f", "-"], input=CUT.encode(), check=True)
    try:
        yield
    finally:
        subprocess.run([*inside, "delete", "table", "inet", "cut"], check=True)


def killed(stall, phases=PHASES, moments=MOMENTS):
    """Kill kraftwerk with -9 at each phase."""

    def kill(running, delay):
        running.on() if delay else None
        time.sleep(delay)
        running.process.kill()
        running.end()

    return _each(stall, phases, moments, kill)


def unplugged(stall, phases=PHASES, moments=MOMENTS[:1]):
    """Cut the node's network at each phase, until kraftwerk has given up."""

    def unplug(running, delay):
        running.on() if delay else None
        time.sleep(delay)
        with cut(stall):
            running.on() if not delay else None
            code, printed = running.end()
        told(f"it ended with {code}: {printed.strip().splitlines()[-1:]}")

    return _each(stall, phases, moments, unplug)


def _each(stall, phases, moments, interrupt):
    """Interrupt a deploy at each phase and moment, with visitors in the node itself."""
    found, healing = Found(), []
    with stall.visited(few=True, inside=True) as visitors:
        for phase in phases:
            for moment in moments:
                what = f"{phase}, {moment}"
                delay = random.uniform(0.02, 0.5) if moment == MOMENTS[1] else 0
                healing.append(_interrupted(stall, found, visitors, what, phase, partial(interrupt, delay=delay)))
    found.visited(visitors.seen)
    found.figures |= {"interruptions": len(healing), "next deploy": round(max(healing), 1)}
    return found


def _interrupted(stall, found, visitors, what, phase, interrupt):
    """Interrupt one deploy, look at what it left, and return the seconds that the next deploy took."""
    before, version = stall.live(), stall.edit()
    running = Stopped(stall, phase, "deploy", stall.node, "--yes", "--wait", "60")
    running.here()
    interrupt(running)
    visitors.more()
    if stall.live() != before:
        found.expect(PHASES.index(phase) >= SOON, f"{what}: release {stall.live()} is live instead of {before}")
    elif PHASES.index(phase) < SWITCH:
        found.expect(version not in visitors.seen["releases"], f"{what}: the new release answered")
    began = time.monotonic()
    version = stall.edit()
    done = stall.deploy("--wait", "60", check=False)
    seconds = time.monotonic() - began
    found.expect(done.returncode == 0, f"{what}: the next deploy ended with {done.returncode}: {said(done)}")
    found.expect(not (left := stall.left()), f"{what}: left {left}")
    found.expect(stall.answer()[1][:2] == [version] * 2, f"{what}: {stall.answer()} instead of {version}")
    states = list(stall.states().values())
    found.expect(states.count("live") == 1 and "new" not in states, f"{what}: releases are {states}")
    told(f"{what}: next deploy {seconds:.1f} s, failed {visitors.seen['failed']}")
    return seconds


def rebooted(stall, phases=("upload", "boot", "gate", "switch", "drain")):
    """Take the node's power at phases of a deploy, and after it; have it reboot in order after one, too."""
    found, seconds = Found(), []
    for phase in phases:
        before = stall.answer()[1][0]
        version = stall.edit()
        running = Stopped(stall, phase, "deploy", stall.node, "--yes")
        running.here()
        _power_fails(stall, running)
        running.end()
        seconds.append(_back(stall, found, f"power failed at {phase}", before, version))
        stall.deploy("--wait", "60")
        found.expect(stall.answer()[1][0] == version, f"{phase}: {stall.answer()} after the next deploy")
        found.expect(not (left := stall.left()), f"{phase}: left {left}")
        told(f"{phase}: it answered {seconds[-1]:.1f} s after its start")
    for what, again in (("power failed after a deploy", _power_fails), ("a reboot after a deploy", _reboots)):
        again(stall)
        seconds.append(_back(stall, found, what, version))
        found.expect(not (left := stall.left()), f"{what}: left {left}")
        told(f"{what}: it answered {seconds[-1]:.1f} s after its start")
    found.figures |= {"reboots": len(seconds), "until it answers": round(max(seconds), 1)}
    return found


def _power_fails(stall, running=None):
    """Kill the node, with all that runs on it; who deploys learns it then."""
    localboot.kill(machine.folder_of(stall.node))
    if running:
        running.on()
        running.process.wait(120)
    stall.kraftwerk("start-node", stall.node)


def _reboots(stall):
    """Have the node reboot in order, and wait until another boot answers."""
    words = ("run", "--as", "root", "--", "cat", "/proc/sys/kernel/random/boot_id")
    before = stall.kraftwerk(*words).stdout
    stall.kraftwerk("run", "--as", "root", "--", "systemctl", "reboot", check=False)
    wait_for(lambda: stall.kraftwerk(*words, check=False).stdout.strip() not in ("", before.strip()))


def _back(stall, found, what, *releases):
    """Wait until the site answers again by itself, see that it is one of those releases, and return the seconds."""
    began = time.monotonic()
    wait_for(lambda: stall.answer()[0] == 200, 60)
    seconds = time.monotonic() - began
    found.expect(stall.answer()[1][0] in releases, f"{what}: {stall.answer()[1][0]} answers, not one of {releases}")
    return seconds
