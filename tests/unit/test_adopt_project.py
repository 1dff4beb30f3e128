"""adopt: what is written, asked about, refused, and taken back."""

import json

import pytest
from click.testing import CliRunner

from kraftwerk import cli, project
from kraftwerk.adoption import adopting, record
from kraftwerk.errors import KraftwerkError

APP = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return the folder of a small project without anything of kraftwerk's."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    folder = tmp_path / "My_Shop-1.2.3"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "requirements.txt").write_text("flask\n")
    (folder / ".gitignore").write_text("node_modules/")
    return folder


def run(root, *arguments, text=None):
    return CliRunner().invoke(cli.cli, ["adopt", str(root), *arguments], input=text, standalone_mode=False)


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_what_is_written_is_a_project_and_all_of_it_is_taken_back(root):
    before = files(root)
    assert run(root, "--yes").return_value == 0
    found = project.parse(root)
    assert found.name == "my-shop"
    assert found.instance("production", "blue").wsgi == "app:app"
    assert "# flask object (app.py:2)\nwsgi: app:app\n" in (root / "kraftwerk.yaml").read_text()
    assert (root / ".gitignore").read_text().startswith("node_modules/\n\n# Added by")
    assert run(root, "--undo", "--yes").return_value == 0
    assert files(root) == before
    assert not (root / "pillar").exists()


@pytest.mark.parametrize("arguments", [["--test"], ["--json"]])
def test_nothing_is_written_before_it_is_wanted(root, arguments):
    before = files(root)
    assert run(root, *arguments).return_value == 0
    assert run(root, text="n\n").return_value == 1
    assert files(root) == before


def test_json_says_it_all(root):
    said = json.loads(run(root, "--json").output)
    assert said["kraftwerk.yaml"] == {"wsgi": "app:app", "name": "my-shop"}
    assert said["findings"][0]["place"] == "app.py:2"


def test_answers_win_over_what_is_found(root):
    answers = ["--set", "asgi=other:app", "--set", "services=[postgres, files]", "--set", "environ.A=${SECRET_KEY}"]
    run(root, "--yes", "--name", "shop", *answers, "--set", "workers=1", "--set", 'processes.mail=python "mail.py"')
    found = project.parse(root).instance("production", "blue")
    assert (found.name, found.asgi, found.wsgi) == ("shop", "other:app", "")
    assert (found.services, found.workers) == (("postgres", "files"), 1)
    assert (found.environ, found.processes) == ({"A": "${SECRET_KEY}"}, {"mail": 'python "mail.py"'})


def test_an_edited_file_is_not_taken_back(root):
    run(root, "--yes")
    (root / "kraftwerk.yaml").write_text("wsgi: mine:app\n")
    with pytest.raises(KraftwerkError, match="yaml was edited since"):
        record.take_back(root)
    assert (root / "pillar").is_dir()


def test_what_somebody_removed_stays_away(root):
    run(root, "--yes")
    (root / ".gitignore").unlink()
    assert run(root, "--undo", "--yes").return_value == 0
    assert sorted(files(root)) == ["app.py", "requirements.txt"]


def test_a_file_in_the_way_is_named_before_anything_is_written(root):
    (root / "pillar").mkdir()
    (root / "pillar" / "base.sls").symlink_to("nowhere")
    before = files(root)
    with pytest.raises(KraftwerkError, match=r"pillar/base\.sls is here already"):
        adopting.prepare(root)
    assert files(root) == before


@pytest.fixture
def killed(root, monkeypatch):
    """A project whose adopt was killed after two files; returned are the files before."""
    before = files(root)
    replace, count = record.textfile.replace, [0]

    def dying(path, text):
        count[0] += 1
        if count[0] == 3:
            raise KeyboardInterrupt
        replace(path, text)

    with monkeypatch.context() as patched:
        patched.setattr(record.textfile, "replace", dying)
        assert run(root, "--yes").return_value != 0
    assert len(files(root)) == len(before) + 2
    return before


def test_a_killed_run_is_done_again(root, killed):
    assert run(root, "--yes").return_value == 0
    record.take_back(root)
    assert files(root) == killed


def test_a_test_touches_nothing_of_a_killed_run(root, killed):
    after = files(root)
    with pytest.raises(KraftwerkError, match="was killed here"):
        adopting.prepare(root, test=True)
    assert files(root) == after


def test_what_was_edited_after_a_killed_run_blocks_nobody_for_ever(root, killed):
    (root / ".gitignore").write_text("mine\n")
    (root / "kraftwerk.yaml").unlink(missing_ok=True)
    assert run(root, "--yes").return_value == 0
    assert (root / ".gitignore").read_text().startswith("mine\n")


def test_refusals(root, capsys):
    for arguments, said in (
        (["--undo"], "wrote nothing"),
        (["--set", "wsgi"], "KEY=VALUE"),
        (["--name", "No Name"], "can't be a project's name"),
        (["--set", "helth=/x"], "unknown key"),
        (["--yes", "--set", "wsgi="], "no application was found"),
    ):
        assert cli._run(["adopt", str(root), *arguments]) == 2
        assert said in capsys.readouterr().err
    assert cli._run(["adopt", str(root), "--yes"]) == 0
    assert cli._run(["adopt", str(root)]) == 2
    assert "is here already" in capsys.readouterr().err
