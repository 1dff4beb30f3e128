"""The visitors of a site, in a process of their own: they never stop asking until their stdin ends.

`python -m tests.proof.visits ADDRESS HOST [websocket] [few]` prints a line of JSON each half second.
Every answer is checked: by its status, by the sum of what was sent, and that its code and its files are of one release.
"""

import asyncio
import hashlib
import json
import random
import sys
import time

from tests.proof.line import Broken, Line
from tests.proof.tally import Tally
from tests.websocket import Websocket

UPLOAD = b"posted " * 40000
TALK = 3  # seconds of a conversation by websocket, which is far below the time that a switch gives it
PATIENCE = 45  # seconds until a request counts as lost


def asset(release):
    """Return the path of a release's own static file, named by its sum as frameworks do."""
    return f"/static/site.{hashlib.md5(release.encode()).hexdigest()[:12]}.css"


class Visits:
    """The visitors of one site."""

    def __init__(self, address, host):
        self.address, self.host, self.tally = address, host, Tally()

    async def ask(self, kind, line, method, path, body=b"", seconds=0, quick=True):
        """Ask once, note what came, and return which release answered."""
        began = time.monotonic()
        try:
            status, said = await asyncio.wait_for(line.ask(method, path, body, seconds), PATIENCE)
            words = said.decode(errors="replace").lstrip(".").split()
            if status != 200 or len(words) != 3:
                return self.tally.wrong(kind, f"{status} {said[:60]!r}")
            code, file, digest = words
            if code != file:
                return self.tally.wrong(kind, f"code of {code} with files of {file}")
            if digest != hashlib.sha256(body).hexdigest():
                return self.tally.wrong(kind, "it got something else than was sent")
        except (OSError, Broken, TimeoutError, ValueError) as error:
            line.close()
            return self.tally.wrong(kind, repr(error))
        self.tally.answered(kind, code, time.monotonic() - began if quick else None)
        return code

    async def kept(self, line):
        await self.ask("kept connection", line, "GET", "/")

    async def fresh(self, line):
        await self.ask("fresh connection", line, "GET", "/")
        line.close()

    async def posted(self, line):
        await self.ask("upload", line, "POST", "/", UPLOAD, quick=False)

    async def slow_upload(self, line):
        await self.ask("slow upload", line, "POST", "/", UPLOAD, seconds=random.uniform(1, 4), quick=False)
        line.close()

    async def slow_answer(self, line):
        await self.ask("slow answer", line, "GET", f"/slow/{random.uniform(0.5, 4):.2f}", quick=False)

    async def drip(self, line):
        await self.ask("answer in pieces", line, "GET", "/drip", quick=False)

    async def styled(self, line):
        """Look at a page and, as browsers on slow lines do, ask for its stylesheet later."""
        release = await self.ask("page", line, "GET", "/")
        await asyncio.sleep(random.uniform(0, 2))
        if release:
            try:
                status, said = await line.ask("GET", asset(release))
            except (OSError, Broken) as error:
                line.close()
                return self.tally.wrong("its stylesheet", repr(error))
            if (status, said.decode(errors="replace")) != (200, release):
                return self.tally.wrong("its stylesheet", str(status))
            self.tally.answered("its stylesheet", release)

    async def conversation(self, line):
        """Talk by websocket."""
        try:
            release, wrong = await asyncio.to_thread(talk, self.address, self.host)
        except (OSError, IndexError) as error:
            release, wrong = "", repr(error)
        if wrong:
            return self.tally.wrong("websocket", wrong)
        self.tally.answered("websocket", release)


def talk(address, host):
    """Talk for some seconds; return the release that answered, and what was wrong."""
    socket = Websocket(address, host)
    try:
        if socket.status != 101:
            return "", str(socket.status)
        release, began = socket.hear(), time.monotonic()
        while time.monotonic() < began + TALK:
            socket.say("hello")
            if (heard := socket.hear()) != "echo hello":
                return release, f"{heard} in the middle"
            time.sleep(0.2)
    finally:
        socket.close()
    return release, ""


async def forever(visit, line, pause):
    """Have a visitor come again and again, each time so many seconds after it came before."""
    due = time.monotonic() + random.uniform(0, pause)
    while True:
        await asyncio.sleep(max(0, due - time.monotonic()))
        await visit(line)
        due = max(due + pause, time.monotonic() - 1)  # who was kept waiting catches up a little


async def visiting(visits, websocket, few):
    """Have all of them come until stdin ends: about 260 requests a second, if they are answered; or about 70."""
    kinds = [(visits.kept, 8, 0.04), (visits.fresh, 4, 0.08), (visits.posted, 2, 0.5), (visits.slow_upload, 3, 0.1)]
    kinds += [(visits.slow_answer, 2, 0.1), (visits.drip, 1, 0.1), (visits.styled, 2, 0.1)]
    kinds += [(visits.conversation, 3, 0.1)] if websocket else []
    kinds = [(visit, max(1, count // 4), pause) for visit, count, pause in kinds] if few else kinds
    tasks = [
        asyncio.create_task(forever(visit, Line(visits.address, visits.host), pause))
        for visit, count, pause in kinds
        for _ in range(count)
    ]
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not (await asyncio.wait([ended, *tasks], timeout=0.5, return_when=asyncio.FIRST_COMPLETED))[0]:
        print(json.dumps(visits.tally.now()), flush=True)
    found = visits.tally.whole()
    for task in tasks:
        if task.done():
            task.result()  # a mistake of ours
        task.cancel()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(visiting(Visits(*sys.argv[1:3]), "websocket" in sys.argv[3:], "few" in sys.argv[3:]))
