"""The import rule, read from the source: cli → commands → core → nothing of ours; nodes get the standard library."""

import ast
import re
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "kraftwerk"
CORE = sorted(path for path in PACKAGE.glob("*.py") if path.stem not in ("cli", "__main__", "__init__"))
COMMANDS = sorted(path for path in (PACKAGE / "commands").glob("*.py") if path.stem != "__init__")
ON_NODES = sorted(path for folder in ("_modules", "_states") for path in (TOP / folder).glob("*.py"))
ON_ADMIN = sorted(
    path for folder in ("_clouds", "_pillar", "_runners", "_engines") for path in (TOP / folder).glob("*.py")
)
STARTS = re.compile(r"subprocess\.(run|Popen|call|check_\w+)\(|os\.(system|popen|exec\w+|spawn\w+)\(|shell=True")


def imported(path):
    """Return the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path):
    """Return the modules of kraftwerk that a file imports."""
    return {name for name in imported(path) if name.split(".")[0] == "kraftwerk"}


def name(path):
    """Return a file's path as a test's name."""
    return str(path.relative_to(TOP))


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_imports_neither_commands_nor_cli(path):
    assert not [each for each in ours(path) if each.startswith(("kraftwerk.commands", "kraftwerk.cli"))]


@pytest.mark.parametrize("path", COMMANDS, ids=name)
def test_commands_import_no_commands(path):
    assert not [each for each in ours(path) if each.startswith(("kraftwerk.commands", "kraftwerk.cli"))]


def test_the_cli_imports_commands_by_name_only():
    assert ours(PACKAGE / "cli.py") <= {
        "kraftwerk",
        "kraftwerk.__version__",
        "kraftwerk.errors",
        "kraftwerk.errors.INTERRUPTED",
        "kraftwerk.errors.KraftwerkError",
        "kraftwerk.screen",
        "kraftwerk.screen.harmless",
        "kraftwerk.screen.settings",
        "kraftwerk.saltway",
    }


def test_the_core_has_no_circles():
    """Follow imports at the top of modules; those inside functions are late on purpose."""
    names = {f"kraftwerk.{path.stem}": path for path in CORE}

    def needs(path):
        late = ast.parse(path.read_text())
        late.body = [node for node in late.body if isinstance(node, ast.Import | ast.ImportFrom)]
        found = set()
        for node in late.body:
            words = [alias.name for alias in node.names]
            found |= (
                set(words) if isinstance(node, ast.Import) else {node.module, *(f"{node.module}.{w}" for w in words)}
            )
        return found & names.keys()

    graph = {module: needs(path) - {module} for module, path in names.items()}
    while graph:
        free = [module for module, needed in graph.items() if not needed & graph.keys()]
        assert free, f"these import each other: {sorted(graph)}"
        graph = {module: needed for module, needed in graph.items() if module not in free}


@pytest.mark.parametrize("path", ON_NODES, ids=name)
def test_what_runs_on_a_node_needs_the_standard_library_only(path):
    foreign = {each.split(".")[0] for each in imported(path)} - sys.stdlib_module_names
    assert foreign == ({"libcloud", "requests"} if path.stem == "kw_bucket" else set())  # Debian's python3-libcloud


@pytest.mark.parametrize("path", ON_ADMIN, ids=name)
def test_loaded_plugins_import_no_commands(path):
    assert not [each for each in ours(path) if each.startswith(("kraftwerk.commands", "kraftwerk.cli"))]


@pytest.mark.parametrize("path", [*CORE, *COMMANDS], ids=name)
def test_one_module_starts_processes(path):
    assert path.stem == "process" or not STARTS.search(path.read_text())


def test_salt_is_imported_late():
    """Salt's import costs half a second: only inside functions, or in modules that commands import late."""
    early = [path.name for path in CORE if any(each.split(".")[0] == "salt" for each in _top_level(path))]
    assert early == []


def _top_level(path):
    nodes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes}


def test_the_states_tree_is_no_package():
    assert not (TOP / "salt" / "__init__.py").exists()
