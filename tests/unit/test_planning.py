"""What a plan tells of code: by git, and by the files on a node."""

import json
import os
import subprocess
import sys
import time

import pytest

from kraftwerk import content
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import PACKAGE
from kraftwerk.planning import code
from kraftwerk.planning.facts import Files
from kraftwerk.upload import source

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


def git(folder, *words):
    return subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder, text):
    (folder / "shop.py").write_text(text)
    git(folder, "add", "shop.py")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", "here")
    return tmp_path / "here"


def test_commits_since_the_live_release_are_named(project):
    live = commit(project, "One")
    commit(project, "Two")
    last = commit(project, "Three")
    found = code.find(project, source(project), live, Files(changed=("shop.py",)), 1)
    assert [line.split(" ", 1)[1] for line in found.commits] == ["Three", "Two"]
    assert found.words() == ["2 commits", "1 file changed"]
    git(project, "checkout", "-q", live)
    back = code.find(project, source(project), last, Files(), 1)
    assert back.words() == ["without 2 commits of the live release", "no file differs"]


def test_what_colleagues_do_not_have_is_said(project, tmp_path):
    live = commit(project, "One")
    assert code.find(project, source(project), live, Files(), 1).unpushed == 0  # there is no remote
    git(tmp_path, "init", "-q", "--bare", "there")
    git(project, "remote", "add", "origin", "../there")
    git(project, "push", "-q", "origin", "main")
    commit(project, "Two")
    (project / "shop.py").write_text("edited")
    found = code.find(project, source(project), live, Files(), 1)
    assert found.doubts() == ["1 commit not pushed", "uncommitted changes"]


def test_a_commit_that_is_not_here_is_no_error(project):
    commit(project, "One")
    assert code.find(project, source(project), "0" * 40, Files(("a",)), 1).words() == ["1 file added"]


def planned(hashes, *words):
    program = PACKAGE / "remote" / "planned.py"
    code = (
        f"import pwd, runpy; pwd.getpwnam = lambda _: pwd.getpwuid({os.getuid()}); import sys; "
        f"sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    argv = [sys.executable, "-c", code, str(program), *map(str, words)]
    return json.loads(subprocess.run(argv, input=json.dumps(hashes), check=True, capture_output=True, text=True).stdout)


def test_a_node_compares_files_by_what_they_hold(tmp_path):
    here, live = tmp_path / "here", tmp_path / "live"
    names = ["same.py", "mode.sh", "changed.py", "sub/new.py", "link"]
    for folder in (here, live):
        (folder / "sub").mkdir(parents=True)
        (folder / "same.py").write_text("same")
        (folder / "mode.sh").write_text("")
        (folder / "changed.py").write_text(folder.name)
        (folder / "link").symlink_to("same.py")
    (here / "mode.sh").chmod(0o755)
    (here / "sub" / "new.py").write_text("")
    for name in ("release.json", "gone.py", "static/collected.css", "sub/__pycache__/x.pyc", "venv/bin/python"):
        (live / name).parent.mkdir(parents=True, exist_ok=True)
        (live / name).write_text("")
    hashes = content.hashes(here, names)
    found = planned(hashes, live, tmp_path / "no-venv", "static")
    assert found == {
        "files": {"added": ["sub/new.py"], "changed": ["changed.py", "mode.sh"], "removed": ["gone.py"]},
        "packages": None,
    }
    assert planned(hashes, here, tmp_path, "static")["files"] == {"added": [], "changed": [], "removed": []}
    assert planned(hashes, "", tmp_path)["files"] is None


def test_packages_of_a_virtualenv_that_is_whole(tmp_path):
    (tmp_path / "lib/python3.11/site-packages/django-5.2.8.dist-info").mkdir(parents=True)
    assert planned({}, "", tmp_path)["packages"] is None
    (tmp_path / ".kraftwerk-ready").touch()
    assert planned({}, "", tmp_path)["packages"] == ["django-5.2.8.dist-info"]


def test_what_was_edited_meanwhile_is_hashed_again(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("1")
    before = content.hashes(tmp_path, ["a", "b"])
    (tmp_path / "a").write_text("2")
    assert content.again(tmp_path, before, time.time() + 60) == before
    assert content.again(tmp_path, before, 0) == content.hashes(tmp_path, ["a", "b"]) != before
    (tmp_path / "b").unlink()
    with pytest.raises(KraftwerkError, match="b can't be sent: No such file"):
        content.again(tmp_path, before, 0)


def test_contents_are_the_same_or_not(tmp_path):
    (tmp_path / "a").write_text("1")
    first = content.digest(content.hashes(tmp_path, ["a"]))
    assert first == content.digest(content.hashes(tmp_path, ["a"])) and len(first) == content.SHORT
    (tmp_path / "a").rename(tmp_path / "b")
    assert content.digest(content.hashes(tmp_path, ["b"])) != first
    assert content.digest({}) == ""
