"""Alerts: words for people about what happened to a node, and the ways to reach them, which apprise knows."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from kraftwerk import outbox
from kraftwerk.channel import Channel, channels
from kraftwerk.problem import Problem, title

PREFIX = "[kraftwerk]"


@dataclass(frozen=True)
class Alert:
    """What is told.

    Attributes:
        good: whether it is good news.
    """

    title: str
    body: str
    good: bool = False


@dataclass(frozen=True)
class Sent:
    """What became of a test alert on one channel: empty `reason` where it arrived."""

    channel: str
    reason: str = ""


def raised(node: str, problem: Problem, since: str, done: str) -> Alert:
    """Return the alert for a problem that a node has.

    Args:
        since: when it was first seen.
        done: what was done about it, as a sentence.
    """
    again = " if it comes back" if done.endswith(title(node, problem, gone=True)) else ""
    lines = [problem.detail, f"Since {since}.", f"Done: {done}."]
    lines += [f"Next{again}: {problem.advice}"] if problem.advice else []
    return Alert(f"{PREFIX} {title(node, problem)}", "\n".join([*lines, _named(node, problem)]))


def cleared(node: str, problem: Problem, since: str, now: float | None = None) -> Alert:
    """Return the alert for a problem that is over.

    Args:
        since: when it was first seen.
        now: in seconds since 1970.
    """
    over = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    lines = [f"From {since} to {over}.", f"It was: {problem.detail}", _named(node, problem)]
    return Alert(f"{PREFIX} {title(node, problem, gone=True)}", "\n".join(lines), good=True)


def _named(node: str, problem: Problem) -> str:
    return f"({problem.name} on {node})"


def send(alert: Alert) -> None:
    """Have it told on all channels. The reactor delivers it (`flush`); until then it is kept on disk.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    outbox.put(asdict(alert), [channel.key for channel in channels()])


def flush() -> None:
    """Deliver what is due, and have what can't be delivered now tried again later.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    if not outbox.waiting():
        return
    ways = {channel.key: channel for channel in channels()}

    def deliver(key: str, alert: dict[str, Any]) -> str | None:
        way = ways.get(key)
        return None if way is None else way.tell(**alert)

    outbox.deliver(deliver)


def send_test() -> list[Sent]:
    """Send a test to each channel, now and once.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    alert = Alert(f"{PREFIX} a test", "Nothing happened. Alerts about your servers arrive here.", good=True)
    return [Sent(channel.shown, _tell(channel, alert)) for channel in channels()]


def _tell(channel: Channel, alert: Alert) -> str:
    return channel.tell(alert.title, alert.body, alert.good)
