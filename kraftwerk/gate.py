"""The gate: a booted release goes live only when it answers."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from kraftwerk import gaterule
from kraftwerk.gaterule import Rule
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection

SECOND_THOUGHTS = 3  # seconds more for a good one, once it answers
REDIRECTS = 5  # followed, to find loops


@dataclass(frozen=True)
class Answer:
    """What a slot said to a request.

    Attributes:
        word: answered, silent (no answer in time) or exited (its process is gone).
        status: the HTTP status, 0 without one.
        seconds: from the start of the asking.
        url: what was asked.
        location: where it redirects to, as a whole URL.
    """

    word: str
    status: int
    seconds: float
    url: str
    location: str = ""

    def __str__(self) -> str:
        """Return it as in `GET / 302 → /login/`."""
        path = urlsplit(self.url).path
        return f"GET {path} {self.status}{' → ' + self.location if self.location else ''}"


def ask(
    connection: Connection,
    instance: Instance,
    slot: str,
    url: str,
    rule: Rule,
    *,
    more: int = SECOND_THOUGHTS,
) -> Answer:
    """Ask a slot for a URL on the node, through its socket, until it answers well or the time is over.

    Args:
        rule: what is a good answer, and how long it may take.
        more: seconds for a good one, once it answers.
    """
    arguments = (instance.name, slot, *words(url, rule, more))
    patience = rule.within + rule.each + 30
    printed = connection.script(script("gate"), *arguments, timeout=patience).stdout.decode(errors="replace")
    return parse(printed, url)


def words(url: str, rule: Rule, more: int = SECOND_THOUGHTS) -> list[str]:
    """Return the arguments of `gate.sh` after the slot."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    times = (str(rule.within), str(more), str(rule.each), str(rule.interval))
    return [parts.netloc, parts.scheme, path, *times, *rule.ranges]


def parse(printed: str, url: str) -> Answer:
    """Return the answer that `gate.sh` printed."""
    word, status, milliseconds, location = printed.rstrip("\n").split("\t")
    return Answer(word, int(status), int(milliseconds) / 1000, url, location)


def check(connection: Connection, instance: Instance, slot: str, more: int = SECOND_THOUGHTS) -> tuple[Answer, str]:
    """Ask a slot for the health URL and return its answer with the reason to refuse it, empty when it passed.

    Redirects are accepted; those within the site are followed only to find out whether they ever end.

    Args:
        more: seconds for a good answer, once it answers.
    """
    rule = gaterule.of(instance)
    answer = first = ask(connection, instance, slot, gaterule.url(instance, rule), rule, more=more)
    asked, follow = [answer.url], replace(rule, within=rule.each)
    while not refusal(answer, asked, rule) and inside(answer.location, instance) and len(asked) < REDIRECTS:
        asked.append(answer.location)
        answer = ask(connection, instance, slot, answer.location, follow, more=0)
    return first, refusal(first, asked[:1], rule) or loop(answer, asked)


def refusal(answer: Answer, asked: list[str], rule: Rule) -> str:
    """Return why an answer is refused, or nothing.

    Args:
        asked: all URLs that were asked on the way, this one last.
        rule: what is accepted.
    """
    path = urlsplit(answer.url).path
    if answer.word == "exited":
        return "the application exited instead of serving"
    if answer.word == "silent":
        return f"GET {path} was not answered within {answer.seconds:.0f} s"
    if not rule.accepts(answer.status):
        wanted = "" if rule.accept == gaterule.ACCEPTED else f", and `gate:` accepts {', '.join(rule.accept)}"
        return f"GET {path} answered {answer.status}{_explained(answer.status)}{wanted}{_leading(answer.location)}"
    return loop(answer, asked)


def loop(answer: Answer, asked: list[str]) -> str:
    """Return that redirects go in a circle, or nothing."""
    if not answer.location or answer.location not in asked:
        return ""
    if len(asked) == 1:
        return f"GET {urlsplit(answer.url).path} redirects to itself (Location: {answer.location})"
    return f"redirects go in a circle: {' → '.join([*asked, answer.location])}"


def inside(location: str, instance: Instance) -> bool:
    """Tell whether a redirect leads to the same site by the same protocol; others can't be asked through the socket."""
    names = filter(None, (*instance.domains, gaterule.of(instance).host))
    return location.startswith(tuple(f"{instance.scheme}://{name}/" for name in names))


def _leading(location: str) -> str:
    return f" (it redirects to {location})" if location else ""


def _explained(status: int) -> str:
    return {
        400: ": does it refuse the Host header (ALLOWED_HOSTS)?",
        404: ": is `health:` in kraftwerk.yaml a URL that exists?",
    }.get(status, "")
