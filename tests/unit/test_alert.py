"""Alerts: their words, the addresses that are never shown, and messages that wait until they arrive."""

import stat

import pytest

from kraftwerk import alert, outbox, reactoradd, tries
from kraftwerk.channel import Channel, channels
from kraftwerk.errors import KraftwerkError
from kraftwerk.problem import Problem

POSTGRES = Problem("service/postgres", "the unit postgresql is inactive", "kraftwerk run --node blue --as root -- x")
SINCE = "2026-11-20T23:04:05Z"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    monkeypatch.setattr(outbox.log, "disabled", True)  # Salt's test tools keep what is logged until the screen is gone
    return tmp_path


def test_a_problem_that_was_mended():
    done = "kraftwerk restarted postgresql; postgres on blue works again"
    told = alert.raised("blue", POSTGRES, SINCE, done)
    assert told.title == "[kraftwerk] postgres on blue does not work"
    assert told.body == (
        "the unit postgresql is inactive\n"
        "Since 2026-11-20T23:04:05Z.\n"
        "Done: kraftwerk restarted postgresql; postgres on blue works again.\n"
        "Next if it comes back: kraftwerk run --node blue --as root -- x\n"
        "(service/postgres on blue)"
    )
    assert told.good is False


def test_a_problem_that_stays():
    told = alert.raised("blue", POSTGRES, SINCE, "kraftwerk can't mend this by itself")
    assert "\nDone: kraftwerk can't mend this by itself.\nNext: kraftwerk run" in told.body


def test_a_problem_that_is_over():
    told = alert.cleared("blue", POSTGRES, SINCE, now=0)
    assert (told.title, told.good) == ("[kraftwerk] postgres on blue works again", True)
    assert told.body.startswith("From 2026-11-20T23:04:05Z to 1970-01-01T00:00:00Z.\nIt was: the unit")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("json://ada:secret@hooks.example.com:8080/path-with-token", "json://hooks.example.com"),
        ("mailtos://ada:secret@example.com?to=x@example.org", "mailtos://example.com"),
        ("slack://TokenA12345/TokenB12345/TokenC", "slack://…"),
        ("tgram://123456789:abcdefghijk/chat", "tgram://…"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert Channel(url).shown == shown


def test_what_a_channel_says_has_no_secret_of_its_address_in_it():
    channel = Channel("json://ada:secret99@127.0.0.1:9/token12345")
    assert channel._scrubbed("127.0.0.1 refused secret99 for token12345") == "127.0.0.1 refused **** for ****"


def test_an_address_that_apprise_does_not_know():
    assert Channel("nosuch://x").tell("t", "b", True) == "apprise doesn't understand this address"


def test_a_channel_where_nobody_listens_says_so():
    assert "onnection" in Channel("json://127.0.0.1:9/").tell("t", "b", False)


def deliver(answers, now):
    """Deliver what is due; `answers` says why a channel fails. Return what was tried."""
    tried = []

    def send(key, message):
        tried.append((key, message["title"]))
        return answers.get(key, "")

    outbox.deliver(send, now)
    return tried


def test_a_message_waits_for_each_channel_by_itself(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.0)
    outbox.put({"title": "one"}, ["good", "bad"])
    assert deliver({"bad": "refused"}, 1000) == [("good", "one"), ("bad", "one")]
    assert deliver({"bad": "refused"}, 1029) == []
    assert deliver({"bad": "refused"}, 1030) == [("bad", "one")]
    assert deliver({}, 1089) == []
    assert deliver({}, 1090) == [("bad", "one")]
    assert outbox.waiting() == []


def test_messages_arrive_in_their_order(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.0)
    outbox.put({"title": "raised"}, ["mail"])
    assert deliver({"mail": "refused"}, 1000) == [("mail", "raised")]
    outbox.put({"title": "cleared"}, ["mail", "hook"])
    assert deliver({}, 1001) == [("hook", "cleared")]
    assert deliver({}, 1031) == [("mail", "raised"), ("mail", "cleared")]


def test_a_message_is_given_up_after_a_day_and_one_without_channels_is_none(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.0)
    outbox.put({"title": "nobody"}, [])
    outbox.put({"title": "one"}, ["mail", "gone"])
    deliver({"mail": "refused", "gone": None}, 1000)
    deliver({"mail": "refused"}, 1000 + outbox.GIVE_UP + 1)
    assert outbox.waiting() == []


def test_a_damaged_message_stops_no_other():
    (outbox.folder() / "1-1.json").write_text("{")
    outbox.put({"title": "one"}, ["mail"])
    assert deliver({}, 1e12) == [("mail", "one")]


def test_what_waits_holds_no_address_and_is_ours_alone(home):
    (home / "config.yaml").write_text("reactor: {alerts: ['json://ada:secret99@127.0.0.1:9/']}\n")
    (home / "config.yaml").chmod(0o600)
    alert.send(alert.raised("blue", POSTGRES, SINCE, "nothing"))
    (path,) = outbox.waiting()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret99" not in path.read_text()


def test_a_test_alert_says_what_became_of_it_on_each_channel(home):
    (home / "config.yaml").write_text("reactor: {alerts: ['json://127.0.0.1:9/', 'nosuch://x']}\n")
    (home / "config.yaml").chmod(0o600)
    first, second = alert.send_test()
    assert first.channel == "json://127.0.0.1" and "onnection" in first.reason
    assert second == alert.Sent("nosuch://…", "apprise doesn't understand this address")


def test_an_address_is_added_to_config_yaml_once_and_comments_stay(home):
    file = home / "config.yaml"
    file.write_text("# mine\nreactor:\n  interval: 60   # seconds\n")
    file.chmod(0o600)
    for url in ("json://127.0.0.1:9/a\n", "json://127.0.0.1:9/b", "json://127.0.0.1:9/a"):
        assert reactoradd.add_alert(url).shown == "json://127.0.0.1"
    assert [channel.url for channel in channels()] == ["json://127.0.0.1:9/a", "json://127.0.0.1:9/b"]
    assert file.read_text().startswith("# mine\nreactor:\n  interval: 60   # seconds\n")
    with pytest.raises(KraftwerkError, match="nosuch://… is no address") as caught:
        reactoradd.add_alert("nosuch://secret99")
    assert "secret99" not in str(caught.value)


def test_three_tries_an_hour_for_each_problem():
    assert [tries.take("blue", "nginx", now) for now in (1000.0, 1001.0, 1002.0)] == [0, 0, 0]
    assert tries.take("blue", "nginx", 1003.0) == 1000 + 3600
    assert tries.take("blue", "disk", 1003.0) == tries.take("green", "nginx", 1003.0) == 0
    assert tries.take("blue", "nginx", 4600.5) == 0
