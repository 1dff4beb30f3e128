"""Templates: names, layers, overrides, and the one commented kraftwerk.yaml."""

import ast
import re
from dataclasses import fields

import pytest
import yaml

from kraftwerk import project
from kraftwerk.deployment import ProjectFile
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import choice as choices
from kraftwerk.newproject import layers
from kraftwerk.newproject.choice import Choice

ALL = ("files", "postgres")
EVERYTHING = (*ALL, "mysql", "sqlite", "redis", "couchdb", "memcached", "celery", "rq")
CHOICES = [
    Choice("my-site", name, services)
    for name in ("wsgi", "django", "flask", "pyramid")
    for services in ((), *[(s,) for s in ALL], ALL, ("sqlite", "files", "rq"), ("mysql", "celery"), EVERYTHING)
]
MIGRATES = {
    "django": "python manage.py migrate --noinput",
    "flask": "flask --app my_site db upgrade",
    "pyramid": "alembic upgrade head",
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "templates"


def label(choice):
    return "+".join([choice.template, *choice.wanted])


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_everything_written_is_whole(choice, tmp_path):
    folder = tmp_path / choice.name
    count = layers.write(choice, folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == count
    for path in files:
        text = path.read_text()
        assert not re.search(r"\{\{ (name|package|services)|\{% (raw|endraw)", text), path
        assert "{{" not in str(path) and path.suffix != ".jinja"
        assert all(len(line) <= 120 for line in text.splitlines() if path.suffix != ".md"), path
        if path.suffix == ".py":
            ast.parse(text)


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_kraftwerk_reads_the_project_that_it_wrote(choice, tmp_path):
    layers.write(choice, tmp_path / choice.name)
    instance = project.parse(tmp_path / choice.name).instance("production", "blue")
    assert instance.wsgi == "my_site.wsgi:application"
    assert sorted(instance.services) == sorted(choice.services)
    assert instance.package == "my_site"
    databases = {"postgres", "mysql", "sqlite"} & set(choice.services)
    assert (MIGRATES.get(choice.template) in instance.release) == (choice.template in MIGRATES and bool(databases))
    assert set(instance.processes) == ({"worker", "beat"} if {"celery", "rq"} & set(choice.wanted) else set())
    assert instance.options.get("redis", {}) == ({"celery": "yes"} if "celery" in choice.wanted else {})


def uncommented(text):
    """Take the "#" away from the samples, as the file's third line says."""
    return re.sub(r"^#(?=\S|  )", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_each_sample_in_kraftwerk_yaml_is_valid_and_together_they_show_every_key(choice, tmp_path):
    folder = tmp_path / choice.name
    layers.write(choice, folder)
    text = uncommented((folder / "kraftwerk.yaml").read_text())
    (folder / "kraftwerk.yaml").write_text(text)
    for path in (folder / "pillar").iterdir():
        path.write_text(uncommented(path.read_text()))
    others = {"asgi", "name"} | (set() if choice.template == "django" else {"superusers"})
    assert yaml.safe_load(text).keys() == {field.name for field in fields(ProjectFile)} - others
    found = project.parse(folder)
    assert found.instance("staging", "blue").environ["LOG_LEVEL"] == "debug"
    assert found.instance("production", "web1").domains == ("www.example.com",)


def test_the_sample_is_what_init_writes(tmp_path):
    choice = Choice("mysite", "django", ALL)
    layers.write(choice, tmp_path)
    assert (tmp_path / "kraftwerk.yaml").read_text() == layers.sample(choice)


def names_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_services_choose_files(tmp_path):
    layers.write(Choice("mysite", "django", ALL), tmp_path / "all")
    layers.write(Choice("mysite", "django", ("files",)), tmp_path / "files")
    assert "documents/models.py" in names_of(tmp_path / "all")
    assert "documents/models.py" not in names_of(tmp_path / "files")


def test_files_with_a_dot_survive(tmp_path):
    layers.write(Choice("mysite", "wsgi"), tmp_path)
    ignored = (tmp_path / ".gitignore").read_text().split()
    assert {"/bin/", "/lib/", "/lib64", "/pyvenv.cfg", "__pycache__/"} <= set(ignored)


def test_manage_py_can_be_executed(tmp_path):
    layers.write(Choice("mysite", "django"), tmp_path)
    assert (tmp_path / "manage.py").stat().st_mode & 0o777 == 0o755


def test_the_admins_files_lie_over_the_shipped_ones(home, tmp_path):
    ours = home / "wsgi"
    (ours / "{{package}}" / "{% if redis %}cache{% endif %}").mkdir(parents=True)
    (ours / "README.md.jinja").write_text("Our {{ title }}\n")
    (ours / "requirements.txt").write_text("gunicorn\n")
    (ours / "{{package}}" / "extra.py").write_text("x = '{{ untouched }}'\n")
    (ours / "{{package}}" / "{% if redis %}cache{% endif %}" / "keys.py").write_text("")
    (ours / "{% if not redis %}plain.py{% endif %}.jinja").write_text("'{{ name }}'")
    (ours / ".editorconfig").write_text("root = true\n")
    layers.write(Choice("my-site", "wsgi", ("rq",)), tmp_path / "rq")
    assert (tmp_path / "rq" / "README.md").read_text() == "Our My site\n"
    assert (tmp_path / "rq" / "requirements.txt").read_text() == "gunicorn\n"
    assert (tmp_path / "rq" / "my_site" / "extra.py").read_text() == "x = '{{ untouched }}'\n"
    assert {"my_site/cache/keys.py", ".editorconfig", "my_site/wsgi.py"} <= names_of(tmp_path / "rq")
    layers.write(Choice("my-site", "wsgi"), tmp_path / "plain")
    assert (tmp_path / "plain" / "plain.py").read_text() == "'my-site'"
    assert not (tmp_path / "plain" / "my_site" / "cache").exists()


def test_what_all_projects_of_the_admin_have(home, tmp_path):
    (home / "_project").mkdir(parents=True)
    (home / "_project" / "LICENSE.jinja").write_text("Free, {{ year }}\n")
    (home / "kraftwerk.yaml").write_text("wsgi: {{ package }}:app\n")
    layers.write(Choice("a-b", "wsgi", data={"year": 2026}), tmp_path / "out")
    assert (tmp_path / "out" / "LICENSE").read_text() == "Free, 2026\n"
    assert (tmp_path / "out" / "kraftwerk.yaml").read_text() == "wsgi: a_b:app\n"


def test_the_admins_own_template(home, tmp_path):
    (home / "ours").mkdir(parents=True)
    (home / "ours" / "app.py.jinja").write_text("name = '{{ name }}'\n")
    (home / "ours" / "{% if postgres %}db.py{% endif %}").write_text("")
    assert {"django", "ours", "wsgi"} <= set(layers.names())
    pillar = {f"pillar/{name}.sls" for name in ("base", "development", "staging", "production")}
    common = {".gitignore", "Saltfile", "kraftwerk.yaml", *pillar}
    assert layers.write(Choice("a", "ours"), tmp_path / "a") == len(common) + 1
    assert names_of(tmp_path / "a") == {"app.py", *common}
    layers.write(Choice("a", "ours", ALL), tmp_path / "b")
    assert names_of(tmp_path / "b") == {"app.py", "db.py", *common}


def test_variables():
    given = Choice("my-site", "ours", ("celery", "postgres", "search"), python="3.12").variables()
    assert given["services"] == ["postgres", "search", "redis"]
    assert (given["package"], given["title"], given["database"]) == ("my_site", "My site", "postgres")
    assert given["python"] == "3.12"
    assert all(given[name] is True for name in ("postgres", "redis", "celery", "search"))
    assert all(given[name] is False for name in ("mysql", "sqlite", "couchdb", "memcached", "files", "rq"))


@pytest.mark.parametrize(("text", "said"), [("a\n{{ nmae }}", "'nmae' is undefined"), ("a\n{% if %}", ":2: ")])
def test_a_broken_template_is_named(home, tmp_path, text, said):
    (home / "ours").mkdir(parents=True)
    (home / "ours" / "app.py.jinja").write_text(text)
    with pytest.raises(KraftwerkError, match=r"app\.py\.jinja:") as caught:
        layers.write(Choice("a", "ours"), tmp_path)
    assert said in caught.value.cause and caught.value.code == 2
    assert str(home / "ours" / "app.py.jinja") in caught.value.cause


def test_a_broken_name_is_named(home, tmp_path):
    (home / "ours").mkdir(parents=True)
    (home / "ours" / "{{nmae}}.py").write_text("")
    with pytest.raises(KraftwerkError, match=r"name of a file: {{nmae}}\.py: 'nmae' is undefined"):
        layers.write(Choice("a", "ours"), tmp_path)


@pytest.mark.parametrize("name", ["mysite", "my-site", "a", "site2", "a" * 27])
def test_good_names(name):
    choices.check(Choice(name))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "letter first"),
        ("2site", "letter first"),
        ("My", "lower-case"),
        ("my_site", "lower-case"),
        ("site-", "lower-case"),
        ("a.b", "lower-case"),
        ("../x", "lower-case"),
        ("a\n", "lower-case"),
        ("a" * 28, "28 characters"),
        ("class", "keyword"),
        ("json", "a module of that name"),
        ("test", "a module of that name"),
        ("django", "something else"),
        ("bin", "something else"),
        ("dj-database-url", "something else"),
    ],
)
def test_bad_names(name, said):
    with pytest.raises(KraftwerkError, match=said) as caught:
        choices.check(Choice(name))
    assert caught.value.code == 2
