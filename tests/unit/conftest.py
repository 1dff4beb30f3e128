"""For tests without nodes: none finds what another has written."""

import pytest


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Give each test an empty KRAFTWERK_HOME; one that looks into it sets its own."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path_factory.getbasetemp() / "no-home" / str(id(monkeypatch))))
