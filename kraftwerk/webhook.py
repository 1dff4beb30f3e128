"""Pushes that arrive over HTTP: who signed them, whether that is true, and what they ask for. Nothing is sent here."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from kraftwerk import admin
from kraftwerk.flock import held
from kraftwerk.paths import config_home, private, write_atomic

WINDOW = 300  # seconds that a signed time may be off
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
HEADS = "refs/heads/"
FORM_FIELD = b"payload="


class Refused(Exception):
    """A request that isn't served; carries the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Request:
    """A request whose signature is true.

    Attributes:
        form: who signed: github (Gitea and Forgejo, too), gitlab or plain.
        signed: digest of what was signed: the same again is a replay.
        delivery: the sender's name for it, for people to find it again.
        event: push, ping, or what else the sender calls it.
    """

    form: str
    signed: str
    delivery: str
    event: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a push asks for: a commit of a branch; `ignored` tells why nothing is to be done."""

    branch: str = ""
    commit: str = ""
    test: bool = False
    ignored: str = ""


def secret_file() -> Path:
    """Return the file that the secrets of all projects are made from; 0600."""
    return config_home() / "keys" / "webhook"


def secret(project: str) -> bytes:
    """Return the 32 bytes that a project's pushes are signed with; another project's don't follow from them."""
    path = secret_file()
    if not path.exists():
        private(path.parent)
        with held(path.parent, busy=f"another kraftwerk is busy with {path.parent}"):
            if not path.exists():
                write_atomic(path, secrets.token_hex(32) + "\n")
    admin.guard(path)
    return hmac.digest(path.read_text().strip().encode(), f"push/{project}".encode(), "sha256")


def secret_words(key: bytes) -> str:
    """Return a secret as it is given to GitHub, as GitLab's secret token, and to scripts."""
    return key.hex()


def gitlab_words(key: bytes) -> str:
    """Return a secret as GitLab's signing token."""
    return "whsec_" + base64.b64encode(key).decode()


def sign(key: bytes, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of the plain form: HMAC-SHA256 over `<timestamp>.<body>`, keyed by the secret's words."""
    digest = _hex(secret_words(key).encode(), b"%d.%s" % (timestamp, body))
    return {"X-Kraftwerk-Timestamp": str(timestamp), "X-Kraftwerk-Signature": f"sha256={digest}"}


def verify(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> Request:
    """Return a request whose signature is true.

    Args:
        headers: of any case.
        body: as it arrived, to the byte.
        key: from `secret`.
        now: seconds since 1970.

    Raises:
        Refused: 401 it isn't signed, 403 the signature is wrong or too old, 400 the body isn't what it should be.
    """
    names = {name.lower(): value for name, value in headers.items()}
    for header, check in FORMS.items():
        if header in names:
            form, signed, delivery = check(names, body, key, now)
            content = _parse(body)
            event = names.get("x-github-event") or content.get("object_kind") or names.get("x-gitlab-event") or "push"
            return Request(form, hashlib.sha256(signed).hexdigest(), _printable(delivery), _printable(event), content)
    raise Refused(401, "not signed")


def wanted(request: Request, branches: Mapping[str, str]) -> Wanted:
    """Return what a push asks for.

    Args:
        branches: those that are deployed, and where to.

    Raises:
        Refused: 400 it names no commit.
    """
    if request.event != "push":
        return Wanted(ignored=f"{request.event} is no push to a branch")
    body = request.body
    ref = body.get("ref") or f"{HEADS}{body.get('branch', '')}"
    if not isinstance(ref, str) or not ref.startswith(HEADS):
        return Wanted(ignored="not a branch")
    branch, commit = ref.removeprefix(HEADS), body.get("after") or body.get("commit")
    if branch not in branches:
        return Wanted(ignored="this branch isn't deployed")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise Refused(400, "no commit, which is 40 hexadecimal digits")
    if body.get("deleted") is True or not commit.strip("0"):
        return Wanted(ignored=f"{branch} was deleted")
    return Wanted(branch, commit, test=request.form == "plain" and body.get("test") is True)


def _github(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> tuple[str, bytes, str]:
    _compare(headers["x-hub-signature-256"], "sha256=" + _hex(secret_words(key).encode(), body))
    return "github", body, headers.get("x-github-delivery", "")


def _gitlab_signed(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> tuple[str, bytes, str]:
    """Check what GitLab signs with a signing token, the way of Standard Webhooks; there may be several signatures."""
    identifier, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = f"{identifier}.{timestamp}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    given = headers["webhook-signature"].split()
    if not any([_same(each, right) for each in given]):
        raise Refused(403, "wrong signature")
    _recent(timestamp, now)
    return "gitlab", signed, identifier


def _gitlab_token(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> tuple[str, bytes, str]:
    """Check GitLab's older way: the secret itself, so that only https keeps it and the body from being changed."""
    _compare(headers["x-gitlab-token"], secret_words(key))
    delivery = headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid") or ""
    return "gitlab", delivery.encode() + b"." + body, delivery


def _plain(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> tuple[str, bytes, str]:
    timestamp = headers.get("x-kraftwerk-timestamp", "")
    signed = timestamp.encode() + b"." + body
    _compare(headers["x-kraftwerk-signature"], "sha256=" + _hex(secret_words(key).encode(), signed))
    _recent(timestamp, now)
    return "plain", signed, headers.get("x-kraftwerk-delivery", "")


# The first header that a request has decides; a wrong one is not made good by another.
FORMS = {
    "x-hub-signature-256": _github,
    "webhook-signature": _gitlab_signed,
    "x-kraftwerk-signature": _plain,
    "x-gitlab-token": _gitlab_token,
}


def _hex(key: bytes, signed: bytes) -> str:
    return hmac.digest(key, signed, "sha256").hex()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())


def _compare(given: str, right: str) -> None:
    if not _same(given, right):
        raise Refused(403, "wrong signature")


def _recent(timestamp: str, now: float) -> None:
    if not re.fullmatch(r"\d{1,12}", timestamp) or abs(now - int(timestamp)) > WINDOW:
        raise Refused(403, f"signed more than {WINDOW // 60} minutes ago, or the clocks differ")


def _parse(body: bytes) -> Mapping[str, Any]:
    """Return the body's JSON, which GitHub may send as a field of a form; curl calls all bodies forms."""
    try:
        if body.startswith(FORM_FIELD):
            body = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"][0].encode()
        content = json.loads(body)
    except (ValueError, KeyError, RecursionError) as error:
        raise Refused(400, "the body isn't JSON") from error
    if not isinstance(content, dict):
        raise Refused(400, "the body isn't a JSON object")
    return content


def _printable(text: Any) -> str:
    return re.sub(r"[^\w.:-]", "", str(text))[:80]
