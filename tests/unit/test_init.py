"""init: what goes wrong before a package index is asked, and what it leaves behind."""

import fcntl
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from kraftwerk import virtualenv
from kraftwerk.cli import cli
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject import creation
from kraftwerk.newproject.choice import Choice


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def broken(tmp_path):
    """Give the admin a template that fails after the virtualenv is made and before an index is asked."""
    folder = tmp_path / "home" / "templates" / "broken"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("-r missing.txt\n")
    return Choice("mysite", "broken")


def fails(*arguments):
    result = CliRunner().invoke(cli, ["init", *arguments])
    assert isinstance(result.exception, KraftwerkError)
    return result.exception


def test_an_existing_folder_is_left_alone(here):
    (here / "mysite").mkdir()
    assert fails("mysite").cause == "mysite is here already"
    assert list((here / "mysite").iterdir()) == []


def test_a_dangling_link_is_in_the_way(here):
    (here / "mysite").symlink_to("nowhere")
    assert fails("mysite").cause == "mysite is here already"


def test_unknown_services_and_templates(here):
    error = fails("mysite", "--with", "files,postgre")
    assert (error.cause, error.code) == ("unknown service postgre; did you mean postgres?", 2)
    assert "there are: django, flask, pyramid, wsgi" in fails("mysite", "--template", "rails").cause
    assert list(here.iterdir()) == []


def test_failure_leaves_nothing(here, broken):
    with pytest.raises(KraftwerkError, match=r"there is no missing\.txt"):
        creation.create(broken, here)
    assert list(here.iterdir()) == []


def test_what_a_killed_run_left_is_removed(here, broken):
    left = here / ".mysite.kraftwerk-init"
    (left / "lib").mkdir(parents=True)
    (left / "lib64").symlink_to("lib")
    (left / "half").write_text("")
    with pytest.raises(KraftwerkError):
        creation.create(broken, here)
    assert list(here.iterdir()) == []


def test_two_at_once(here):
    work = here / ".mysite.kraftwerk-init"
    work.mkdir()
    lock = os.open(work, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert fails("mysite").cause == "mysite is being made by another kraftwerk init right now"
    os.close(lock)
    assert work.is_dir()


def test_a_folder_that_cannot_be_written():
    with pytest.raises(KraftwerkError, match="can't make a folder in /proc: "):
        creation.create(Choice("mysite", "wsgi"), Path("/proc"))


def test_create_argv():
    flags = ("--quiet", "--allow-existing", "--relocatable", "--no-project", "--no-python-downloads")
    assert virtualenv.create_argv("/tmp/x", "mysite", "uv", "/usr/bin/python3") == (
        *("uv", "venv", *flags, "--prompt", "mysite", "--python", "/usr/bin/python3", "/tmp/x"),
    )


def test_a_virtualenv_leaves_no_files_that_hide_the_project(here):
    virtualenv.create(here, "mysite")
    assert sorted(path.name for path in here.iterdir()) == ["bin", "lib", "lib64", "pyvenv.cfg"]
    assert "prompt = mysite" in (here / "pyvenv.cfg").read_text()


def test_headline(here):
    packages = here / "lib" / "python3.11" / "site-packages"
    (packages / "django-5.2.8.dist-info").mkdir(parents=True)
    (packages / "django-5.2.8.dist-info" / "METADATA").write_text("Name: Django\nVersion: 5.2.8\n")
    assert virtualenv.headline(here, "django") == "Django 5.2"
    assert virtualenv.headline(here, "wsgi") == "wsgi"
