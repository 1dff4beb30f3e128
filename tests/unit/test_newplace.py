"""kraftwerk.yaml and /etc/hosts when a project moves."""

import pytest

from kraftwerk import hosts, newplace
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.project import parse


@pytest.fixture
def project(tmp_path):
    """Return a function that makes a project with that kraftwerk.yaml."""

    def make(text):
        root = tmp_path / "mysite"
        root.mkdir(exist_ok=True)
        (root / "kraftwerk.yaml").write_text(f"wsgi: mysite\n{text}")
        return parse(root)

    return make


def instance(*domains):
    return Instance("mysite", "mysite", "production", "mysite:application", domains=domains)


def test_a_domain_of_the_old_nodes_name_stays_beside_the_new_ones():
    assert newplace.domains(instance("mysite.blue"), "blue", "green") == ("mysite.green", "mysite.blue")
    assert newplace.domains(instance("www.example.com"), "blue", "green") == ("www.example.com",)


def test_only_the_nodes_name_changes_in_kraftwerk_yaml(project):
    here = project(
        "# mine\nenvironments:\n  production:\n    domain: [www.example.com]\n    nodes: [blue]  # a small one\n"
    )
    text = newplace.rewritten(here, "production", "blue", "green", ("www.example.com",))
    assert newplace.diff(here, text) == ["-    nodes: [blue]  # a small one", "+    nodes: [green]  # a small one"]
    newplace.write(here.root, text)
    assert parse(here.root).nodes("production") == ("green",)


def test_of_several_nodes_one_changes(project):
    here = project("environments:\n  production: {nodes: [red, blue], domain: a.example.com}\n")
    text = newplace.rewritten(here, "production", "blue", "green", ("a.example.com",))
    assert parse(here.root, instead={here.root / "kraftwerk.yaml": text}).nodes("production") == ("red", "green")


def test_names_of_both_nodes_are_written_down(project):
    here = project("environments:\n  production:\n    nodes: [blue]\n")
    text = newplace.rewritten(here, "production", "blue", "green", ("mysite.green", "mysite.blue"))
    found = parse(here.root, instead={here.root / "kraftwerk.yaml": text})
    assert found.instance("production", "green").domains == ("mysite.green", "mysite.blue")


def test_a_project_that_names_no_node_names_none_afterwards(project):
    here = project("domain: www.example.com\n")
    assert newplace.diff(here, newplace.rewritten(here, "production", "blue", "green", ("www.example.com",))) == []


def test_names_in_etc_hosts_follow(tmp_path, monkeypatch):
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(hosts, "HOSTS", file)
    hosts.add("10.0.0.1", ["blue", "mysite.blue"])
    hosts.add("10.0.0.2", ["green"])
    blue, green = (Node(name, host=f"10.0.0.{n}", provider="local") for n, name in ((1, "blue"), (2, "green")))
    newplace.lead(blue, green, ("mysite.green", "mysite.blue"))
    assert hosts.entries() == {"10.0.0.1": ("blue",), "10.0.0.2": ("green", "mysite.blue", "mysite.green")}
