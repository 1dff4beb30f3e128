"""What is answered to a request of the webhook, and what follows from it: a push that is noted, and an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk import admin, events, push, replays, webhook
from kraftwerk.push import Push
from kraftwerk.webhook import Refused, Request


@dataclass(frozen=True)
class Answer:
    """An HTTP status, and what the sender is told."""

    status: int
    body: Mapping[str, Any]


def receive(project: str, headers: Mapping[str, str], body: bytes, now: float) -> Answer:
    """Take a request to `/push/<project>`.

    What is accepted is on the disk before the answer goes out: a reactor that is killed deploys it when it is back.

    Args:
        project: as the address names it; whether it exists is told only to who knows its secret.
        headers, body: of the request.
        now: seconds since 1970.
    """
    try:
        request = webhook.verify(headers, body, webhook.secret(project), now)
        return _serve(project, request, now)
    except Refused as refused:
        return Answer(refused.status, {"error": str(refused)})


def _serve(project: str, request: Request, now: float) -> Answer:
    source = admin.load().reactor.projects.get(project)
    if source is None:
        raise Refused(404, f"no project {project} is configured")
    if request.event == "ping":
        return Answer(200, {"result": "pong"})
    asked = webhook.wanted(request, source.branches)
    if asked.ignored:
        return Answer(202, {"result": f"ignored: {asked.ignored}"})
    if replays.known(project, request.signed):
        raise Refused(409, "received before")
    environment = source.branches[asked.branch]
    this = Push(project, asked.branch, asked.commit, environment, request.delivery, now, asked.test)
    if not asked.test:
        push.note(this)
    replays.remember(project, request.signed)
    events.fire(f"kraftwerk/push/{project}", this.as_dict())
    return Answer(202, {"result": "accepted", "environment": environment, "commit": asked.commit})
