"""What a site's processes print on their node, as part of our log."""

import re

from kraftwerk import logs, process
from kraftwerk.instance import Instance
from kraftwerk.logs import Query
from kraftwerk.process import Popen
from kraftwerk.serve.log import Log
from kraftwerk.transport import Connection
from kraftwerk.workers import WEB

# What gunicorn says of its coming and going, and the gate's questions: both are at every save.
COMMON = re.compile(r'\[[\d-]+ [\d:]+ [+-]\d{4}\] \[\d+\] \[INFO\] |- "GET ')


def said_anyway(line: str) -> bool:
    """Tell whether a line is one that every save brings."""
    return bool(COMMON.match(line.strip()))


class NodeLog:
    """The log of an instance, followed from now on."""

    def __init__(self, connection: Connection, instance: Instance, log: Log) -> None:
        self._log, self._node = log, connection.node.name
        words = logs.words(instance, Query((WEB, *instance.processes), lines=0, follow=True, hold=0))
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
        if record := logs.parse(self._node, line.encode()):
            for said in record.text.splitlines():
                if said and not said_anyway(said):
                    self._log.line(record.process, said)
