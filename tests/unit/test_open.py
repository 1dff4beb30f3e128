"""The site in the browser, and its address where there is none."""

import sys

import pytest

from kraftwerk import browser, cli, node, registry
from kraftwerk.instance import Instance

BLUE = node.Node("blue", "192.0.2.7", "local")


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """What is opened in the browser, of a project that is deployed on blue."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    node.save_node(BLUE)
    registry.record(BLUE, Instance("mysite", "mysite", "production", "mysite.wsgi:application"))
    root = tmp_path / "mysite"
    root.mkdir()
    (root / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi:application\n")
    monkeypatch.chdir(root)
    opened = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: opened.append(address) or True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return opened


def run(*words):
    with pytest.raises(SystemExit) as ended:
        cli.main(["open", *words])
    return ended.value.code


def test_without_a_display_the_address_is_printed(shown, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert (run("blue"), capsys.readouterr().out, shown) == (0, "http://mysite.blue\n", [])


def test_with_one_it_is_opened_for_who_reads_it(shown, capsys, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    assert (run(), shown) == (0, [])  # in a pipe
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert (run(), shown) == (0, ["http://mysite.blue"])


def test_a_site_that_is_not_there_is_not_opened(shown, capsys, monkeypatch):
    monkeypatch.setattr("kraftwerk.target.registry.sync", lambda connection: {})
    assert (run("--env", "staging"), shown) == (1, [])
    assert "mysite-staging is not deployed on blue" in capsys.readouterr().err
