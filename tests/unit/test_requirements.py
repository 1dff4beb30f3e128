"""Requirements: what is found in a project, its hash, and uv's command lines, word for word."""

import pytest

from kraftwerk import requirements
from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements import build_argv, diff, digest, find, install_argv, parse_pins, resolve_argv

UV = "/opt/kraftwerk/uv/bin/uv"
VENV = "/web/mysite/venvs/0123"
RELEASE = "/web/mysite/releases/1"
LOCK = """version = 1
[[package]]
name = "mysite"
source = {{ virtual = "." }}
[[package]]
name = "django"
version = "{version}"
source = {{ registry = "https://example.com/simple" }}
"""


@pytest.fixture
def write(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return find(tmp_path)

    return write


def test_requirements_txt_with_what_it_includes(write, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "pins.txt").write_text("asgiref==3.9  # why\n")
    (tmp_path / "etc" / "base.txt").write_text(
        "# base\n\nDjango>=5.2 \\\n  ,<5.3\n-c pins.txt\n-r ../requirements.txt\n"
    )
    found = write(requirements_txt="-r etc/base.txt\ngunicorn[gevent]>=23\n--extra-index-url x\n")
    assert found.kind == "requirements.txt"
    assert found.files == ("requirements.txt", "etc/base.txt", "etc/pins.txt")
    assert found.content == ("Django>=5.2 ,<5.3", "-c asgiref==3.9", "gunicorn[gevent]>=23", "--extra-index-url x")
    assert found.names == {"django", "gunicorn"}
    assert found.extra == ()


def test_the_server_is_added_where_it_is_not_named(write):
    assert write(requirements_txt="django\n").extra == ("gunicorn>=23",)
    assert write(requirements_txt="gunicorn-extras\n").extra == ("gunicorn>=23",)
    assert write(requirements_txt="-c constraints.txt\n", constraints_txt="gunicorn==23\n").extra == ("gunicorn>=23",)


def test_nothing_named(write, tmp_path):
    assert find(tmp_path).kind == ""
    assert write(pyproject_toml="[tool.ruff]\n").kind == ""


def test_requirements_txt_wins(write):
    assert write(requirements_txt="a", pyproject_toml="[project]\nname='x'\n", uv_lock="").kind == "requirements.txt"


def test_pyproject(write):
    found = write(pyproject_toml="[project]\nname='x'\ndependencies=['Flask>=3','Gunicorn']\n")
    assert (found.kind, found.names, found.extra) == ("pyproject.toml", {"flask", "gunicorn"}, ())


def test_lock(write):
    found = write(
        pyproject_toml="[project]\nname='mysite'\ndependencies=['django']\n", uv_lock=LOCK.format(version="5.2")
    )
    assert (found.kind, found.files, found.local) == ("uv.lock", ("pyproject.toml", "uv.lock"), ())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements_txt": "a\n-r more.txt\n"}, "requirements.txt:2: there is no more.txt"),
        ({"requirements_txt": "-r ../more.txt\n"}, "requirements.txt:1: ../more.txt is outside of the project"),
        ({"requirements_txt": "-c /etc/passwd\n"}, "requirements.txt:1: /etc/passwd is outside of the project"),
        ({"pyproject_toml": "[project\n"}, "pyproject.toml: "),
    ],
)
def test_broken_files(write, files, said):
    with pytest.raises(KraftwerkError) as caught:
        write(**files)
    assert said in caught.value.cause and caught.value.code == 2


@pytest.mark.parametrize(
    ("line", "local"),
    [
        ("-e .", True),
        ("--editable=./lib", True),
        (".", True),
        ("./lib[extra]", True),
        ("../lib", True),
        ("/srv/wheels/a.whl", True),
        ("lib @ file:///srv/lib", True),
        ("-e git+https://example.com/x.git#egg=x", False),
        ("lib @ https://example.com/lib.whl", False),
        ("django>=5", False),
        ("--extra-index-url https://example.com", False),
    ],
)
def test_local_requirements(write, line, local):
    assert bool(write(requirements_txt=f"{line}\n").local) is local


def test_local_requirements_of_a_lock(write):
    lock = LOCK.format(version="5") + '[[package]]\nname = "lib"\nsource = { editable = "lib" }\n'
    assert write(pyproject_toml="[project]\nname='mysite'\n", uv_lock=lock).local == ("lib",)


def test_digest_follows_what_counts(write):
    def of(text, python="3.11.2", extra=()):
        return digest(write(requirements_txt=text), python, extra)

    first = of("django>=5\ngunicorn\n")
    assert len(first) == 12
    assert first == of("# a comment\ndjango>=5\n\ngunicorn  # and one\n")
    assert len({first, of("django>=6\ngunicorn\n"), of("django>=5\n"), of("django>=5\ngunicorn\n", "3.13.0")}) == 4
    assert first != of("django>=5\ngunicorn\n", extra=("release 7",))


def test_digest_follows_included_files(write):
    def of(text):
        return digest(write(requirements_txt="-r base.txt\n-c pins.txt", base_txt="django", pins_txt=text), "3.11.2")

    assert of("django<6") != of("django<7")


def test_digest_of_pyproject_passes_over_tools_and_versions(write):
    def of(text):
        return digest(write(pyproject_toml=f"[project]\nname='x'\n{text}"), "3.11.2")

    assert of("dependencies=['a']\nversion='1'\n[tool.ruff]\nx=1") == of("dependencies=['a']\nversion='2'\n")
    assert of("dependencies=['a']") != of("dependencies=['b']")
    assert of("dependencies=['a']") != of("dependencies=['a']\nrequires-python='>=3.12'")


def test_digest_follows_the_lock(write):
    def of(version):
        files = {"pyproject_toml": "[project]\nname='mysite'\n", "uv_lock": LOCK.format(version=version)}
        return digest(write(**files), "3.11.2")

    assert of("5.2.1") != of("5.2.2")


def test_install_requirements_txt(write):
    found = write(requirements_txt="django\ngunicorn\n")
    python = f"{VENV}/bin/python"
    assert install_argv(found, folder=RELEASE, venv=VENV) == [
        (
            UV,
            "--directory",
            RELEASE,
            "pip",
            "install",
            "--python",
            python,
            "--compile-bytecode",
            "-r",
            "requirements.txt",
        ),
    ]


def test_install_pyproject_and_the_server(write):
    found = write(pyproject_toml="[project]\nname='x'\ndependencies=['flask']\n")
    start = (UV, "--directory", RELEASE, "pip", "install", "--python", f"{VENV}/bin/python", "--compile-bytecode")
    assert install_argv(found, folder=RELEASE, venv=VENV) == [
        (*start, "-r", "pyproject.toml"),
        (*start, "gunicorn>=23"),
    ]


def test_install_lock(write):
    found = write(
        pyproject_toml="[project]\nname='mysite'\ndependencies=['gunicorn']\n", uv_lock=LOCK.format(version="5")
    )
    python = f"{VENV}/bin/python"
    flags = ("--frozen", "--inexact", "--no-dev", "--no-install-project", "--no-python-downloads")
    start = ("env", f"UV_PROJECT_ENVIRONMENT={VENV}", "uv", "--directory", RELEASE, "sync")
    assert install_argv(found, folder=RELEASE, venv=VENV, uv="uv") == [
        (*start, *flags, "--python", python, "--compile-bytecode"),
    ]


def test_build_begins_empty_and_ends_with_the_mark(tmp_path):
    python = f"{VENV}/bin/python"
    managed = ("env", "UV_PYTHON_INSTALL_DIR=/opt/kraftwerk/python")
    assert build_argv(find(tmp_path), folder=RELEASE, venv=VENV, python="3.11") == [
        (*managed, UV, "venv", "--quiet", "--clear", "--no-project", "--no-python-downloads", "--python", "3.11", VENV),
        (UV, "--directory", RELEASE, "pip", "install", "--python", python, "--compile-bytecode", "gunicorn>=23"),
        ("touch", f"{VENV}/.kraftwerk-ready"),
    ]


def test_resolve(write, tmp_path):
    plain = ("--quiet", "--no-annotate", "--no-header")
    target = ("--python-version", "3.11.2", "--python-platform", "linux", "--no-python-downloads")
    compile_ = ("uv", "pip", "compile", *plain, *target)
    assert resolve_argv(find(tmp_path), "3.11.2", "uv") == [(*compile_, "-")]
    assert resolve_argv(write(requirements_txt="a"), "3.11.2", "uv") == [(*compile_, "requirements.txt", "-")]
    (tmp_path / "requirements.txt").unlink()
    locked = write(pyproject_toml="[project]\nname='mysite'\n", uv_lock=LOCK.format(version="5"))
    export = ("uv", "export", *plain, "--frozen", "--no-dev", "--no-emit-project", "--no-hashes")
    assert resolve_argv(locked, "3.11.2", "uv") == [export, (*compile_, "-")]


def test_parse_pins():
    lines = ["# comment", "asgiref==3.9.1", "DJ_Database.Url==3.0", "psycopg[binary]==3.2"]
    compiled = "\n".join([*lines, "lib @ file:///srv/lib", "tz==1 ; os == 'x'"])
    assert parse_pins(compiled) == {
        "asgiref": "3.9.1",
        "dj-database-url": "3.0",
        "psycopg": "3.2",
        "lib": "file:///srv/lib",
        "tz": "1",
    }


def test_parse_a_dry_run():
    said = "Resolved 2 packages in 5ms\nWould uninstall 1 package\nWould install 2 packages\n"
    said += " - django==5.2.7\n + django==5.2.8\n + a==1\n"
    assert parse_pins(said) == {"django": "5.2.8", "a": "1"}


def test_diff_of_a_first_deploy():
    wanted = {
        "asgiref": "3.9",
        "django": "5.2.8",
        "gunicorn": "23.0.0",
        "psycopg": "3.2.12",
        "sqlparse": "0.5",
        "x": "1",
    }
    lines = diff({}, wanted).lines(first={"django", "gunicorn", "psycopg"})
    assert lines == ["+6: django 5.2.8, gunicorn 23.0.0, psycopg 3.2.12 …"]


def test_diff():
    changes = diff({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"})
    assert (changes.added, changes.changed, changes.removed) == ({"d": "1"}, {"b": ("1", "2")}, {"c": "1"})
    assert changes.lines() == ["+1: d 1", "~1: b 1 → 2", "-1: c 1"]


def test_diff_of_equals_is_silent():
    assert diff({"a": "1"}, {"a": "1"}).lines() == []


def test_the_mark_is_hidden():
    assert requirements.READY.startswith(".")
