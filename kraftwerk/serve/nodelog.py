"""What a site's processes print on their node, as part of our log."""

import re

from kraftwerk import leash, logs, process
from kraftwerk.instance import Instance
from kraftwerk.process import Popen
from kraftwerk.serve.log import Log
from kraftwerk.slot import STAMP
from kraftwerk.transport import Connection

FILE = re.compile(r"==> /var/log/kraftwerk/[^/]+/([^/]+)/current <==")  # tail says where the next lines come from
SLOT = re.compile(r"web-[ab]")
# What gunicorn says of its coming and going, and the gate's questions: both are at every save.
COMMON = re.compile(r'\[[\d-]+ [\d:]+ [+-]\d{4}\] \[\d+\] \[INFO\] |- "GET ')


def said_anyway(line: str) -> bool:
    """Tell whether a line is one that every save brings."""
    return bool(COMMON.match(line.strip()))


class NodeLog:
    """The log of an instance, followed from now on."""

    def __init__(self, connection: Connection, instance: Instance, log: Log) -> None:
        self._log, self._name = log, "web"
        paths = [path for name in ("web", *instance.processes) for path in logs.files(instance, name)]
        words = leash.words(logs.words(paths, lines=0, follow=True), "stdin")
        # It ends on the node when we do: nobody holds its stdin open any more.
        self._running: Popen = connection.popen(words, stdin=process.PIPE, stdout=process.PIPE, stderr=process.DEVNULL)
        assert self._running.stdout is not None  # noqa: S101 - a pipe was asked for
        log.pump(self._running.stdout, self._tell)

    @property
    def ended(self) -> bool:
        """Tell whether nothing comes any more: the node was restarted, or the connection broke."""
        return self._running.poll() is not None

    def stop(self) -> None:
        """Follow it no more."""
        self._running.terminate()
        self._running.wait()

    def _tell(self, line: str) -> None:
        if found := FILE.fullmatch(line):
            self._name = "web" if SLOT.fullmatch(found[1]) else found[1]
        elif (said := STAMP.sub("", line)) and not said_anyway(said):
            self._log.line(self._name, said)
