"""caching: durations, what files say of it merged, and what is no page."""

import pytest

from kraftwerk import caching, project
from kraftwerk.errors import KraftwerkError


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "mysite"
    (folder / "pillar").mkdir(parents=True)
    (folder / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi\nstatic: {/static/: build}\n")
    return folder


@pytest.mark.parametrize(
    ("written", "seconds"), [("10s", 10), ("5m", 300), ("1h", 3600), ("30d", 2592000), ("2w", 1209600), ("off", 0)]
)
def test_durations(written, seconds):
    assert caching.seconds(written) == seconds


def test_what_files_say_merges_by_key_and_page(root):
    (root / "pillar" / "base.sls").write_text('caching: {static: immutable, pages: {"/": 10s, "/news/": 5m}}\n')
    (root / "pillar" / "staging.sls").write_text('caching: {uploads: 1h, pages: {"/": off, /about: 1d}, size: 2g}\n')
    found = project.parse(root)
    assert found.instance("production", "blue").caching == {
        "static": "immutable",
        "pages": {"/": "10s", "/news/": "5m"},
    }
    assert found.instance("staging", "blue").caching == {
        "static": "immutable",
        "uploads": "1h",
        "pages": {"/": "off", "/news/": "5m", "/about": "1d"},
        "size": "2g",
    }


def test_nothing_said_is_nothing_cached(root):
    assert project.parse(root).instance("production", "blue").caching == {}


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("static: 30", "caching.static: '30' is not a duration, such as 10s, 5m, 1h, 30d or 2w, or off, or immutable"),
        ("static: 0s", "caching.static: '0s' is not a duration"),
        (
            "uploads: immutable",
            "caching.uploads: 'immutable' is not a duration, such as 10s, 5m, 1h, 30d or 2w, or off",
        ),
        ("uploads: 9999w", "caching.uploads: 9999w is more than ten years"),
        ("uploads: [1h]", "caching.uploads: must be a duration, such as 10s, 5m, 1h, 30d or 2w, or off, not a list"),
        ("page: {/: 1s}", "caching.page: unknown key; did you mean pages?"),
        ("pages: {news: 1s}", "caching.pages.news: 'news' is not a URL's path, such as / or /news/"),
        ("pages: {'/a b': 1s}", "caching.pages./a b: '/a b' is not a URL's path"),
        ("pages: {'/x;}': 1s}", "caching.pages./x;}: '/x;}' is not a URL's path"),
        ("pages: {/: soon}", "caching.pages./: 'soon' is not a duration"),
        ("pages: [/]", "caching.pages: must be a mapping (key: value), not a list"),
        ("size: 100", "caching.size: '100' is not a size, such as 100m or 2g"),
    ],
)
def test_mistakes_are_told_with_file_line_and_key(root, monkeypatch, written, line):
    monkeypatch.chdir(root)
    (root / "pillar" / "staging.sls").write_text(f"caching:\n  {written}\n")
    with pytest.raises(KraftwerkError) as caught:
        project.parse(root)
    assert caught.value.cause.startswith(f"pillar/staging.sls:2: {line}")


@pytest.mark.parametrize(("path", "key"), [("/static/", "static"), ("/uploads/", "uploads")])
def test_what_nginx_serves_from_a_folder_is_no_page(root, path, key):
    (root / "pillar" / "base.sls").write_text(f"caching: {{pages: {{{path}: 5m}}}}\n")
    with pytest.raises(KraftwerkError, match=f"caching.pages.{path}: nginx serves {path} from a folder") as caught:
        project.parse(root).instance("production", "blue")
    assert caught.value.next_command.startswith(f"caching.{key}: ")
