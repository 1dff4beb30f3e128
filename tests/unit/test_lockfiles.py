"""Locks and lists of requirements of every tool, as the lines and options that uv gets."""

import json

import pytest

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.lockfiles import caret, kinds
from kraftwerk.lockfiles.pin import settled
from kraftwerk.lockfiles.walk import Edge, Package, Pin, wanted
from kraftwerk.requirements import find, install_argv, resolve_argv

POETRY = """
[tool.poetry.dependencies]
python = "^3.11"
flask = "^3.0"
redis = {version = ">=5", optional = true, extras = ["hiredis"]}
pywin32 = {version = ">=300", markers = "sys_platform == 'win32'"}
fork = {git = "https://example.com/fork.git", tag = "v1"}
[tool.poetry.extras]
cache = ["redis"]
[tool.poetry.group.dev.dependencies]
pytest = "*"
[tool.poetry.group.server.dependencies]
gunicorn = "~23.0"
"""
PACKAGES = {
    "flask": ('dependencies = {werkzeug = ">=3"}', ["main"], ""),
    "werkzeug": ("", ["main"], ""),
    "redis": (
        'dependencies = {hiredis = {version = "*", optional = true, markers = "extra == \\"hiredis\\""}}',
        ["main"],
        'extra == "cache"',
    ),
    "hiredis": ("", ["main"], 'extra == "cache"'),
    "pywin32": ("", ["main"], "sys_platform == 'win32'"),
    "pytest": ("", ["dev"], ""),
    "gunicorn": ("", ["server"], ""),
}
VERSIONS = {"flask": "3.1", "pywin32": "310", "redis": "6", "gunicorn": "23.0.1"}
GIT = """
[[package]]
name = "fork"
version = "1"
{groups}
[package.source]
type = "git"
url = "https://example.com/fork.git"
reference = "v1"
resolved_reference = "abc"
"""


def poetry_lock(grouped):
    """Return a poetry.lock of poetry 2, or of poetry 1."""
    blocks = [GIT.format(groups='groups = ["main"]' if grouped else "")]
    for name, (rest, groups, marker) in PACKAGES.items():
        own = f"groups = {json.dumps(groups)}\nmarkers = {json.dumps(marker)}\n" if grouped else ""
        hashes = f'files = [{{file = "{name}.whl", hash = "sha256:{name}"}}]'
        head = f'name = "{name}"\nversion = "{VERSIONS.get(name, "1")}"\n'
        blocks.append(f"[[package]]\n{head}{own}{hashes}\n{rest}\n")
    return "\n".join(blocks) + '\n[extras]\ncache = ["redis"]\n'


@pytest.fixture
def found(tmp_path):
    """Write files, and find what they say for an instance with some keys."""

    def found(files, **keys):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return find(tmp_path, Instance("x", "x", "production", "x", **keys))

    return found


@pytest.mark.parametrize("grouped", [True, False], ids=["poetry 2", "poetry 1"])
def test_a_lock_of_poetry(found, grouped):
    files = {"pyproject.toml": POETRY, "poetry.lock": poetry_lock(grouped)}
    plain = found(files)
    assert (plain.kind, plain.python, plain.reads) == ("poetry.lock", ">=3.11,<4", ())
    lines = {line.split(" --hash")[0].replace("(", "").replace(")", "") for line in plain.text.splitlines()}
    everywhere = {"flask==3.1", "werkzeug==1", "fork @ git+https://example.com/fork.git@abc"}
    assert everywhere <= lines and "pywin32==310 ; sys_platform == 'win32'" in lines
    assert "flask==3.1 --hash=sha256:flask" in plain.text
    assert "pytest" not in plain.text and "gunicorn" not in plain.text
    assert plain.extra == ("gunicorn>=23",)
    more = found(files, extras=("cache",), groups=("server",))
    assert {"redis==6", "hiredis==1", "gunicorn==23.0.1"} <= set(more.lines)
    assert more.extra == ()


def test_a_stale_lock_of_poetry_is_named(found):
    files = {"pyproject.toml": POETRY.replace('"^3.0"', '"^4.0"'), "poetry.lock": poetry_lock(True)}
    with pytest.raises(KraftwerkError, match=r"poetry.lock was made for other .*: flask → poetry lock$"):
        found(files)


def test_poetry_without_a_lock(found):
    said = found({"pyproject.toml": POETRY}, groups=("server",))
    lines = ["flask>=3.0,<4", "pywin32>=300 ; sys_platform == 'win32'", "fork @ git+https://example.com/fork.git@v1"]
    assert said.text.splitlines() == [*lines, "gunicorn>=23.0,<23.1"]


@pytest.mark.parametrize("grouped", [True, False])
def test_a_lock_of_pdm(found, grouped):
    own = 'groups = ["default"]' if grouped else ""
    other = 'groups = ["dev"]' if grouped else ""
    lock = f"""
[[package]]
name = "uvicorn"
version = "1"
{own}
dependencies = ["h11>=1"]
files = [{{file = "u", hash = "sha256:u"}}]
[[package]]
name = "uvicorn"
version = "1"
extras = ["standard"]
{own}
dependencies = ["httptools; sys_platform == 'linux'", "uvicorn==1"]
[[package]]
name = "h11"
version = "2"
{own}
[[package]]
name = "httptools"
version = "3"
{own}
[[package]]
name = "pytest"
version = "8"
{other}
"""
    pyproject = "[project]\nname = 'x'\nrequires-python = '>=3.11'\ndependencies = ['uvicorn[standard]']\n"
    said = found({"pyproject.toml": pyproject + "[dependency-groups]\ndev = ['pytest']\n", "pdm.lock": lock})
    assert [line.split(" ;")[0] for line in said.lines] == ["h11==2", "httptools==3", "uvicorn==1"]
    assert (said.kind, said.python) == ("pdm.lock", ">=3.11")


def test_a_lock_of_pipenv_and_a_pipfile(found):
    pipfile = """
[[source]]
name = "ours"
url = "https://packages.example.com/simple"
[packages]
flask = "*"
pywin32 = {version = "*", sys_platform = "== 'win32'"}
lib = {path = "./lib"}
[dev-packages]
pytest = "*"
"""
    said = found({"Pipfile": pipfile})
    first = "--extra-index-url https://packages.example.com/simple"
    assert said.text.splitlines() == [first, "flask", "pywin32 ; sys_platform == 'win32'", "lib @ file:./lib"]
    assert said.local == ("lib @ file:./lib",)
    entries = {
        "flask": {"version": "==3", "hashes": ["sha256:f"]},
        "pywin32": {"version": "*"},
        "lib": {"path": "./lib"},
    }
    lock = {"default": entries, "develop": {}}
    said = found({"Pipfile": pipfile, "Pipfile.lock": json.dumps(lock)})
    expected = ["flask==3 --hash=sha256:f", "lib @ file:./lib", "pywin32 ; sys_platform == 'win32'"]
    assert (said.kind, said.text.splitlines()) == ("Pipfile.lock", expected)


def test_pylock(found):
    lock = """
requires-python = ">=3.11"
default-groups = ["web"]
[[packages]]
name = "flask"
version = "3"
marker = "'web' in dependency_groups and sys_platform == 'linux'"
wheels = [{url = "https://x/f.whl", hashes = {sha256 = "f"}}]
[[packages]]
name = "redis"
version = "6"
marker = "'cache' in extras"
[[packages]]
name = "fork"
vcs = {type = "git", url = "https://x/fork.git", commit-id = "abc"}
[[packages]]
name = "till"
archive = {url = "https://x/till-1.tar.gz", hashes = {sha256 = "t"}}
"""
    said = found({"pylock.toml": lock})
    marker = "python_version >= \"0\" and sys_platform == 'linux'"
    assert said.text.splitlines() == [
        f"flask==3 ; {marker} --hash=sha256:f",
        "fork @ git+https://x/fork.git@abc",
        "till @ https://x/till-1.tar.gz --hash=sha256:t",
    ]
    assert "redis==6" in found({"pylock.toml": lock}, extras=("cache",)).lines


@pytest.mark.parametrize(("origin", "ending"), [("", "==1 --hash=sha256:a"), ("git+https://x/y.git@abc", "abc")])
def test_only_archives_have_hashes(origin, ending):
    assert Pin("till", "1", hashes=("sha256:a",), origin=origin).line().endswith(ending)


def test_a_file_that_is_no_text_is_named(found, tmp_path):
    (tmp_path / "requirements.txt").write_bytes("flask".encode("utf-16"))
    with pytest.raises(KraftwerkError, match=r"requirements\.txt can't be understood"):
        found({})


def test_setup_cfg_and_setup_py(found):
    assert found({"setup.py": "setup()", "setup.cfg": "[flake8]\n"}).kind == "setup.py"
    said = found({"setup.cfg": "[options]\ninstall_requires =\n  flask>=3\n  gunicorn\npython_requires = >=3.9\n"})
    assert (said.kind, said.names, said.python) == ("setup.cfg", {"flask", "gunicorn"}, ">=3.9")


def test_which_file_is_found(found):
    assert (
        found({"requirements/production.txt": "a", "pyproject.toml": "[tool.ruff]\n"}).kind
        == "requirements/production.txt"
    )
    assert found({"requirements.txt": "b"}).kind == "requirements.txt"


def test_requirements_beside_the_source(found):
    said = found({"site/requirements.txt": "-r more.txt\n", "site/more.txt": "flask\n"}, src="site")
    assert (said.folder, said.names) == ("site", {"flask"})
    assert install_argv(said, folder="/r", venv="/v", uv="uv")[0][:4] == ("uv", "--directory", "/r/site", "pip")


def test_files_that_are_named(found):
    files = {"a.txt": "flask\n", "b.in": "redis\n", "requirements.txt": "other\n"}
    said = found(files, requirements=("a.txt", "b.in"))
    assert said.names == {"flask", "redis"}
    assert install_argv(said, folder="/r", venv="/v", uv="uv")[0][-4:] == ("-r", "a.txt", "-r", "b.in")
    assert found(files, requirements=()).kind == ""
    with pytest.raises(KraftwerkError, match=r"requirements: there is no c.txt"):
        found(files, requirements=("c.txt",))
    with pytest.raises(KraftwerkError, match=r"only files like requirements.txt can be several"):
        found(files, requirements=("a.txt", "poetry.lock"))


def test_groups_and_extras_of_pyproject(found):
    text = "[project]\nname='x'\ndependencies=['a']\noptional-dependencies={e=['b']}\n[dependency-groups]\n"
    text += "g=['c', {include-group='h'}]\nh=['d']\n"
    said = found({"pyproject.toml": text}, extras=("e",), groups=("g",))
    assert said.lines == ("a", "b", "c", "d")
    chosen = ("-r", "pyproject.toml", "--extra", "e", "--group", "g")
    assert install_argv(said, folder="/r", venv="/v", uv="uv")[0][-6:] == chosen
    assert resolve_argv(said, "3.11.2", "uv")[0][-6:] == (*chosen[2:], "pyproject.toml", "-")


def test_the_project_itself(found):
    files = {"pyproject.toml": "[project]\nname='x'\n", "requirements.txt": "flask\n"}
    said = found(files, install=True, extras=("e",))
    assert said.local == (".",)
    assert install_argv(said, folder="/r", venv="/v", uv="uv")[1][-2:] == ("-e", "./.[e]")
    (said.root / "pyproject.toml").unlink()
    with pytest.raises(KraftwerkError, match=r"install: there is neither pyproject.toml nor setup.py"):
        find(said.root, Instance("x", "x", "production", "x", install=True))


def test_what_serves_asgi(found):
    def of(text):
        (said := found({"requirements.txt": text}, asgi="x:app"))
        return {line.partition(">")[0] for line in said.extra}

    assert of("fastapi\n") == {"gunicorn", "uvicorn-worker", "uvicorn", "websockets"}
    assert of("fastapi\nuvicorn[standard]==0.30\ngunicorn\n") == {"uvicorn-worker", "websockets"}


def test_a_lock_without_what_it_must_have_is_named(found):
    with pytest.raises(KraftwerkError, match=r"poetry.lock: there is no pyproject.toml beside it"):
        found({"poetry.lock": "package = []"})
    with pytest.raises(KraftwerkError, match=r"pylock.toml can't be understood"):
        found({"pylock.toml": "[[packages]]\nversion = '1'\n"}, requirements=("pylock.toml",))


@pytest.mark.parametrize(
    ("constraint", "specifier"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.2", "~=1.2"),
        ("1.2.*", "==1.2.*"),
        ("*", ""),
        (">= 2.0, < 3", ">=2.0,<3"),
        (">=1 <2", ">=1,<2"),
        ("^3.8 || ^4", ">=4,<5"),
    ],
)
def test_poetrys_constraints(constraint, specifier):
    assert caret.specifier(constraint) == specifier


def test_extras_in_markers_are_decided():
    assert settled('extra == "a"', ["a"]) == ""
    assert settled('extra != "a"', ["a"]) == 'python_version < "0"'
    assert settled("'g' not in dependency_groups and x", [], ["g"]) == 'python_version < "0" and x'


def test_a_walk_goes_round_circles_and_tells_versions_apart():
    packages = {
        "a": [Package(Pin("a", "1"), (Edge("b", "m"), Edge("a")))],
        "b": [Package(Pin("b", "1"), (Edge("a"),)), Package(Pin("b", "2"))],
    }
    assert {
        (pin.name, pin.version, pin.marker) for pin in wanted(packages, [Edge("a"), Edge("b", specifier="<2")])
    } == {
        ("a", "1", ""),
        ("b", "1", ""),
        ("b", "2", "(m)"),
    }


def test_kinds():
    assert kinds.kind("requirements/base.in") == "requirements.txt"
    assert kinds.kind("pylock.web.toml") == "pylock.toml"
    assert kinds.kind("environment.yml") is None
