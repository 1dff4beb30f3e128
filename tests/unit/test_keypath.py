"""Paths of configuration keys: typed, parsed, and printed so that they can be typed again."""

import pytest

from kraftwerk import keypath
from kraftwerk.errors import KraftwerkError


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("workers", ("workers",)),
        ("environ.DEBUG", ("environ", "DEBUG")),
        ("SECRET_KEY", ("environ", "SECRET_KEY")),
        ("caching.pages./news/", ("caching", "pages", "/news/")),
        ("caching.pages./news/index.html", ("caching", "pages", "/news/index.html")),
        ('superusers."ada.lovelace".email', ("superusers", "ada.lovelace", "email")),
        ("static.'/a.b/'", ("static", "/a.b/")),
        (r'mail."a\"b"', ("mail", 'a"b')),
    ],
)
def test_what_is_typed(text, keys):
    assert keypath.parse(text) == keys


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", '"a"b', '"a', "a.'b"])
def test_what_is_no_path(text):
    with pytest.raises(KraftwerkError, match="is no key"):
        keypath.parse(text)


@pytest.mark.parametrize("key", ["a", "a.b", "/", "/a.b/", 'q"uote', "it's", "'", "ü", "a b", "back\\slash", "A"])
def test_what_is_printed_can_be_typed_again(key):
    for keys in ((key, "x"), ("x", key), ("x", key, "/y.z"), (key, key)):
        assert keypath.parse(keypath.text(keys)) == keys
