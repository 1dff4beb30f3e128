"""A uv.lock and the pyproject.toml beside it."""

import tomllib

import pytest

from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements import find

LOCK = """version = 1
[[package]]
name = "mysite"
source = { virtual = "." }
[package.metadata]
requires-dist = [
    { name = "django", extras = ["argon2"], specifier = ">=5.2,<6" },
    { name = "tzdata", marker = "sys_platform == 'win32'" },
    { name = "pytest", marker = "extra == 'test'", specifier = ">=8" },
]
[[package]]
name = "django"
version = "5.2"
source = { registry = "https://example.com/simple" }
"""
SAME = ["Django[argon2] <6, >=5.2", "tzdata; sys_platform == 'win32'"]


@pytest.fixture
def found(tmp_path):
    def found(dependencies, name="MySite", rest=""):
        (tmp_path / "uv.lock").write_text(LOCK)
        (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "{name}"\ndependencies = {dependencies}\n{rest}')
        return find(tmp_path)

    return found


def test_the_same_requirements_in_other_words(found):
    assert tomllib.loads(LOCK)
    assert found(SAME).kind == "uv.lock"


@pytest.mark.parametrize(
    ("dependencies", "named"),
    [
        ([*SAME, "httpx"], "httpx"),
        (SAME[:1], "tzdata"),
        (["django[argon2]>=5.2,<7", SAME[1], "a"], "a, django"),
    ],
)
def test_requirements_that_were_changed_since_are_named(found, dependencies, named):
    with pytest.raises(
        KraftwerkError, match=f"other requirements than pyproject.toml names: {named} → uv lock$"
    ) as caught:
        found(dependencies)
    assert (caught.value.code, caught.value.next_command) == (2, "uv lock")


def test_a_lock_of_another_name_is_uvs_business(found):
    assert found(["x"], name="other").kind == "uv.lock"
