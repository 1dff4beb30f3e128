"""Certificates of sites: made and renewed on their node (salt/tls), by ACME or by the admin's own authority."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kraftwerk import authority
from kraftwerk.authority import Authority
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.transport import Connection

INTERNAL = "internal"
CERTIFY = "/etc/kraftwerk/tls/certify"
NEW, WANTED, WRONG = "new", "wanted", "wrong"  # of the words that certify has for a site
EXITS = (0, 1)  # 1: a site lacks one


@dataclass(frozen=True)
class Certificate:
    """What became of a site's certificate.

    Attributes:
        new: it was made or renewed just now.
        cause: why that failed; empty where nothing did.
        until: how long the certificate is good that the site has all the same; empty where it has none.
    """

    new: bool = False
    cause: str = ""
    until: str = ""

    def told(self, instance: Instance, node: str) -> str:
        """Return what failed in one line, with what holds now and the next command."""
        what = "its certificate could not be renewed" if self.until else "no certificate"
        rest = f"the one that it has is good until {self.until}" if self.until else "it stays on http"
        return f"{instance.domains[0]}: {what}: {self.cause}; {rest} → kraftwerk highstate {node}"


def certify(connection: Connection, instances: Mapping[str, Instance]) -> dict[str, Certificate]:
    """See that sites of a converged node have good certificates; return what became of each that wants one.

    Raises:
        KraftwerkError: the node can't be reached, or isn't converged.
    """
    sites = {name: each for name, each in instances.items() if each.present and each.is_certified}
    if not sites:
        return {}
    own = authority.get() if any(each.tls == INTERNAL for each in sites.values()) else None
    found: dict[str, Certificate] = {}
    for name, (word, words) in _call(connection, own, list(sites)).items():
        if word == WANTED and own is not None:
            signed = _sign(own, words[0], sites[name])
            word, words = _call(connection, own, ["-s", name], signed)[name]
        found[name] = Certificate(word == NEW, *(words[:2] if word == WRONG else ()))
    return found


def warnings(connection: Connection, instances: Mapping[str, Instance]) -> list[str]:
    """See that sites have good certificates, and return a line for each that lacks one."""
    try:
        found = certify(connection, instances)
    except KraftwerkError as error:
        return [error.cause]
    node = connection.node.name
    return [each.told(instances[name], node) for name, each in found.items() if each.cause]


def _sign(own: Authority, request: str, instance: Instance) -> bytes:
    """Sign what a node asks for, for the names that the site has here."""
    try:
        asked = base64.b64decode(request, validate=True)
    except binascii.Error as error:
        raise KraftwerkError("the node asks for a certificate with what is no request") from error
    return own.sign(asked, list(dict.fromkeys([*instance.domains, *instance.aliases])))


Said = dict[str, tuple[str, list[str]]]  # by site, the word that certify has for it, and what comes after


def _call(connection: Connection, own: Authority | None, words: Sequence[str], data: bytes = b"") -> Said:
    """Call certify on the node."""
    asked = ["-a", own.fingerprint] if own else []
    done = connection.run([CERTIFY, *asked, *words], input=data or None, check=False)
    said = parse(done.stdout.decode(errors="replace"))
    if done.returncode not in EXITS or (data and not said):
        reason = done.stderr.decode(errors="replace").strip() or "certify said nothing"
        raise KraftwerkError(
            f"{connection.node.name} can't make certificates: {reason}",
            next_command=f"kraftwerk highstate {connection.node.name}",
        )
    return said


def parse(printed: str) -> Said:
    """Return what certify printed."""
    lines = (line.split("\t") for line in printed.splitlines() if "\t" in line)
    return {name: (word, words) for name, word, *words in lines}
