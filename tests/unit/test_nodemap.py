"""Maps of salt-cloud: what they want, and what is said of mistakes."""

import pytest

from kraftwerk import account, admin, nodemap
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, save_node


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An admin who plays with libcloud's DUMMY."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    admin.ensure()
    account.save(account.revised("dummy", "dummy", {"creds": "x"}))
    own = "dummy-small: {provider: dummy, size: Small, image: 'ubuntu 9.*'}\n"
    (tmp_path / "home" / "cloud.profiles.d" / "dummy.conf").write_text(own)


@pytest.fixture
def read(tmp_path):
    """Read a map of this text."""

    def of(text):
        (tmp_path / "nodes.map").write_text(text)
        return nodemap.read(tmp_path / "nodes.map")

    return of


def test_names_and_their_own_settings(read):
    found = read("dummy-small:\n- web1\n- web2: {size: Big}\n")
    assert [(each.name, each.profile, each.overrides) for each in found] == [
        ("web1", "dummy-small", {}),
        ("web2", "dummy-small", {"size": "Big"}),
    ]
    first, second = nodemap.quotes(found)
    assert (first.profile, first.size.size, first.image) == ("dummy-small", "Small", "Ubuntu 9.10")
    assert (second.size.size, second.size.memory) == ("Big", 4096)


def test_what_exists_is_left_alone_and_what_was_interrupted_is_not(read):
    save_node(Node("web1", "192.0.2.7", "dummy"))
    save_node(Node("web2", "192.0.2.8", "dummy", status="creating"))
    assert [each.name for each in nodemap.missing(read("dummy-small: [web1, web2, web3]"))] == ["web2", "web3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be profiles with lists"),
        ("dummy-small: web1", "must be profiles with lists"),
        ("dummy-small: [[web1]]", "each must be a name"),
        ("dummy-small: [Web_1]", "is no hostname"),
        ("a: [", "not valid YAML"),
    ],
)
def test_mistakes(read, text, said):
    with pytest.raises(KraftwerkError, match=said) as caught:
        read(text)
    assert caught.value.code == 2


def test_an_unknown_profile_is_answered_with_the_nearest(read):
    with pytest.raises(KraftwerkError, match="did you mean dummy-small"):
        nodemap.quotes(read("dummy-smal: [web1]"))


def test_a_map_that_is_not_there(tmp_path):
    with pytest.raises(KraftwerkError, match=r"there is no file \S+/no\.map"):
        nodemap.read(tmp_path / "no.map")
