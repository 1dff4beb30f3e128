"""How time and memory grow with the number of nodes: one-off commands and no-op converges on 1, 2, 4 … of them."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from tests.benchmarks import rows, work
from tests.benchmarks.lab import Lab
from tests.benchmarks.measure import Job
from tests.benchmarks.memory import watched
from tests.benchmarks.peers.peer import Peer


@dataclass(frozen=True)
class Point:
    """A point of a curve.

    Attributes:
        seconds: the median.
        megabytes: the most that all processes here took together.
    """

    nodes: int
    seconds: float
    megabytes: float


# How much memory the engine that kraftwerk keeps on a node has, in kB.
ENGINE = """
for file in $(grep -ls 'kraftwerk/engin[e]' /proc/[0-9]*/cmdline); do cat ${file%cmdline}smaps_rollup; done |
  awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'
"""
Curves = dict[str, list[Point]]


def curves(lab: Lab, ours: Peer, rounds: int, told: Callable[[str], object]) -> Curves:
    """Measure both curves as far as there are nodes.

    Raises:
        WrongWork: a run on some number of nodes didn't do its work on all of them.
    """
    what = work.fifteen()
    lab.run(ours.converge(lab.nodes, what))
    rows.check(lab, lab.nodes, what, ours.name)
    jobs = {"one-off command": one_off, "no-op converge, 15 resources": converge}
    return {
        title: [point(lab, make(lab, ours, count), count, rounds, told) for count in counts(lab)]
        for title, make in jobs.items()
    }


def engine(lab: Lab) -> float:
    """Return the MB that a node's engine takes while it waits for the next call."""
    return int(lab.node_script(lab.nodes[0], ENGINE)) / 1024


def counts(lab: Lab) -> list[int]:
    """Return the numbers of nodes: powers of two."""
    return [2**power for power in range(6) if 2**power <= len(lab.nodes)]


def one_off(lab: Lab, ours: Peer, count: int) -> Job:
    """Return a command that is checked by what each node answers."""
    nodes = lab.nodes[:count]
    words = ours.one_off(nodes, ["uname", "-n"])
    return Job(ours.name, words, done=lambda output: all(node in output for node in nodes))


def converge(lab: Lab, ours: Peer, count: int) -> Job:
    """Return a converge that must find all as it should be on each node."""
    nodes = lab.nodes[:count]
    return Job(ours.name, ours.converge(nodes, work.fifteen()), done=lambda output: ours.no_op(output, nodes))


def point(lab: Lab, job: Job, count: int, rounds: int, told: Callable[[str], object]) -> Point:
    """Measure one; the memory in a run of its own, since looking takes time, too."""
    told(f"{count} nodes")
    seconds = median(job.once(lab) for _ in range(rounds))
    with watched() as peak:
        job.once(lab)
    return Point(count, seconds, peak.megabytes)


def worst(points: list[Point], what: str) -> float:
    """Return the worst that a curve does beside a straight line from its first point: above 1 is worse than linear."""
    first = getattr(points[0], what)
    return max(getattr(each, what) / (each.nodes * first) for each in points[1:])
