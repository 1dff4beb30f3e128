"""Rules of the house that a linter doesn't know, checked on every file by listing."""

import ast
import re
import statistics
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
COMMANDS = sorted(path for path in (TOP / "kraftwerk" / "commands").glob("*.py") if path.stem != "__init__")
CORE = sorted((TOP / "kraftwerk").glob("*.py"))
ON_NODES = sorted(path for folder in ("_modules", "_states") for path in (TOP / folder).glob("*.py"))
STATES = sorted((TOP / "salt").rglob("*.sls"))
REACTIONS = TOP / "salt" / "reactor"  # answers to events: no states
FOLDERS = sorted({path.parent for path in STATES} - {TOP / "salt", REACTIONS})  # top.sls stands alone
ENTRIES = {
    *["kraftwerk", "salt", "pillar", "cloud.profiles.d", "_modules", "_states", "_clouds", "_runners", "_pillar"],
    *["_engines", "tests", "docs", "Saltfile", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "LICENSE"],
}


def lines(path):
    """Return the number of lines of a file."""
    return len(path.read_text().splitlines())


def name(path):
    """Return a file's path as a test's name."""
    return str(path.relative_to(TOP))


def functions(path):
    """Return the functions of a file."""
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


def test_the_top_level_can_be_drawn_from_the_design():
    found = {path.name for path in TOP.iterdir() if not path.name.startswith(".")}
    assert found - ENTRIES <= {"build", "dist"}


@pytest.mark.parametrize("path", COMMANDS, ids=name)
def test_a_command_is_short_and_of_the_same_shape(path):
    assert lines(path) <= 150
    command = next(node for node in functions(path) if node.name == "command")
    assert ast.get_docstring(command), "the docstring is the help"
    assert any("command" in ast.unparse(each) or "group" in ast.unparse(each) for each in command.decorator_list)


def test_commands_are_short_in_the_middle():
    assert statistics.median(map(lines, COMMANDS)) <= 60


@pytest.mark.parametrize("path", [*CORE, *ON_NODES], ids=name)
def test_a_file_of_the_core_can_be_read_at_once(path):
    assert lines(path) <= 420 if path in ON_NODES else lines(path) <= 300


def test_functions_are_short():
    lengths = [node.end_lineno - node.lineno + 1 for path in [*CORE, *COMMANDS] for node in functions(path)]
    assert statistics.median(lengths) <= 12
    assert max(lengths) <= 70


@pytest.mark.parametrize("path", FOLDERS, ids=name)
def test_a_state_folder_has_the_whole_grammar(path):
    assert (path / "init.sls").is_file()
    assert (path / "clean.sls").is_file()


@pytest.mark.parametrize("path", STATES, ids=name)
def test_a_state_file_is_short(path):
    assert lines(path) <= 80


@pytest.mark.parametrize("path", [path for path in STATES if path.name == "init.sls"], ids=name)
def test_init_only_includes(path):
    code = re.sub(r"(?ms)^#.*?\n|{#.*?#}|{%.*?%}", "", path.read_text())
    assert re.match(r"\s*include:", code)
    assert not re.search(r"(?m)^(?!include:)\S", code), "nothing but the list of includes"


@pytest.mark.parametrize("path", STATES, ids=name)
def test_commands_in_states_have_a_guard(path):
    for block in re.split(r"(?m)^(?=\S)", path.read_text()):
        if "cmd.run" in block:
            assert re.search(r"\b(unless|onlyif|creates|onchanges)\b", block), block


@pytest.mark.parametrize("path", ON_NODES, ids=name)
def test_custom_modules_shadow_nothing(path):
    assert path.stem.startswith("kw_")


WORKPLACE = re.compile(
    "|".join(["/wo" + "rk/", "/tmp/" + "kw/", "py" + r"pi\.org", "pythonho" + "sted", r"deb\.deb" + "ian", "TO" + "DO"])
)


@pytest.mark.parametrize("folder", ["kraftwerk", "salt", "_modules", "_states", "tests", "docs", "pillar"])
def test_nothing_names_a_workplace_or_a_registry(folder):
    texts = [path for path in (TOP / folder).rglob("*") if path.is_file() and path.suffix not in (".pyc", ".png")]
    found = [name(path) for path in texts if WORKPLACE.search(path.read_text(errors="replace"))]
    assert found == []
