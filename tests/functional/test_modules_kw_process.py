"""Programs on a node: what they print, what is said of those that fail, and as whom they run."""

import os

import pytest


@pytest.fixture
def process(loaders):
    return loaders.modules.kw_process


def test_what_a_program_prints_comes_back(process, tmp_path):
    assert process.run(["cat"]) == ""
    assert process.run(["cat"], input="größer".encode()) == "größer"
    assert process.run(["pwd"], cwd=str(tmp_path)).strip() == str(tmp_path)


def test_a_program_that_fails_has_the_last_word(process):
    failing = ["sh", "-c", "printf '%s\\n' one two three '  sh: four' >&2; echo out; exit 3"]
    with pytest.raises(RuntimeError, match=r"^sh: two / three / four$"):
        process.run(failing)
    assert process.run(failing, check=False) == "out\n"
    with pytest.raises(RuntimeError, match=r"^false: failed without a word$"):
        process.run(["false"])
    with pytest.raises(RuntimeError, match=r"^kw-nothing isn't installed on this node$"):
        process.run(["kw-nothing"])


def test_nobody_is_no_user(process):
    with pytest.raises(RuntimeError, match="there is no user web-nobody on this node"):
        process.identity("web-nobody")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_has_its_own_home_and_nothing_of_our_login(process, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "hush")
    identity = process.identity("nobody", without=["PG"])
    said = process.run(["sh", "-c", "id -un; id -Gn; pwd; echo $HOME$PGPASSWORD"], **identity).splitlines()
    assert said == ["nobody", "nogroup", "/", "/nonexistent"]
