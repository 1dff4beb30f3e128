"""Alerts arrive at real servers on loopback; a channel that fails holds no other up."""

import time

import pytest

from kraftwerk import alert, outbox
from kraftwerk.problem import Problem
from tests.receivers import hook, mail, port_of

PROBLEM = Problem("service/postgres", "the unit postgresql is inactive", "kraftwerk nodes")


@pytest.fixture
def channels(tmp_path, monkeypatch):
    """Write addresses into a config.yaml of its own."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    monkeypatch.setattr(outbox.log, "disabled", True)

    def write(*addresses):
        (tmp_path / "config.yaml").write_text(f"reactor: {{alerts: {list(addresses)}}}\n")
        (tmp_path / "config.yaml").chmod(0o600)

    return write


def by_mail(server):
    return f"mailto://127.0.0.1:{port_of(server)}?from=kraftwerk@test.example&to=ada@example.com&mode=insecure"


def by_hook(server):
    return f"json://127.0.0.1:{port_of(server)}/alerts"


def test_an_alert_arrives_by_mail_and_by_webhook_once(channels):
    with hook() as http, mail() as smtp:
        channels(by_hook(http), by_mail(smtp))
        alert.send(alert.raised("blue", PROBLEM, "2026-11-20T23:04:05Z", "kraftwerk restarted postgresql"))
        alert.flush()
        alert.flush()
        (posted,), (letter,) = http.taken, smtp.taken
    assert posted["title"] == letter["Subject"] == "[kraftwerk] postgres on blue does not work"
    assert posted["type"] == "warning"
    assert letter["To"] == "ada@example.com" and "kraftwerk@test.example" in letter["From"]
    text = letter.get_body(("plain", "html")).get_content()
    for said in ("the unit postgresql is inactive", "Done: kraftwerk restarted postgresql."):
        assert said in posted["message"] and said in text


def test_a_channel_that_fails_gets_its_alerts_later_and_in_order(channels, monkeypatch):
    with hook() as good, hook() as bad:
        bad.status = 500
        channels(by_hook(good), by_hook(bad))
        for title in ("one", "two"):
            alert.send(alert.Alert(title, "body"))
            alert.flush()
        assert ([each["title"] for each in good.taken], bad.taken) == (["one", "two"], [])
        bad.status = 200
        now = time.time()
        monkeypatch.setattr("time.time", lambda: now + 3600)
        alert.flush()
        assert [each["title"] for each in bad.taken] == ["one", "two"]
        assert len(good.taken) == 2


def test_a_test_alert_goes_to_all_at_once(channels):
    with hook() as http, mail() as smtp:
        channels(by_hook(http), by_mail(smtp))
        assert alert.send_test() == [alert.Sent("json://127.0.0.1"), alert.Sent("mailto://127.0.0.1")]
        assert http.taken[0]["title"] == smtp.taken[0]["Subject"] == "[kraftwerk] a test"
