"""The gate: a booted release goes live only when it answers."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection

PATIENCE = 30  # seconds for an answer
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

    @property
    def good(self) -> bool:
        """Tell whether the status is accepted."""
        return 200 <= self.status <= 399

    def __str__(self) -> str:
        """Return it as in `GET / 302 → /login/`."""
        path = urlsplit(self.url).path
        return f"GET {path} {self.status}{' → ' + self.location if self.location else ''}"


def ask(
    connection: Connection,
    instance: Instance,
    slot: str,
    url: str,
    *,
    seconds: int = PATIENCE,
    more: int = SECOND_THOUGHTS,
) -> Answer:
    """Ask a slot for a URL on the node, through its socket, until it answers well or the time is over.

    Args:
        seconds: for any answer.
        more: for a good one, once it answers.
    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    arguments = (instance.name, slot, parts.netloc, parts.scheme, path, str(seconds), str(more))
    printed = connection.script(script("gate"), *arguments, timeout=seconds + 30).stdout.decode(errors="replace")
    return parse(printed, url)


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
    answer = first = ask(connection, instance, slot, instance.url + instance.health, more=more)
    asked = [answer.url]
    while not refusal(answer, asked) and inside(answer.location, instance) and len(asked) < REDIRECTS:
        asked.append(answer.location)
        answer = ask(connection, instance, slot, answer.location, seconds=5, more=0)
    return first, refusal(first, asked[:1]) or loop(answer, asked)


def refusal(answer: Answer, asked: list[str]) -> str:
    """Return why an answer is refused, or nothing.

    Args:
        asked: all URLs that were asked on the way, this one last.
    """
    path = urlsplit(answer.url).path
    if answer.word == "exited":
        return "the application exited instead of serving"
    if answer.word == "silent":
        return f"GET {path} was not answered within {answer.seconds:.0f} s"
    if not answer.good:
        return f"GET {path} answered {answer.status}{_explained(answer.status)}"
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
    return bool(location) and location.startswith(tuple(f"http://{domain}/" for domain in instance.domains))


def _explained(status: int) -> str:
    return {
        400: ": does it refuse the Host header (ALLOWED_HOSTS)?",
        404: ": is `health:` in kraftwerk.yaml a URL that exists?",
    }.get(status, "")
