"""The section `reactor:` of config.yaml: where it listens, which branch goes where, and who is told what goes wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kraftwerk.deployment import LABEL, LABEL_MEANING, label
from kraftwerk.schema import Value, Wrong, list_of, mapping_of, number, record, setting, text

ADDRESS = r"(\d{1,3}(?:\.\d{1,3}){3})"
BRANCH = r"(?!/)(?!.*(?:\.\.|//|@\{|\.lock$))[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]*(?<![./])"
WITH_PASSWORD = re.compile(r"https?://[^/]*@|[a-z+]+://[^/@]*:[^/]*@", re.IGNORECASE)


def repository(value: Value) -> str:
    """Parse where git fetches from: no option, and no password in it, which events, logs and `ps` would show."""
    address = text(r"[^-\s]\S*", "an address or folder that git can fetch from")(value)
    if WITH_PASSWORD.match(address):
        raise Wrong("must have no user or password in it: an ssh key, or git's credential helper, keeps that")
    return address


@dataclass(frozen=True)
class Source:
    """Where a project's pushed commits come from.

    Attributes:
        repository: what `git fetch` takes: an https or ssh address, or a folder.
        branches: the environment that each branch is deployed to.
    """

    repository: str = setting(repository)
    branches: Mapping[str, str] = setting(
        mapping_of(label, BRANCH, "a branch's name"),
        default_factory=lambda: {"main": "production"},
    )


@dataclass(frozen=True)
class ReactorConfig:
    """The keys below `reactor:`.

    Attributes:
        listen: the address and port of the webhook.
        interface, publish_port, return_port: where its Salt master listens.
        projects: where pushed commits come from.
        interval: seconds between two looks at the health of nodes.
        alerts: who is told: addresses as apprise takes them; they may hold passwords.
    """

    listen: str = setting(text(rf"{ADDRESS}:\d{{1,5}}", "an address and port"), default="127.0.0.1:8787")
    interface: str = setting(text(ADDRESS, "an address"), default="127.0.0.1")
    publish_port: int = setting(number(1, 65535), default=4515)
    return_port: int = setting(number(1, 65535), default=4516)
    projects: Mapping[str, Source] = setting(mapping_of(record(Source), LABEL, LABEL_MEANING), default_factory=dict)
    interval: int = setting(number(5, 86400), default=30)
    alerts: tuple[str, ...] = setting(list_of(text(r"\S+", "an address that apprise takes"), or_one=True), default=())

    @property
    def address(self) -> tuple[str, int]:
        """Return where the webhook listens."""
        host, port = self.listen.rsplit(":", 1)
        return host, int(port)
