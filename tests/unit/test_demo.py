import os

from kraftwerk import demo
from kraftwerk.demo import Command


def test_the_first_ten_minutes_in_their_order():
    shown = [str(command) for command in [*demo.first_half("blue"), *demo.second_half("green", "x.kw")]]
    assert shown == [
        "kraftwerk create-node blue --provider local --hosts",
        "kraftwerk init mysite --template django --with postgres,files",
        "kraftwerk deploy blue --yes",
        "kraftwerk run -- python manage.py createsuperuser --noinput --username ada --email ada@example.com",
        "kraftwerk run -- python manage.py shell -c 'from django.core.files.base import ContentFile …'",
        "kraftwerk dump",
        "kraftwerk create-node green --provider local --hosts",
        "kraftwerk deploy green --yes",
        "kraftwerk load x.kw --to green --yes",
        "kraftwerk status",
    ]


def test_words_of_one_line_are_shown_whole():
    assert str(Command(("run", "--", "echo", "a b"))) == "kraftwerk run -- echo 'a b'"


def test_the_names_of_the_users_own_nodes_are_left_to_them(tmp_path):
    hosts = tmp_path / "hosts"
    assert demo.node_names(hosts) == ("blue", "green")
    hosts.write_text("127.0.0.1 localhost # not blue\n")
    assert demo.node_names(hosts) == ("blue", "green")
    hosts.write_text("10.77.0.11 mysite.blue blue\n")
    assert demo.node_names(hosts) == ("demo-blue", "demo-green")


def test_no_setting_of_the_users_reaches_the_demo(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("KRAFTWERK_HOME", "/home/me/.config/kraftwerk")
    monkeypatch.setenv("KRAFTWERK_ENV", "staging")
    demo.enter()
    assert os.environ["KRAFTWERK_HOME"] == str(tmp_path / "kraftwerk-demo" / "home")
    assert "KRAFTWERK_ENV" not in os.environ


def test_nothing_to_clean(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    assert demo.clean() is False
