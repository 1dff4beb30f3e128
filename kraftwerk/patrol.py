"""Looking at all nodes again and again, each at its own pace: one that hangs keeps no other waiting."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from kraftwerk import health, watch
from kraftwerk.health import Look
from kraftwerk.node import Node
from kraftwerk.watch import Change, Watched, judge

AT_ONCE = 32  # nodes that are looked at at the same time
PAUSE = 1.0  # seconds at most between two looks at the clock


class Patrol:
    """Looks at nodes and tells what became of their problems.

    Args:
        tell: is called with each change; what it is told was not told before, also by an earlier process.
        look: looks at a node.
    """

    def __init__(self, tell: Callable[[Change], None], look: Callable[[Node], Look] = health.look) -> None:
        self._tell, self._look = tell, look
        self._watched = watch.load()
        self._due: dict[str, float] = {}
        self._looking: dict[Future[Look], str] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look")

    def step(self, nodes: Mapping[str, Node], interval: float) -> None:
        """Begin the looks that are due, and learn from those that have ended; takes a second at most.

        Args:
            nodes: all there are, by name; one that somebody stopped, or that is being made, is not looked at.
            interval: seconds between two looks at a node where all is as it was.
        """
        awake = {name: node for name, node in nodes.items() if node.status == "ready"}
        busy, now = set(self._looking.values()), time.monotonic()
        for name in sorted(awake.keys() - busy):
            if self._due.get(name, 0) <= now:
                self._looking[self._pool.submit(self._look, awake[name])] = name
                self._due[name] = now + interval
        self._forget(nodes)
        if self._looking:
            ended, _ = wait(self._looking, timeout=PAUSE, return_when=FIRST_COMPLETED)
            for future in ended:
                self._learn(self._looking.pop(future), future.result(), awake)
        else:
            time.sleep(PAUSE)

    def _learn(self, name: str, look: Look, awake: Mapping[str, Node]) -> None:
        """Tell what is new about a node, then write it down: who is killed in between tells it twice, not never."""
        if name not in awake:
            return  # stopped or destroyed while it was looked at
        before = self._watched.get(name, Watched())
        after, changes = judge(before, look, time.time())
        for change in changes:
            self._tell(change)
        if after.uncertain:
            self._due[name] = min(self._due[name], time.monotonic() + watch.AGAIN)
        self._remember({**self._watched, name: after})

    def _forget(self, nodes: Mapping[str, Node]) -> None:
        """Forget nodes that are gone, and the problems of those that somebody stopped."""
        kept = {name: each for name, each in self._watched.items() if name in nodes}
        self._remember({name: each if nodes[name].status == "ready" else Watched() for name, each in kept.items()})

    def _remember(self, watched: Mapping[str, Watched]) -> None:
        if watched != self._watched:
            self._watched = dict(watched)
            watch.save(self._watched)
