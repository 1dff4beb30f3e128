"""What a page needs to look as it should: its style sheets and scripts, from the site itself or its CDN."""

import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

from kraftwerk.why import outside
from kraftwerk.why.case import Case, Step
from kraftwerk.why.outside import Answer

MOST = 10  # files that are asked for


class Links(HTMLParser):
    """Collects the addresses of a page's style sheets and scripts, as they stand there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one down, once."""
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            address = given.get("src", "")
        else:
            styles = tag == "link" and "stylesheet" in given.get("rel", "").lower().split()
            address = given.get("href", "") if styles else ""
        if address and address not in self.found:
            self.found.append(address)


def steps(case: Case, answer: Answer) -> Iterator[Step]:
    """Yield whether the static files answer that a page names; nothing where it names none of the site's own.

    Args:
        answer: to what the case asks for.
    """
    addresses = [each for each in _absolute(case, answer.page) if _folder(case, each) or _is_cdn(case, each)][:MOST]
    seconds = 0.0
    for address in addresses:
        found = _asked(case, address)
        seconds += found.seconds
        if not 200 <= found.status < 300:
            yield _broken(case, address, found, seconds)
            return
    if addresses:
        yield Step("static", f"the page's style sheets and scripts answer ({len(addresses)})", seconds=seconds)


def _absolute(case: Case, text: str) -> Iterator[str]:
    for link in Links(text).found:
        try:
            address = urljoin(case.url, link)
            urlsplit(address)
        except ValueError:  # no address at all
            continue
        yield address


def _folder(case: Case, address: str) -> str:
    """Return the project's folder that nginx serves an address from; empty where it isn't one of the site's own."""
    parts = urlsplit(address)
    if parts.hostname != case.host:
        return ""
    return next((folder for url, folder in case.instance.static.items() if parts.path.startswith(url)), "")


def _is_cdn(case: Case, address: str) -> bool:
    place = case.instance.cdn.get("url", "")
    return bool(place) and address.startswith(f"{place.rstrip('/')}/")


def _asked(case: Case, address: str) -> Answer:
    if not _is_cdn(case, address):
        return outside.ask(replace(case, url=address))
    began, status, why = time.monotonic(), 0, ""
    asked = Request(address, headers={"User-Agent": outside.AGENT})  # noqa: S310 - the CDN's, or ours
    try:
        with urlopen(asked, timeout=outside.CONNECT) as given:  # noqa: S310
            status = given.status
    except HTTPError as error:
        status = error.code
    except URLError as error:
        why = str(getattr(error.reason, "strerror", "") or error.reason)
    except (OSError, HTTPException) as error:
        why = str(error) or type(error).__name__
    return Answer(status, error=why, seconds=time.monotonic() - began)


def _broken(case: Case, address: str, found: Answer, seconds: float) -> Step:
    """Return what is wrong with a file, and what to do."""
    said = str(found.status) if found.status else found.error
    if _is_cdn(case, address):
        lacks = found.status in (403, 404) and "bucket" in case.instance.cdn
        why = ": it isn't there, or the CDN may not read it" if lacks else ""
        then = case.command("deploy") if lacks else f"curl -I {address}"
        return Step("static", f"{address} {said}{why}", False, then, seconds)
    folder = _folder(case, address)
    why = f": it isn't in {folder}, or not readable to nginx" if found.status in (403, 404) else ""
    then = f"{case.command('run', by='--node')} -- ls -l {folder}" if why else case.logs("nginx")
    return Step("static", f"GET {urlsplit(address).path} {said}{why}", False, then, seconds)
