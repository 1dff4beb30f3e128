"""The grammar of the Salt trees, checked by listing: what is added later is checked too."""

import ast
import re
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[2]
SALT = TOP / "salt"
STATES = sorted(SALT.rglob("*.sls"))
REACTIONS = SALT / "reactor"  # answers to events: no states
THINGS = sorted({path.parent for path in STATES} - {SALT, REACTIONS})
TEMPLATES = sorted(path for path in SALT.rglob("files/*.jinja") if path.name != "map.jinja")
MODULES = sorted((TOP / "_modules").glob("*.py"))
ON_NODES = sorted([*MODULES, *(TOP / "_states").glob("*.py")])
SERVICES = sorted(path.name for path in (SALT / "services").iterdir() if path.is_dir())
CONTRACT = {"dump", "load", "inspect", "health", "environ", "remnants", "drop"}
CACHES = {"memcached"}  # hold nothing that anybody would want back


def name(path):
    """Return a file's path as a test's name."""
    return str(path.relative_to(TOP))


def public_functions(path):
    """Return the functions that Salt makes available."""
    return [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"
    ]


@pytest.mark.parametrize("folder", THINGS, ids=name)
def test_a_folder_is_complete(folder):
    for file in ("init.sls", "clean.sls", "map.jinja", "defaults.yaml"):
        assert (folder / file).is_file(), file


@pytest.mark.parametrize("folder", THINGS, ids=name)
def test_defaults_are_a_mapping_and_the_map_reads_them(folder):
    assert isinstance(yaml.safe_load((folder / "defaults.yaml").read_text()), dict)
    where = folder.relative_to(SALT) / "defaults.yaml"
    assert f'import_yaml "{where}" as defaults' in (folder / "map.jinja").read_text()


@pytest.mark.parametrize("path", [*STATES, *TEMPLATES], ids=name)
def test_only_maps_read_pillar(path):
    code = re.sub(r"(?m)^\s*#.*$", "", path.read_text())
    assert "pillar" not in code


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_know_only_their_context(path):
    assert not re.search(r"\b(pillar|grains|salt|opts)\s*[.\[]", path.read_text())


@pytest.mark.parametrize("path", [path for path in STATES if path.parent != SALT], ids=name)
def test_state_ids_carry_their_path(path):
    start = str(path.relative_to(SALT).with_suffix(""))
    ids = [line for line in re.findall(r"(?m)^([^\s#{].*):$", path.read_text()) if line != "include"]
    assert [each for each in ids if not each.startswith(start)] == []


@pytest.mark.parametrize("path", [path for path in STATES if path.parent != SALT], ids=name)
def test_a_file_includes_the_things_that_it_requires(path):
    text = path.read_text()
    included = {line.split(".")[0] for line in re.findall(r"(?m)^  - ([a-z.]+)$", text)}
    required = set(re.findall(rf"(?m)^      - \w+: ({'|'.join(folder.name for folder in THINGS)})/", text))
    assert required - {path.relative_to(SALT).parts[0]} <= included


def test_all_packages_go_into_one_transaction():
    for path in STATES:
        for block in re.split(r"(?m)^(?=\S)", path.read_text()):
            if "pkg.installed:\n    - pkgs" in block:
                assert "aggregate: True" in block and "install_recommends: False" in block, name(path)


def test_salt_is_no_python_package():
    assert not (SALT / "__init__.py").exists()


@pytest.mark.parametrize("path", ON_NODES, ids=name)
def test_a_module_tells_why_it_isn_t_loaded(path):
    virtual = next(n for n in ast.parse(path.read_text()).body if getattr(n, "name", "") == "__virtual__")
    reasons = [node for node in ast.walk(virtual) if isinstance(node, ast.Tuple)]
    assert reasons and all(f"{path.stem}: " in ast.unparse(reason) for reason in reasons)


@pytest.mark.parametrize(
    ("path", "function"),
    [pytest.param(path, node, id=f"{path.stem}.{node.name}") for path in MODULES for node in public_functions(path)],
)
def test_execution_functions_are_documented(path, function):
    text = ast.get_docstring(function) or ""
    assert "CLI Example:" in text
    assert f"salt '*' {path.stem}.{function.name}" in text
    described = ", ".join(re.findall(r"(?m)^[a-z_]+(?:, [a-z_]+)*$", text)).split(", ")
    assert [arg.arg for arg in function.args.args] == [name for name in described if name], "each argument, in order"


@pytest.mark.parametrize(
    ("path", "function"),
    [
        pytest.param(path, node, id=f"{path.stem}.{node.name}")
        for path in ON_NODES
        if path not in MODULES
        for node in public_functions(path)
    ],
)
def test_state_functions_are_documented_and_tested_three_ways(path, function):
    text = ast.get_docstring(function) or ""
    assert f"{path.stem}.{function.name}:" in text, "a sample"
    tests = (TOP / "tests" / "functional" / f"test_states_{path.stem}.py").read_text()
    assert f'"{path.stem}.{function.name}"' in tests
    assert "test=True" in tests and "nothing_to_do" in tests


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_a_folder_and_a_module_with_the_contract_s_verbs(service):
    module = TOP / "_modules" / f"kw_{service}.py"
    verbs = {node.name for node in public_functions(module)}
    assert verbs >= CONTRACT - ({"dump", "load"} if service in CACHES else set())
    assert service not in CACHES or not verbs & {"dump", "load"}


def test_every_module_with_the_contract_has_a_folder_of_states():
    found = [
        path.stem[3:] for path in MODULES if {"environ", "health"} <= {node.name for node in public_functions(path)}
    ]
    assert sorted(found) == SERVICES
