"""A way to reach people: an address as apprise takes it, such as mailto://, json:// or slack://."""

import hashlib
import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from kraftwerk import admin

# Here the part after // is a host; with others it may be a token. An address may hold passwords and is never shown.
WITH_HOST = re.compile(r"(mailto|json|form|xml)s?")
TELLING = 6  # characters; shorter parts of an address are no secrets, and are words of any sentence
APART = re.compile(r"[/:@?&=,#]+")


@dataclass(frozen=True)
class Channel:
    """A way to reach people."""

    url: str

    @property
    def key(self) -> str:
        """Return what stands for it where its address must not stand."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        """Return its scheme, and its host where that is known to be one."""
        scheme, _, rest = self.url.partition("://")
        host = urlsplit(self.url).hostname if WITH_HOST.fullmatch(scheme) else None
        return f"{scheme}://{host or ('…' if rest else '')}"

    @property
    def understood(self) -> bool:
        """Tell whether apprise knows how to reach it."""
        import apprise

        _quiet()
        return bool(apprise.Apprise().add(self.url))

    def tell(self, title: str, body: str, good: bool) -> str:
        """Send a message, and return why it did not arrive, or nothing."""
        import apprise  # it takes a fifth of a second, and only alerts need it

        _quiet()
        way = apprise.Apprise()
        if not way.add(self.url):
            return "apprise doesn't understand this address"
        kind = apprise.NotifyType.SUCCESS if good else apprise.NotifyType.WARNING
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
            if way.notify(title=title, body=body, notify_type=kind):
                return ""
            said = str(log.getvalue()).strip().splitlines()
        return self._scrubbed(said[-1]) if said else "it could not be delivered"

    def _scrubbed(self, text: str) -> str:
        """Return text without what stands in the address, but for scheme and host."""
        shown = self.shown
        for part in APART.split(self.url):
            if len(part) >= TELLING and part not in shown:
                text = text.replace(part, "****")
        return text


def _quiet() -> None:
    """Keep what apprise logs, which may hold addresses, out of all logs."""
    logging.getLogger("apprise").propagate = False


def channels() -> list[Channel]:
    """Return the ways that config.yaml names, `reactor.alerts`.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    return [Channel(url) for url in admin.load().reactor.alerts]
