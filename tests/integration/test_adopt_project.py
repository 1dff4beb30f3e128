"""Other people's projects, as the index provides them: adopted, deployed with their files as they are, answering."""

import hashlib
import http.client
import subprocess
import sys
import tarfile

import pytest

pytestmark = [pytest.mark.node, pytest.mark.network]
PROJECTS = [
    ("flask==3.1.3", "examples/tutorial", "flaskr", ["--set", "health=/auth/login"], "/auth/register", b"Register"),
    ("django-allauth==65.21.1", "examples/regular-django", "members", [], "/accounts/login/", b"Sign In"),
]


@pytest.fixture(scope="module")
def node(make_shared_node, converged):
    """Return a node that has what most sites need."""
    return make_shared_node("adopter", base=converged).node


def unpacked(requirement, folder):
    """Return the folder of a project's source, as the index provides it."""
    words = ["pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "--dest", str(folder), requirement]
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True, timeout=300)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def hashes(folder):
    """Return what files hold, by their paths."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)}


def files(folder):
    """Return all files of a folder."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize(("requirement", "inside", "name", "answers", "path", "words"), PROJECTS)
def test_a_public_project_answers(requirement, inside, name, answers, path, words, node, kraftwerk, tmp_path):
    root = unpacked(requirement, tmp_path) / inside
    before = hashes(root)
    said = kraftwerk("adopt", "--yes", "--name", name, *answers, cwd=root).stdout
    assert "Taken care of, though the code says otherwise" in said
    assert "is live in" in kraftwerk("deploy", "adopter", "--yes", cwd=root, timeout=300).stdout
    connection = http.client.HTTPConnection(node.host, timeout=30)
    connection.request("GET", path, headers={"Host": f"{name}.adopter"})
    answer = connection.getresponse()
    assert (answer.status, words in answer.read()) == (200, True)
    kraftwerk("adopt", "--undo", "--yes", cwd=root)
    assert hashes(root) == before
