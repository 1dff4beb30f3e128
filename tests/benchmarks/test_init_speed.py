"""How long `init` takes to make a project that runs, with an index of packages that has been asked before."""

import time

import pytest

from kraftwerk.newproject import creation
from kraftwerk.newproject.choice import Choice

pytestmark = pytest.mark.network
LIMITS = [
    (Choice("shop"), 20),
    (Choice("shop", "django", ("postgres", "files")), 20),
    (Choice("shop", "flask", ("postgres", "files", "couchdb", "celery")), 40),
]


@pytest.mark.parametrize(("choice", "limit"), LIMITS, ids=[choice.template for choice, _ in LIMITS])
def test_a_project_is_made_in_time(choice, limit, tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    creation.create(choice, tmp_path / "first")
    began = time.monotonic()
    creation.create(choice, tmp_path / "second")
    seconds = time.monotonic() - began
    print(f"\n{choice.template} with {', '.join(choice.wanted) or 'nothing'}: {seconds:.1f} s, {limit} at most")
    assert seconds < limit
