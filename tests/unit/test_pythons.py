"""The Python of a node, and what is said where a project can't have its own."""

from dataclasses import replace

import pytest

from kraftwerk import pythons
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome, StateResult
from kraftwerk.instance import Instance
from kraftwerk.release import History, parse
from kraftwerk.requirements import Requirements

NODE = History(python="3.11.2", pythons=("3.11",))
OWN = Instance("x", "x", "production", "x")
SAID = """Command "/opt/kraftwerk/uv/bin/uv python install --no-progress 3.12" run
error: Failed to install cpython-3.12.9-linux-x86_64-gnu
  cause: Request failed after 3 retries
  cause: Name or service not known"""


def wanted(python):
    return Requirements(files=("pyproject.toml",), python=python)


@pytest.mark.parametrize("python", ["", ">=3.9", "~=3.11", "nonsense"])
def test_what_the_nodes_own_will_do_for(python):
    pythons.check(wanted(python), OWN, NODE, "blue")


def test_what_it_will_not_do_for_is_refused_with_a_version_that_would():
    with pytest.raises(KraftwerkError) as caught:
        pythons.check(wanted(">=3.12,<3.13"), OWN, NODE, "blue")
    assert caught.value.cause == "pyproject.toml asks for Python >=3.12,<3.13, and blue has 3.11.2"
    assert (caught.value.next_command, caught.value.code) == ('python: "3.12" in kraftwerk.yaml', 2)


def test_a_version_that_is_named_is_nobody_elses_business():
    pythons.check(wanted(">=3.13"), replace(OWN, python="3.12"), History(), "blue")


def failing(name, text):
    result = StateResult(name, "python.managed", name, "cmd.run", False, text, {}, 1.0, 1)
    return Outcome("blue", (result,), 1.0, False)


def test_one_that_can_not_be_fetched():
    found = pythons.failed(failing("python/managed/3.12", SAID), replace(OWN, python="3.12"), NODE)
    reason = "Failed to install cpython-3.12.9-linux-x86_64-gnu; Name or service not known"
    assert found and found.cause == f"blue has Python 3.11, and 3.12 can't be fetched: {reason}"
    assert found.next_command.startswith('python: "3" in kraftwerk.yaml, or a mirror: ')
    assert pythons.failed(failing("nginx/service/valid", SAID), OWN, NODE) is None


def test_which_the_node_has():
    assert parse("python\t\nhas\t3.13\nhas\t3.11\n").pythons == ("3.11", "3.13")
