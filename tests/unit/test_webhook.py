"""Who signed a push, whether that is true, and what it asks for."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from kraftwerk import webhook
from kraftwerk.webhook import Refused, Wanted

KEY = b"k" * 32
NOW = 1_700_000_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BRANCHES = {"main": "production", "staging": "staging"}


def hexed(key, signed):
    return hmac.new(key, signed, hashlib.sha256).hexdigest()


def github(content, event="push"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={hexed(KEY.hex().encode(), body)}"}, body


def gitlab(content, at=NOW, identifier="evt-1"):
    body = json.dumps({"object_kind": "push", **content}).encode()
    digest = hmac.digest(KEY, f"{identifier}.{at}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": identifier, "webhook-timestamp": str(at), "webhook-signature": signature}, body


def refusal(headers, body, now=NOW):
    with pytest.raises(Refused) as caught:
        webhook.verify(headers, body, KEY, now)
    return caught.value.status


def test_githubs_published_example(monkeypatch):
    monkeypatch.setattr(webhook, "secret_words", lambda key: key.decode())
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret, body = b"It's a Secret to Everybody", b"Hello, World!"
    with pytest.raises(Refused, match="isn't JSON"):  # the signature is right, and the body comes after it
        webhook.verify({"X-Hub-Signature-256": signature}, body, secret, NOW)
    with pytest.raises(Refused, match="wrong signature"):
        webhook.verify({"X-Hub-Signature-256": signature}, body + b"!", secret, NOW)


def test_the_example_of_standard_webhooks(monkeypatch):
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    found = webhook.verify(headers, b'{"test": 2432232314}', key, 1614265340)
    assert (found.form, found.delivery) == ("gitlab", "msg_p5jXN8AQM9LWM0D4loKWxJek")


@pytest.mark.parametrize("make", [github, gitlab])
def test_a_push_that_is_signed(make):
    found = webhook.verify(*make({"ref": "refs/heads/main", "after": COMMIT}), KEY, NOW)
    assert found.event == "push"
    assert webhook.wanted(found, BRANCHES) == Wanted("main", COMMIT)


def test_githubs_push_as_a_form():
    body = urlencode({"payload": json.dumps({"ref": "refs/heads/main", "after": COMMIT})}).encode()
    found = webhook.verify(*github(body), KEY, NOW)
    assert webhook.wanted(found, BRANCHES).commit == COMMIT


def test_gitlabs_secret_token():
    body = json.dumps({"object_kind": "push", "ref": "refs/heads/staging", "after": COMMIT}).encode()
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": KEY.hex(), "X-Gitlab-Event-UUID": "a"}
    first = webhook.verify(headers, body, KEY, NOW)
    assert webhook.wanted(first, BRANCHES).branch == "staging"
    assert first.signed == webhook.verify(headers, body, KEY, NOW).signed
    assert first.signed != webhook.verify({**headers, "X-Gitlab-Event-UUID": "b"}, body, KEY, NOW).signed
    assert refusal({**headers, "X-Gitlab-Token": "guess"}, body) == 403


def test_the_plain_form():
    body = json.dumps({"branch": "main", "commit": COMMIT}).encode()
    headers = {**webhook.sign(KEY, NOW, body), "Content-Type": "application/x-www-form-urlencoded"}  # curl's word
    assert webhook.wanted(webhook.verify(headers, body, KEY, NOW + 299), BRANCHES) == Wanted("main", COMMIT)
    assert refusal(headers, body, NOW + 301) == 403
    assert refusal(headers, body, NOW - 301) == 403
    assert refusal({**headers, "X-Kraftwerk-Timestamp": str(NOW + 1)}, body) == 403
    assert refusal({"X-Kraftwerk-Signature": headers["X-Kraftwerk-Signature"]}, body) == 403


def test_what_is_not_signed_or_wrong():
    headers, body = github({"ref": "refs/heads/main", "after": COMMIT})
    assert refusal({"X-GitHub-Event": "push"}, body) == 401
    assert refusal({"X-Hub-Signature": "sha1=00"}, body) == 401
    for wrong in ("", "sha256=", "sha256=é", headers["X-Hub-Signature-256"].upper(), "sha256=" + "0" * 64):
        assert refusal({"X-Hub-Signature-256": wrong}, body) == 403
    token = {"X-Gitlab-Token": KEY.hex()}
    assert refusal({"X-Hub-Signature-256": "wrong", **token}, body) == 403  # the first that is there decides
    assert refusal(gitlab({}, at=NOW - 400)[0], gitlab({}, at=NOW - 400)[1]) == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff", b"[" * 100_000])
def test_a_body_that_is_signed_and_no_push(body):
    assert refusal(*github(body)) == 400


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"ref": "refs/tags/v1", "after": COMMIT}, "not a branch"),
        ({"ref": "refs/heads/idea", "after": COMMIT}, "this branch isn't deployed"),
        ({"ref": "refs/heads/main", "after": "0" * 40}, "main was deleted"),
        ({"ref": "refs/heads/main", "after": COMMIT, "deleted": True}, "main was deleted"),
        ({"ref": ["refs/heads/main"], "after": COMMIT}, "not a branch"),
    ],
)
def test_pushes_that_are_nobodys_matter(content, reason):
    assert webhook.wanted(webhook.verify(*github(content), KEY, NOW), BRANCHES).ignored == reason


def test_other_events_and_bodies_without_a_commit():
    found = webhook.verify(*github({"action": "opened"}, event="issues"), KEY, NOW)
    assert webhook.wanted(found, BRANCHES).ignored == "issues is no push to a branch"
    for commit in (None, "main", "--upload-pack=x", COMMIT[:39], COMMIT.upper()):
        found = webhook.verify(*github({"ref": "refs/heads/main", "after": commit}), KEY, NOW)
        with pytest.raises(Refused, match="no commit"):
            webhook.wanted(found, BRANCHES)


def test_only_the_plain_form_is_a_test():
    content = {"branch": "main", "commit": COMMIT, "test": True}
    body = json.dumps(content).encode()
    assert webhook.wanted(webhook.verify(webhook.sign(KEY, NOW, body), body, KEY, NOW), BRANCHES).test
    assert not webhook.wanted(webhook.verify(*github(content), KEY, NOW), BRANCHES).test


def test_each_project_has_its_own_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    first = webhook.secret("mysite")
    assert first == webhook.secret("mysite") != webhook.secret("another")
    assert webhook.secret_file().stat().st_mode & 0o777 == 0o600
    assert webhook.gitlab_words(first) == "whsec_" + base64.b64encode(first).decode()
    assert len(webhook.secret_words(first)) == 64
