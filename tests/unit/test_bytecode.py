"""Bytecode of a release: made of its source, or taken from the live one where a file is the same."""

import os
import subprocess
import sys
from importlib.util import cache_from_source

import pytest

from kraftwerk.paths import PACKAGE


@pytest.fixture
def trees(tmp_path):
    """The source of a live release, which is compiled, and of a new one with one file changed."""
    live, new = tmp_path / "live", tmp_path / "new"
    for tree in (live, new):
        (tree / "app").mkdir(parents=True)
        (tree / "venv").mkdir()
        (tree / "venv" / "lib.py").write_text("")
    for name in ("app/same.py", "app/changed.py"):
        (live / name).write_text("x = 1\n")
    compiled(live)
    os.link(live / "app/same.py", new / "app/same.py")
    (new / "app/changed.py").write_text("x = 2\n")
    (new / "app/template.py").write_text("class {{ name }}:\n")
    return live, new


def compiled(folder, *live):
    """Compile a tree and return its bytecode by the file's name."""
    program = PACKAGE / "remote" / "bytecode.py"
    done = subprocess.run([sys.executable, "-IS", program, *live], cwd=folder, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    return {path.name.split(".")[0]: path for path in folder.rglob("*.pyc")}


def test_what_is_the_same_file_in_the_live_release_is_not_compiled_again(trees):
    live, new = trees
    found = compiled(new, live)
    assert sorted(found) == ["changed", "same"]  # no virtualenv's, and nothing of what is no Python
    assert found["same"].samefile(cache_from_source(live / "app/same.py"))
    assert not found["changed"].samefile(cache_from_source(live / "app/changed.py"))
    assert compiled(new, live) == found


def test_without_a_live_release_all_is_compiled(trees):
    assert sorted(compiled(trees[1], trees[1].parent / "none")) == ["changed", "same"]
