"""`make bench`: the same work by kraftwerk and its peers, side by side in one run; see docs/benchmarks.md."""

import argparse
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.benchmarks import earlier, first, growth, install, report, work
from tests.benchmarks.lab import BENCH, Lab
from tests.benchmarks.measure import WrongWork, alternate
from tests.benchmarks.peers.ansible import Ansible
from tests.benchmarks.peers.capistrano import Capistrano
from tests.benchmarks.peers.fabric import Fabric
from tests.benchmarks.peers.kraftwerk import Kraftwerk
from tests.benchmarks.peers.peer import Peers
from tests.benchmarks.peers.pyinfra import Pyinfra
from tests.benchmarks.peers.saltssh import SaltSsh
from tests.benchmarks.peers.ssh import Ssh
from tests.benchmarks.rows import ROWS, Row

GROWTH = "growth"
ENOUGH = 7  # rounds that a figure of the page has at least
DOCS = Path(__file__).parents[2] / "docs"
PEERS = (Kraftwerk, Ssh, Fabric, Pyinfra, Ansible, Capistrano, SaltSsh)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="rounds of each row (7)")
    parser.add_argument("--nodes", type=int, default=32, metavar="N", help="how far the growth goes (32)")
    parser.add_argument(
        "--only", action="append", choices=[*(row.key for row in ROWS), GROWTH], help="this row; repeatable"
    )
    parser.add_argument("--lab", type=Path, metavar="FOLDER", help="keep the nodes here for the next time")
    return parser.parse_args()


def prepared(lab: Lab) -> Peers:
    """Return the tools, each of which has its configuration and all works in its language."""
    works = (work.fifteen(), work.hundred())
    for each in works:
        each.write(lab.sources)
    peers = {peer.name: peer(lab) for peer in PEERS}
    for peer in peers.values():
        peer.prepare(works)
    return peers


def measure(lab: Lab, asked: argparse.Namespace) -> report.Found:
    """Return what the rows that were asked for found; one that fails holds up no other."""
    peers = prepared(lab)
    versions = {name: peer.version() for name, peer in peers.items()}
    found = report.Found(asked.repeat, len(lab.several), versions)
    steps = {row.key: partial(_row, lab, peers, row, asked.repeat, found) for row in ROWS}
    if len(lab.nodes) > 1:
        steps[GROWTH] = partial(_growth, lab, peers, asked.repeat, found)
    for key, step in steps.items():
        if not asked.only or key in asked.only:
            try:
                step()
            except (WrongWork, RuntimeError, subprocess.TimeoutExpired) as error:
                found.failed.append(key)
                print(f"  {key} could not be measured: {error}", flush=True)
    return found


def _row(lab: Lab, peers: Peers, row: Row, rounds: int, found: report.Found) -> None:
    print(row.title.format(many=found.many), flush=True)
    found.add(row, alternate(lab, row.jobs(lab, peers), rounds, told))


def _growth(lab: Lab, peers: Peers, rounds: int, found: report.Found) -> None:
    print("growth", flush=True)
    found.add_growth(growth.curves(lab, peers["kraftwerk"], rounds, told), growth.engine(lab))


def told(what: str) -> None:
    """Show what is at work, where there is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K  {what}\r", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and write what was found."""
    asked = arguments()
    install.peers()
    lab = Lab(asked.lab) if asked.lab else Lab()
    lab.folder.mkdir(exist_ok=True)
    began = time.monotonic()
    try:
        lab.make_nodes(asked.nodes)
        found = measure(lab, asked)
        if asked.lab:
            first.tidy(lab)
    finally:
        if not asked.lab:
            lab.remove()
    sound = asked.repeat >= ENOUGH and not found.failed
    if asked.only:
        sound = sound and earlier.complete(found, DOCS / "benchmarks.json")
    found.write(DOCS if sound else BENCH / "figures")
    print(f"{time.monotonic() - began:.0f} s in all")
    for line in found.missed():
        print(f"NOT MET  {line}")
    sys.exit(1 if found.failed else 0)


if __name__ == "__main__":
    main()
