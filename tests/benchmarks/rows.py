"""The rows of the table: which jobs stand side by side, what shows that their work was done, what is to be reached."""

import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks import first, nothing, redeploy, work
from tests.benchmarks.goals import Goal
from tests.benchmarks.lab import FILES, FULL, Lab
from tests.benchmarks.measure import Job, WrongWork
from tests.benchmarks.peers.kraftwerk import disconnect
from tests.benchmarks.peers.peer import Peer, Peers
from tests.benchmarks.peers.saltssh import stock


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        key: by which `--only` names it.
        jobs: makes the jobs, and checks beforehand that each tool's work is what it should be.
    """

    key: str
    title: str
    jobs: Callable[[Lab, Peers], list[Job]]
    goals: tuple[Goal, ...]


def _commanded(
    lab: Lab, nodes: Sequence[str], jobs: Sequence[tuple[str, Callable[[Sequence[str]], list[str]]]]
) -> None:
    """Have each job leave a mark on each node, to see that it really runs a command there."""
    for name, words in jobs:
        mark = f"/tmp/bench-{secrets.token_hex(8)}"
        lab.run(words(["touch", mark]), cwd=lab.project)
        for node in nodes:
            if "there" not in lab.node_script(node, f"test -e {mark} && echo there; rm -f {mark}\n"):
                raise WrongWork(f"{name} ran no command on {node}")


def one_off(lab: Lab, peers: Peers) -> list[Job]:
    """A one-off command on the full node."""
    ways = [(name, lambda words, peer=peer: peer.one_off([FULL], words)) for name, peer in peers.items()]
    ways.append(("salt-ssh -r", lambda words: stock(peers).raw([FULL], words)))
    _commanded(lab, [FULL], ways)
    jobs = [Job(name, words(["true"]), lab.project) for name, words in ways]
    cold = Job("kraftwerk, cold", jobs[0].words, lab.project, before=lambda: disconnect(lab, [FULL]))
    return [*jobs, cold]


def one_off_many(lab: Lab, peers: Peers) -> list[Job]:
    """A one-off command on several nodes at once."""
    ways = [(name, lambda words, peer=peer: peer.one_off(lab.several, words)) for name, peer in peers.items()]
    ways = [way for way in ways if way[0] != "salt-ssh"]
    ways.append(("salt-ssh -r", lambda words: stock(peers).raw(lab.several, words)))
    _commanded(lab, lab.several, ways)
    return [Job(name, words(["true"]), lab.project) for name, words in ways]


def _converged(lab: Lab, nodes: Sequence[str], what: work.Work, peers: Sequence[Peer]) -> list[Job]:
    """Have each tool do the work on nodes without it, look at them, and return the jobs that find it done."""
    jobs = []
    for peer in peers:
        for node in nodes:
            lab.node_script(node, work.UNDO)
        words = peer.converge(nodes, what)
        lab.run(words)
        check(lab, nodes, what, peer.name)
        jobs.append(Job(peer.name, words, done=lambda output, peer=peer: peer.no_op(output, nodes)))
    return jobs


def check(lab: Lab, nodes: Sequence[str], what: work.Work, name: str) -> None:
    """Look whether nodes have all of a work.

    Raises:
        WrongWork: one doesn't.
    """
    for node in nodes:
        found = lab.node_script(node, work.look(what)).splitlines()
        for resource, is_so, wanted in zip(what.resources, found, work.wanted(what), strict=True):
            if is_so != wanted:
                raise WrongWork(f"after {name}, {resource.title} on {node} is {is_so!r} instead of {wanted!r}")


RESOURCEFUL = ("kraftwerk", "pyinfra", "ansible", "salt-ssh")


def _resourceful(peers: Peers) -> list[Peer]:
    return [peers[name] for name in RESOURCEFUL if name in peers]


def fifteen(lab: Lab, peers: Peers) -> list[Job]:
    """Fifteen resources on one node."""
    return _converged(lab, lab.nodes[:1], work.fifteen(), _resourceful(peers))


def hundred(lab: Lab, peers: Peers) -> list[Job]:
    """A hundred files on one node."""
    return _converged(lab, [FILES], work.hundred(), _resourceful(peers))


def fifteen_many(lab: Lab, peers: Peers) -> list[Job]:
    """Fifteen resources on several nodes at once."""
    return _converged(lab, lab.several, work.fifteen(), _resourceful(peers))


def full(lab: Lab, peers: Peers) -> list[Job]:
    """All that kraftwerk's own states model, on a node with one project."""
    words = {
        "kraftwerk": peers["kraftwerk"].converge([FULL], None),
        "salt-ssh": stock(peers).program([FULL], "state.highstate", conf="full"),
    }
    for each in words.values():
        lab.run(each, cwd=lab.project)
    return [
        Job(name, each, lab.project, done=lambda output, peer=peers[name]: peer.no_op(output, [FULL]))
        for name, each in words.items()
    ]


def help_time(lab: Lab, peers: Peers) -> list[Job]:
    """What the command line costs by itself."""
    return [
        Job("kraftwerk", ["kraftwerk", "--help"], done=lambda output: "create-node" in output),
        Job("python -c pass", [sys.executable, "-c", "pass"]),
    ]


ROWS = (
    Row("help", "`kraftwerk --help`", help_time, (Goal(0.15, "python -c pass", minus=True),)),
    Row(
        "one-off",
        "one-off command",
        one_off,
        (Goal(1.0, "ssh"), Goal(1.6, "ssh", ours="kraftwerk, cold")),
    ),
    Row("fifteen", "no-op converge, 15 resources", fifteen, (Goal(0.6, "pyinfra"), Goal(0.15, "ansible"))),
    Row("hundred", "no-op converge, 100 files", hundred, (Goal(0.08, "pyinfra"), Goal(0.03, "ansible"))),
    Row("full", "no-op highstate of a full node with one project", full, (Goal(1.5), Goal(0.4, "salt-ssh"))),
    Row("first", "first contact with a node", first.contact, (Goal(2.5), Goal(0.4, "salt-ssh"))),
    Row("one-off-many", "one-off command on {many} nodes", one_off_many, (Goal(1.2, "pyinfra"),)),
    Row("fifteen-many", "no-op converge, 15 resources on {many} nodes", fifteen_many, (Goal(0.45, "salt-ssh"),)),
    Row("redeploy", "a change of a Django project's code, until it is live", redeploy.redeploy, (Goal(3),)),
    Row("rollback", "back to the release before", redeploy.rollback, (Goal(2),)),
    Row(
        "forty",
        "virtualenv of 40 packages, none in a cache",
        nothing.forty,
        (Goal(1.15, "uv, to bytecode as well"),),
    ),
    Row("bare", "bare node to its first answer", nothing.first_answer, (Goal(1.25, "apt-get and uv"),)),
)
