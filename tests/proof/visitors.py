"""The visitors of a site, seen from here: tests/proof/visits.py runs, and says what they see."""

import json
import threading

from tests.waiting import wait_for


class Visitors:
    """Visitors that run, and what they have seen."""

    def __init__(self, process):
        self.process, self.seen = process, {"answers": 0, "failed": {}, "releases": {}}
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.seen = json.loads(line)

    def more(self, count=30):
        """Wait until they have got so many answers more."""
        wanted = self.seen["answers"] + count
        wait_for(lambda: self.seen["answers"] >= wanted or self.process.poll() is not None)
        assert self.process.poll() is None, "the visitors ended"

    def end(self):
        """Send them home; `seen` is all that they saw then."""
        self.process.stdin.close()
        self.reader.join()
        self.process.wait()
