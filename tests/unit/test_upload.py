"""What is uploaded: real folders, real .gitignore files."""

import os
import socket
import subprocess

import pytest

from kraftwerk.errors import KraftwerkError
from kraftwerk.upload import files, send, source


def tree(root, *names, **contents):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return root


def ignore(root, text):
    root.mkdir(parents=True, exist_ok=True)
    (root / ".gitignore").write_text(text)


def test_all_files_go_but_never_version_control_bytecode_dumps_and_what_kraftwerk_keeps(tmp_path):
    tree(tmp_path, "app.py", "a/b.py", "a/.hidden", ".git/config", "a/.git", "a/__pycache__/b.pyc", "x.pyc")
    tree(tmp_path, "mysite-blue-20261120T1012.kw", "venv/bin/python", "release.json", "pillar/production.sls")
    assert files(tmp_path) == ["a/.hidden", "a/b.py", "app.py"]


def test_what_looks_like_a_comment_is_sent(tmp_path):
    names = ["#draft#", ";x", "a/#b", "app.py"]
    tree(tmp_path / "here", *names)

    class Here:
        def rsync(self, source, target, *, files, **options):
            listed = b"".join(os.fsencode(name) + b"\0" for name in files)
            words = ["rsync", "--archive", "--from0", "--files-from=-", f"{source}/", f"{target}/"]
            subprocess.run(words, input=listed, check=True)

    send(Here(), tmp_path / "here", files(tmp_path / "here"), tmp_path / "there", None)
    assert files(tmp_path / "there") == names


def test_sockets_and_pipes_stay(tmp_path):
    tree(tmp_path, "app.py")
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "app.sock"))
        assert files(tmp_path) == ["app.py", "link"]


def test_gitignore_counts_with_anchors_folders_negation_and_nesting(tmp_path):
    tree(
        tmp_path, "a.log", "keep.log", "build/x", "src/build/y", "src/a.log", "src/tmp/z", "src/sub/tmp/z", "docs/a.log"
    )
    ignore(tmp_path, "*.log\n!keep.log\n/build/\n")
    ignore(tmp_path / "src", "/tmp/\n!a.log\n")
    found = [name for name in files(tmp_path) if not name.endswith(".gitignore")]
    assert found == ["keep.log", "src/a.log", "src/build/y", "src/sub/tmp/z"]


def test_a_nested_gitignore_does_not_reach_beside_its_folder(tmp_path):
    tree(tmp_path, "a/x.txt", "b/x.txt")
    ignore(tmp_path / "a", "*\n")
    assert files(tmp_path) == ["b/x.txt"]


def test_the_projects_own_virtualenv_stays_here(tmp_path):
    tree(tmp_path, "pyvenv.cfg", "bin/python", "lib/python3.11/site-packages/django.py", "include/x.h", "app.py")
    tree(tmp_path, "env/pyvenv.cfg", "env/bin/python", "sub/lib/code.py")
    (tmp_path / "lib64").symlink_to("lib")
    assert files(tmp_path) == ["app.py", "sub/lib/code.py"]


def test_folders_named_like_a_virtualenvs_go_where_there_is_none(tmp_path):
    tree(tmp_path, "bin/tool", "lib/code.py")
    assert files(tmp_path) == ["bin/tool", "lib/code.py"]


def test_links_are_uploaded_as_links(tmp_path):
    tree(tmp_path, "real/file")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert files(tmp_path) == ["dangling", "link", "real/file"]


def test_odd_names_go(tmp_path):
    tree(tmp_path, "a b/ü\n'\".py")
    assert files(tmp_path) == ["a b/ü\n'\".py"]


def test_what_git_tracks_goes_though_ignored(tmp_path):
    tree(tmp_path, "built/app.js", "app.py", "other.log")
    ignore(tmp_path, "built/\n*.log\n")
    for words in (["init", "-q"], ["add", "-f", "app.py", "built/app.js"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    tracked = source(tmp_path).tracked
    assert files(tmp_path, tracked) == [".gitignore", "app.py", "built/app.js"]


def test_the_commit_is_known_and_whether_files_differ_from_it(tmp_path):
    tree(tmp_path, "app.py")
    git = ["git", "-C", tmp_path, "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    clean = source(tmp_path)
    assert (len(clean.commit), clean.dirty) == (40, False)
    (tmp_path / "app.py").write_text("changed")
    assert source(tmp_path).dirty


def test_a_folder_without_git_has_no_commit(tmp_path):
    assert source(tmp_path).commit == ""


def test_an_empty_upload_is_refused(tmp_path):
    tree(tmp_path, "app.py")
    ignore(tmp_path, "*\n")
    with pytest.raises(KraftwerkError, match=r"has no file to upload: its .gitignore names them all"):
        files(tmp_path)


def test_a_folder_of_wheels_stays_here_also_where_git_has_it(tmp_path):
    tree(tmp_path, "app.py", "wheels/release_log", "wheels/till-1.0-py3-none-any.whl", "wheelsmith/app.py")
    assert files(tmp_path, ("wheels/till-1.0-py3-none-any.whl",)) == ["app.py", "wheelsmith/app.py"]
