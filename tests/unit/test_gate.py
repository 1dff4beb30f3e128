"""The gate: what answers pass, and what is said about the others."""

import pytest

from kraftwerk.gate import Answer, inside, loop, parse, refusal
from kraftwerk.instance import Instance

URL = "http://mysite.blue/"


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
    assert refusal(Answer(word, status, 30.0, URL), [URL]) == reason


def test_a_redirect_passes_unless_it_goes_in_a_circle():
    login, other = "http://mysite.blue/login/", "https://login.example.com/"
    assert refusal(Answer("answered", 302, 0.1, URL, login), [URL]) == ""
    assert refusal(Answer("answered", 302, 0.1, URL, other), [URL]) == ""
    itself = refusal(Answer("answered", 301, 0.1, URL, URL), [URL])
    assert itself == "GET / redirects to itself (Location: http://mysite.blue/)"
    back = loop(Answer("answered", 302, 0.1, login, URL), [URL, login])
    assert back == "redirects go in a circle: http://mysite.blue/ → http://mysite.blue/login/ → http://mysite.blue/"


def test_only_redirects_within_the_site_are_followed():
    instance = Instance("mysite", "mysite", "production", "mysite.wsgi:application", domains=("mysite.blue",))
    assert inside("http://mysite.blue/login/", instance)
    assert not inside("https://mysite.blue/", instance)
    assert not inside("http://mysite.blue.evil.example/", instance)
    assert not inside("", instance)
