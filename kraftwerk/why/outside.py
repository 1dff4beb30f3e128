"""The way to a node as a visitor goes it: from the name to the connection, and what comes back."""

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from kraftwerk import authority, hosts, node
from kraftwerk.why.case import Case, Step
from kraftwerk.why.facts import Facts

CONNECT, ANSWER = 5, 20  # seconds
PAGE = 1 << 20  # bytes of a page that are read
AGENT = "kraftwerk-why"


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 for none; location: where it leads to; error: what went wrong; seconds: how long it took.
        since: the stamp that svlogd gave what was logged when the request was sent, by the node's own clock.
        page: its text, where it is HTML.
    """

    status: int
    location: str = ""
    error: str = ""
    seconds: float = 0.0
    since: str = ""
    page: str = ""


def addresses(name: str) -> tuple[str, ...]:
    """Return the addresses that a name has here."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def name(case: Case) -> Step:
    """Return whether the name leads to the node, or to another one that answers for it."""
    began = time.monotonic()
    found = addresses(case.host)
    seconds = time.monotonic() - began
    if not found:
        return Step("name", f"{case.host} is not known here", False, missing(case), seconds)
    wanted = {address for peer in (case.door.host, *case.peers) for address in addresses(peer)}
    text = f"{case.host} is {', '.join(found)}"
    if wanted.isdisjoint(found):
        return Step("name", f"{text}, and {case.door.name} is {case.door.host}", False, elsewhere(case), seconds)
    return Step("name", text, seconds=seconds)


def missing(case: Case) -> str:
    """Return what makes a name known: a line in /etc/hosts for names below the node's own, else DNS."""
    if case.host.endswith(f".{case.door.name}") or case.door.provider in ("local", node.HERE):
        return f"echo '{case.door.host} {case.host}' | sudo tee -a {hosts.HOSTS}"
    return f"an A record of {case.host} at its DNS provider: {case.door.host}"


def elsewhere(case: Case) -> str:
    """Return what leads a name to the node."""
    lines = hosts.HOSTS.read_text(errors="replace").splitlines() if hosts.HOSTS.exists() else []
    if any(case.host in line.partition("#")[0].split()[1:] for line in lines):
        return f"its line in {hosts.HOSTS} must be: {case.door.host} {case.host}"
    return f"its A record at its DNS provider must be {case.door.host}"


def port(case: Case) -> Step:
    """Return whether the port answers."""
    began = time.monotonic()
    try:
        socket.create_connection((case.door.host, case.port), CONNECT).close()
    except TimeoutError:
        return Step("port", f"{case.port} gives no answer", False, seconds=time.monotonic() - began)
    except ConnectionRefusedError:
        return Step("port", f"{case.port} is refused", False, seconds=time.monotonic() - began)
    except OSError as error:
        why = f"{case.port} can't be reached: {error.strerror or error}"
        return Step("port", why, False, seconds=time.monotonic() - began)
    return Step("port", f"{case.port} answers", seconds=time.monotonic() - began)


def shut(case: Case, step: Step, facts: Facts) -> Step:
    """Return why a port doesn't answer, by what is seen on the node."""
    nginx = facts.nginx
    if not nginx.runs:
        why, then = f"nginx does not run{': ' + nginx.error if nginx.error else ''}", case.command("highstate")
    elif not nginx.listens and case.scheme == "https":
        why, then = "the site has no https", f"kraftwerk why http://{case.host}{case.path}"
    elif not nginx.listens:
        why, then = "nginx runs, and does not listen there", case.command("highstate")
    else:
        why = f"on {case.door.name} itself it answers: a firewall is in the way"
        then = f"open port {case.port} in the firewall between here and {case.door.host}"
        if facts.rules:
            then = f"{then}, or its own: kraftwerk run --node {case.door.name} --as root -- {facts.rules}"
    return Step("port", f"{step.text}; {why}", False, then, step.seconds)


def certificate(case: Case) -> Step:
    """Return whether the certificate is valid for the name: to everybody, or to whoever knows the admin's authority."""
    began = time.monotonic()
    try:
        with _secured(case) as connection:
            until = ssl.cert_time_to_seconds(str((connection.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        why = f"it is not valid: {error.verify_message}"
        return Step("certificate", why, False, case.command("highstate"), time.monotonic() - began)
    except OSError as error:
        why = f"no encrypted connection: {getattr(error, 'reason', None) or error.strerror or error}"
        return Step("certificate", why, False, case.command("highstate"), time.monotonic() - began)
    days = int((until - time.time()) / 86400)
    return Step("certificate", f"valid for {days} days", seconds=time.monotonic() - began)


def ask(case: Case) -> Answer:
    """Ask the node for the URL, as a visitor would."""
    began = time.monotonic()
    status, location, why, date, page = 0, "", "", "", ""
    try:
        connection = http.client.HTTPConnection(case.host, case.port)
        connection.sock = _connected(case) if case.scheme == "http" else _secured(case)
        usual = case.port in (80, 443)
        named = {"Host": case.host if usual else f"{case.host}:{case.port}", "User-Agent": AGENT}
        connection.request("GET", case.path, headers={**named, "Connection": "close"})
        response = connection.getresponse()
        status, location = response.status, response.headers.get("Location", "")
        date = response.headers.get("Date", "")
        if response.headers.get_content_type() == "text/html":
            page = response.read(PAGE).decode(errors="replace")
        connection.close()
    except TimeoutError:
        why = f"no answer within {ANSWER} s"
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
    seconds = time.monotonic() - began
    return Answer(status, location, why, seconds, _stamp(date, seconds) if date else "", page)


def _stamp(date: str, seconds: float) -> str:
    """Return how svlogd writes the moment that was some seconds before a date of HTTP; those are whole seconds."""
    try:
        began = parsedate_to_datetime(date) - timedelta(seconds=seconds + 1)
    except ValueError:
        return ""
    return began.astimezone(UTC).strftime("%Y-%m-%d_%H:%M:%S")


def _connected(case: Case) -> socket.socket:
    connection = socket.create_connection((case.door.host, case.port), CONNECT)
    connection.settimeout(ANSWER)
    return connection


def _secured(case: Case) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    if (own := authority.certificate_file()).exists():
        context.load_verify_locations(own)
    return context.wrap_socket(_connected(case), server_hostname=case.host)
