"""The memory of a local node, as if it had no more: a control group that the kernel keeps it to, and what it is told.

A local node sees all memory of this machine. Here its /proc/meminfo tells of so much as a server of that size has, less
what is taken; and where its processes want more, the kernel ends the one that it would end on such a server.
"""

import re
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from kraftwerk import localproc, machine
from tests.meanwhile import repeated

GROUPS = Path("/sys/fs/cgroup/memory")
KERNEL = 42 << 20  # bytes that a Debian keeps from a server of 512 MB, before MemTotal
OWN = 40 << 20  # and that it takes for itself afterwards
OFTEN = 0.2  # seconds
CACHE = re.compile(r"^total_(?:in)?active_file (\d+)", re.MULTILINE)
ENDED = re.compile(r"^\[ *(\d+\.\d+)\] .*Killed process \d+ \((.+?)\).* oom_score_adj:(-?\d+)$", re.MULTILINE)
TOLD = """\
MemTotal:       {total:8} kB
MemFree:        {free:8} kB
MemAvailable:   {free:8} kB
SwapTotal:             0 kB
SwapFree:              0 kB
"""


class Memory:
    """What a node has, and what its processes took at most."""

    def __init__(self, node, megabytes):
        self.total = (megabytes << 20) - KERNEL
        self.limit = self.total - OWN
        self.most = 0
        nspawn = localproc.containers(machine.folder_of(node) / "root")
        self.init = next(child for pid in nspawn for child in localproc.children(pid))
        self.space = Path(f"/proc/{self.init}/ns/pid").readlink()
        self.file = Path(f"/proc/{self.init}/root/run/meminfo")
        self.group = GROUPS / f"kraftwerk-proof-{node}"
        self.began = time.clock_gettime(time.CLOCK_MONOTONIC)

    @property
    def ended(self):
        """Return who was ended for want of memory: the program, and its oom_score_adj."""
        log = subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
        found = ENDED.findall(log)
        return [(name, int(adjusted)) for stamp, name, adjusted in found if float(stamp) > self.began]

    @contextmanager
    def kept(self):
        """Keep the node to it, and keep telling it, for as long as the block runs. The node ends with it."""
        self.group.mkdir()
        (self.group / "memory.limit_in_bytes").write_text(str(self.limit))
        while outside := self._outside():
            for pid in outside:
                self._take(pid)
        self._look()
        inside = ["nsenter", "--target", str(self.init), "--mount", "--pid"]
        subprocess.run([*inside, "mount", "--bind", "/run/meminfo", "/proc/meminfo"], check=True)
        with repeated(self._look, pause=OFTEN):
            yield self

    def remove(self):
        """Remove the group of a node that is gone."""
        if self.group.exists():
            self.group.rmdir()

    def _outside(self):
        """Return the node's processes that aren't in the group yet: they may have been started meanwhile."""
        within = (self.group / "cgroup.procs").read_text().split()
        return [pid.name for pid in Path("/proc").glob("[0-9]*") if pid.name not in within and self._is_its(pid)]

    def _is_its(self, folder):
        try:
            return (folder / "ns" / "pid").readlink() == self.space
        except OSError:
            return False  # it has ended

    def _take(self, pid):
        with suppress(ProcessLookupError):
            (self.group / "cgroup.procs").write_text(pid)

    def _look(self):
        """Tell the node what is free: files that are kept in memory are."""
        used = int((self.group / "memory.usage_in_bytes").read_text())
        used -= sum(map(int, CACHE.findall((self.group / "memory.stat").read_text())))
        self.most = max(self.most, used >> 20)
        with self.file.open("r+" if self.file.exists() else "w") as file:
            file.write(TOLD.format(total=self.total >> 10, free=max(self.limit - used, 0) >> 10))
