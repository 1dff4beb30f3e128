"""A push that is signed and sent to the own webhook, and an alert, to see each station work; nothing is deployed."""

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from kraftwerk import admin, events, reactor, saltmaster, webhook
from kraftwerk import alert as alerts
from kraftwerk.errors import KraftwerkError
from kraftwerk.events import Event
from kraftwerk.paths import reactor_home

PATIENCE = 30  # seconds that all stations have: a repository may be far away
EARLY = 4  # seconds; who has no answer by then may have asked before Salt's own reactor listened, and asks again
NO_COMMIT = "f" * 40  # of the test: no commit has this id


@dataclass(frozen=True)
class Station:
    """One of the places that a push passes: whether it did, what was seen there, and after how many seconds."""

    name: str
    ok: bool
    told: str
    seconds: float

    def line(self) -> str:
        """Return it in one line."""
        return f"{'✓' if self.ok else '✗'} {self.name:<10}{self.told}   {self.seconds:.2f}s"


def check() -> None:
    """Make sure that the reactor runs.

    Raises:
        KraftwerkError: it doesn't.
    """
    if saltmaster.status(reactor_home()) is None:
        raise KraftwerkError("the reactor isn't running", next_command="kraftwerk reactor start")


def push(project: str) -> Iterator[Station]:
    """Send a test push of a project's first branch, and yield each station that it passes, or where it is lost.

    Raises:
        KraftwerkError: config.yaml has no such project (code 2).
    """
    branches = reactor.source(project).branches
    start, seen, early = time.monotonic(), events.follow(timeout=PATIENCE), events.follow(timeout=EARLY)
    status, told = _post(project, next(iter(branches), "main"))
    yield Station("webhook", status == 202, f"answered {status}: {told}", time.monotonic() - start)
    if status != 202:
        return
    pushed = _await(seen, f"kraftwerk/push/{project}")
    yield _station("event", pushed, f"kraftwerk/push/{project}", start)
    tested = _await(early, f"kraftwerk/deploy/{project}/tested") if pushed else None
    if pushed and not tested:
        events.fire(pushed.tag, dict(pushed.data))
        tested = _await(seen, f"kraftwerk/deploy/{project}/tested")
    yield _station("reactor", tested, "started the runner kw_deploy.push", start)
    if tested:
        reason = str(tested.data.get("reason", ""))
        would = f"the branch is at {str(tested.data.get('tip'))[:8]}; a push would run: {tested.data.get('would')}"
        yield Station("runner", not reason, reason or would, time.monotonic() - start)


def _post(project: str, branch: str) -> tuple[int, str]:
    """Send a push in the plain form; return the status and what was answered."""
    body = json.dumps({"branch": branch, "commit": NO_COMMIT, "test": True, "at": time.time()}).encode()
    headers = webhook.sign(webhook.secret(project), int(time.time()), body)
    host, port = admin.load().reactor.address
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("POST", f"/push/{project}", body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        return answer.status, str(told.get("result") or told.get("error"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, str(error)
    finally:
        connection.close()


def _await(seen: Iterator[Event], tag: str) -> Event | None:
    return next((event for event in seen if event.tag == tag and event.data.get("test")), None)


def _station(name: str, found: Event | None, told: str, start: float) -> Station:
    return Station(name, found is not None, told if found else f"{told}: not seen", time.monotonic() - start)


def alert() -> Iterator[Station]:
    """Send a test alert to each address, and yield what became of it.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    start, sent = time.monotonic(), alerts.send_test()
    for each in sent:
        yield Station("alert", not each.reason, f"{each.channel}: {each.reason or 'taken'}", time.monotonic() - start)
    if not sent:
        yield Station("alert", True, f"goes to nobody: {admin.config_file()} names no reactor.alerts", 0)
