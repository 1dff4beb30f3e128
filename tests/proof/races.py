"""Two admins who deploy the same site at the same moment: one wins, the other hears who holds the lock."""

import random
import re
import shutil
import time

from kraftwerk import node as nodes
from tests.proof.found import Found, told
from tests.proof.stopped import Stopped

HOLDER = re.compile(r"is locked by \S+@\S+ .*(deploy|kraftwerk)")


def races(stall, folder, rounds=50):
    """Have two deploys begin to lock at once, so many times; visitors see whole releases only."""
    other = _colleague(stall, folder)
    found, wins = Found(), {"first": 0, "second": 0}
    with stall.visited(few=True) as visitors:
        for number in range(1, rounds + 1):
            won = _race(stall, other, found, number, folder / "home")
            wins[won] = wins.get(won, 0) + 1
            told(f"{number}: {won}")
    found.visited(visitors.seen)
    found.expect(not (left := stall.left()), f"left: {left}")
    found.figures |= {"races": rounds, "won by the first": wins["first"], "won by the second": wins["second"]}
    return found


def _colleague(stall, folder):
    """Return the project as a colleague has it, whose kraftwerk knows the same nodes by keys of its own home."""
    home = folder / "home"
    home.mkdir(parents=True)
    for file in (nodes.roster_file(), nodes.known_hosts_file()):
        shutil.copy(file, home)
    shutil.copytree(nodes.private_key_file().parent, home / "keys")
    return stall.copy(folder / stall.name)


def _race(stall, other, found, number, home):
    """Race once; return who won."""
    before = stall.live()
    words = ("deploy", stall.node, "--yes", "--wait", "0")
    versions = {"first": stall.edit(f"first{number}"), "second": other.edit(f"second{number}")}
    running = {
        "first": Stopped(stall, "lock", *words),
        "second": Stopped(other, "lock", *words, env={"KRAFTWERK_HOME": str(home)}),
    }
    for each in running.values():
        each.here()
    for each in random.sample(list(running.values()), 2):
        each.on()
        time.sleep(random.choice([0, 0, 0.01, 0.05]))
    ended = {who: each.end() for who, each in running.items()}
    winners = [who for who, (code, _) in ended.items() if code == 0]
    if not found.expect(len(winners) == 1, f"race {number}: {winners} won: {ended}"):
        return "neither" if not winners else "both"
    loser = ended[next(who for who in running if who not in winners)]
    found.expect(HOLDER.search(loser[1]), f"race {number}: who lost heard: {loser}")
    version = versions[winners[0]]
    status, said = stall.answer()
    found.expect((status, said[:2]) == (200, [version] * 2), f"race {number}: {said} instead of {version}")
    found.expect(stall.live() == before + 1, f"race {number}: release {stall.live()} after {before}")
    return winners[0]
