"""The gate: what answers pass, and what is said about the others."""

import socket
import subprocess

import pytest

from kraftwerk.gate import Answer, inside, loop, parse, refusal, words
from kraftwerk.gaterule import Rule
from kraftwerk.instance import Instance
from kraftwerk.remote import script

URL = "http://mysite.blue/"
RULE = Rule()


def test_an_answer_is_read_from_what_the_node_prints():
    assert parse("answered\t302\t612\thttp://mysite.blue/login/\n", URL) == Answer(
        "answered", 302, 0.612, URL, "http://mysite.blue/login/"
    )
    assert parse("silent\t000\t30011\t\n", URL) == Answer("silent", 0, 30.011, URL)


def test_an_answer_is_printed_with_where_it_redirects_to():
    assert str(Answer("answered", 200, 0.1, URL)) == "GET / 200"
    assert str(Answer("answered", 302, 0.1, URL, "http://a/b")) == "GET / 302 → http://a/b"


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("answered", 200, ""),
        ("answered", 399, ""),
        ("answered", 400, "GET / answered 400: does it refuse the Host header (ALLOWED_HOSTS)?"),
        ("answered", 404, "GET / answered 404: is `health:` in kraftwerk.yaml a URL that exists?"),
        ("answered", 500, "GET / answered 500"),
        ("exited", 0, "the application exited instead of serving"),
        ("exited", 502, "the application exited instead of serving"),
        ("silent", 0, "GET / was not answered within 30 s"),
    ],
)
def test_what_is_refused_and_why(word, status, reason):
    assert refusal(Answer(word, status, 30.0, URL), [URL], RULE) == reason


def test_a_redirect_passes_unless_it_goes_in_a_circle():
    login, other = "http://mysite.blue/login/", "https://login.example.com/"
    assert refusal(Answer("answered", 302, 0.1, URL, login), [URL], RULE) == ""
    assert refusal(Answer("answered", 302, 0.1, URL, other), [URL], RULE) == ""
    itself = refusal(Answer("answered", 301, 0.1, URL, URL), [URL], RULE)
    assert itself == "GET / redirects to itself (Location: http://mysite.blue/)"
    back = loop(Answer("answered", 302, 0.1, login, URL), [URL, login])
    assert back == "redirects go in a circle: http://mysite.blue/ → http://mysite.blue/login/ → http://mysite.blue/"


def test_only_redirects_within_the_site_are_followed():
    instance = Instance("mysite", "mysite", "production", "mysite.wsgi:application", domains=("mysite.blue",))
    assert inside("http://mysite.blue/login/", instance)
    assert not inside("https://mysite.blue/", instance)
    assert not inside("http://mysite.blue.evil.example/", instance)
    assert not inside("", instance)


def test_what_the_node_is_asked_to_ask():
    asked = ["mysite.blue", "http", "/up?deep=1", "30", "3", "5", "0.5", "200-399"]
    assert words("http://mysite.blue/up?deep=1", RULE) == asked
    rule = Rule(accept=("204", "300-302"), each=2, within=60, interval=1.0)
    assert words(URL, rule, 0) == ["mysite.blue", "http", "/", "60", "0", "2", "1.0", "204-204", "300-302"]


def test_what_passes_can_be_said():
    rule = Rule(accept=("204", "300-302"))
    assert [status for status in (200, 204, 299, 301, 303) if rule.accepts(status)] == [204, 301]
    refused = refusal(Answer("answered", 200, 0.1, URL), [URL], rule)
    assert refused == "GET / answered 200, and `gate:` accepts 204, 300-302"
    refused = refusal(Answer("answered", 301, 0.1, URL, f"{URL}login/"), [URL], Rule(accept=("200",)))
    assert refused == "GET / answered 301, and `gate:` accepts 200 (it redirects to http://mysite.blue/login/)"


@pytest.mark.parametrize(
    ("listens", "state", "found"),
    [(False, "down", "exited\t000"), (False, "run", "silent\t000"), (True, "run", "answered\t200")],
)
def test_who_has_no_socket_yet_is_not_asked(tmp_path, listens, state, found):
    folder = tmp_path / "shop"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        if listens:
            listening.bind(str(folder / "a.sock"))
        stubs = f"sv() {{ echo {state}:; }}\ncurl() {{ echo asked >>{tmp_path}/curl; printf '200\\t'; }}\n"
        text = stubs + script("gate").replace("/run/kraftwerk", str(tmp_path))
        command = ["sh", "-seu", "--", "shop", "a", "shop.blue", "http", "/", "0", "0", "5", "0.5", "200-399"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{found}\t")
    assert (tmp_path / "curl").exists() == listens
