"""`make bench`: the same work by kraftwerk and its peers, side by side in one run; see docs/benchmarks.md."""

import argparse
from pathlib import Path

from tests.benchmarks import install, report, work
from tests.benchmarks.lab import FILES, FULL, Lab
from tests.benchmarks.measure import alternate
from tests.benchmarks.peers.ansible import Ansible
from tests.benchmarks.peers.capistrano import Capistrano
from tests.benchmarks.peers.fabric import Fabric
from tests.benchmarks.peers.kraftwerk import Kraftwerk
from tests.benchmarks.peers.pyinfra import Pyinfra
from tests.benchmarks.peers.saltssh import SaltSsh
from tests.benchmarks.peers.ssh import Ssh
from tests.benchmarks.rows import ROWS, Peers

PEERS = (Kraftwerk, Ssh, Fabric, Pyinfra, Ansible, Capistrano, SaltSsh)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="rounds of each row (7)")
    parser.add_argument("--nodes", type=int, default=32, metavar="N", help="how far the growth goes (32)")
    parser.add_argument("--only", action="append", choices=[row.key for row in ROWS], help="this row; repeatable")
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


def main() -> None:
    """Measure, and write what was found."""
    asked = arguments()
    install.peers()
    lab = Lab(asked.lab) if asked.lab else Lab()
    lab.folder.mkdir(exist_ok=True)
    try:
        lab.make_nodes(asked.nodes)
        peers = prepared(lab)
        found = {}
        for row in ROWS:
            if not asked.only or row.key in asked.only:
                print(f"{row.title.format(many=len(lab.eight))}", flush=True)
                found[row.key] = alternate(lab, row.jobs(lab, peers), asked.repeat, lambda _: None)
                report.show(row, found[row.key])
    finally:
        if not asked.lab:
            lab.remove()


if __name__ == "__main__":
    main()
