"""Templates: names, layers, overrides, and the one commented kraftwerk.yaml."""

import ast
import re
from dataclasses import fields

import pytest
import yaml

from kraftwerk import project, template
from kraftwerk.deployment import ProjectFile
from kraftwerk.errors import KraftwerkError
from kraftwerk.template import Choice

ALL = ("files", "postgres")
CHOICES = [
    Choice("my-site", name, services)
    for name in ("wsgi", "django")
    for services in ((), *[(s,) for s in ALL], ALL, ("sqlite", "files"), ("mysql",))
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "templates"


def label(choice):
    return "+".join([choice.template, *choice.services])


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_everything_written_is_whole(choice, tmp_path):
    folder = tmp_path / choice.name
    count = template.write(choice, folder)
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
    template.write(choice, tmp_path / choice.name)
    instance = project.parse(tmp_path / choice.name).instance("production", "blue")
    assert instance.wsgi == "my_site.wsgi:application"
    assert instance.services == choice.services
    assert instance.package == "my_site"
    assert ("python manage.py migrate --noinput" in instance.release) == (
        choice.template == "django" and bool({"postgres", "mysql", "sqlite"} & set(choice.services))
    )


def uncommented(text):
    """Take the "#" away from the samples, as the file's third line says."""
    return re.sub(r"^#(?=\S|  )", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_each_sample_in_kraftwerk_yaml_is_valid_and_together_they_show_every_key(choice, tmp_path):
    folder = tmp_path / choice.name
    template.write(choice, folder)
    text = uncommented((folder / "kraftwerk.yaml").read_text())
    (folder / "kraftwerk.yaml").write_text(text)
    for path in (folder / "pillar").iterdir():
        path.write_text(uncommented(path.read_text()))
    others = {"asgi"} if choice.template == "django" else {"asgi", "superusers"}
    assert yaml.safe_load(text).keys() == {field.name for field in fields(ProjectFile)} - others
    found = project.parse(folder)
    assert found.instance("staging", "blue").environ["LOG_LEVEL"] == "debug"
    assert found.instance("production", "web1").domains == ("www.example.com",)


def test_the_sample_is_what_init_writes(tmp_path):
    choice = Choice("mysite", "django", ALL)
    template.write(choice, tmp_path)
    assert (tmp_path / "kraftwerk.yaml").read_text() == template.sample(choice)


def test_services_choose_files(tmp_path):
    assert "documents/models.py" in template.sources(Choice("mysite", "django", ALL))
    assert "documents/models.py" not in template.sources(Choice("mysite", "django", ("files",)))
    template.write(Choice("mysite", "django"), tmp_path)
    assert (tmp_path / "requirements.txt").read_text().split() == [
        "django>=5.2,<5.3",
        "dj-database-url>=3,<4",
        "gunicorn>=23,<28",
    ]


def test_files_with_a_dot_survive(tmp_path):
    template.write(Choice("mysite", "wsgi"), tmp_path)
    ignored = (tmp_path / ".gitignore").read_text().split()
    assert {"/bin/", "/lib/", "/lib64", "/pyvenv.cfg", "__pycache__/"} <= set(ignored)


def test_manage_py_can_be_executed(tmp_path):
    template.write(Choice("mysite", "django"), tmp_path)
    assert (tmp_path / "manage.py").stat().st_mode & 0o777 == 0o755


def test_the_admins_file_replaces_the_shipped_one_of_the_same_path(home, tmp_path):
    (home / "wsgi" / "{{package}}").mkdir(parents=True)
    (home / "wsgi" / "README.md.jinja").write_text("Our {{ name }}\n")
    (home / "wsgi" / "{{package}}" / "extra.py").write_text("x = '{{ untouched }}'\n")
    (home / "wsgi" / ".editorconfig").write_text("root = true\n")
    before = template.sources(Choice("my-site", "wsgi")).keys()
    template.write(Choice("my-site", "wsgi"), tmp_path / "out")
    assert (tmp_path / "out" / "README.md").read_text() == "Our my-site\n"
    assert (tmp_path / "out" / "my_site" / "extra.py").read_text() == "x = '{{ untouched }}'\n"
    assert {"my_site/extra.py", ".editorconfig", "my_site/wsgi.py"} <= before


def test_the_admins_own_template(home, tmp_path):
    (home / "ours").mkdir(parents=True)
    (home / "ours+postgres").mkdir()
    (home / "ours" / "app.py.jinja").write_text("name = '{{ name }}'\n")
    (home / "ours+postgres" / "db.py").write_text("")
    assert template.names() == ["django", "ours", "wsgi"]
    pillar = {f"pillar/{name}.sls" for name in ("base", "staging", "production")}
    common = {".gitignore", "Saltfile", "kraftwerk.yaml", *pillar}
    assert template.sources(Choice("a", "ours")).keys() == {"app.py", *common}
    assert template.sources(Choice("a", "ours", ALL)).keys() == {"app.py", "db.py", *common}


@pytest.mark.parametrize(("text", "said"), [("a\n{{ nmae }}", "'nmae' is undefined"), ("a\n{% if %}", ":2: ")])
def test_a_broken_template_is_named(home, tmp_path, text, said):
    (home / "ours").mkdir(parents=True)
    (home / "ours" / "app.py.jinja").write_text(text)
    with pytest.raises(KraftwerkError, match=r"app\.py\.jinja:") as caught:
        template.write(Choice("a", "ours"), tmp_path)
    assert said in caught.value.cause and caught.value.code == 2


@pytest.mark.parametrize("name", ["mysite", "my-site", "a", "site2", "a" * 27])
def test_good_names(name):
    template.check_choice(Choice(name, "wsgi"))


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
        template.check_choice(Choice(name, "wsgi"))
    assert caught.value.code == 2


@pytest.mark.parametrize("name", ["nope", "_project", "django+files+postgres", "../wsgi", "."])
def test_unknown_templates(name):
    with pytest.raises(KraftwerkError, match="there are: django, wsgi"):
        template.check_choice(Choice("mysite", name))
