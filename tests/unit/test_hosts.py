"""The block in /etc/hosts: what is around it stays, to the byte."""

import pytest

from kraftwerk import hosts

BEFORE = "127.0.0.1 localhost\n\n# mine\n10.0.0.1\tnas\n"


def put(text, address, names):
    before, found, after = hosts.parse(text)
    return hosts.render(before, {**found, address: names}, after)


def test_a_name_goes_into_a_marked_block():
    text = put(BEFORE, "10.77.0.11", ["blue"])
    assert text == BEFORE + "# kraftwerk: begin\n10.77.0.11 blue\n# kraftwerk: end\n"


@pytest.mark.parametrize("before", [BEFORE, "", "\n", "127.0.0.1 localhost", "127.0.0.1 localhost\n\n\n", "a\r\n"])
def test_without_names_the_file_is_what_it_was(before):
    text = put(put(before, "10.77.0.11", ["blue"]), "10.77.0.12", ["green"])
    assert put(put(text, "10.77.0.11", []), "10.77.0.12", []) == before


def test_what_follows_the_block_stays():
    text = put(BEFORE, "10.77.0.11", ["blue"]) + "10.0.0.2 printer\n"
    assert put(text, "10.77.0.11", []) == BEFORE + "10.0.0.2 printer\n"


def test_entries_are_read_back():
    text = put(put(BEFORE, "10.77.0.11", ["blue", "mysite.blue"]), "10.77.0.12", ["green"])
    assert hosts.parse(text)[1] == {"10.77.0.11": ("blue", "mysite.blue"), "10.77.0.12": ("green",)}


def test_a_block_whose_end_was_cut_off_is_still_read():
    assert hosts.parse(f"{BEFORE}{hosts.BEGIN}\n10.77.0.11 blue\n")[1] == {"10.77.0.11": ("blue",)}


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "hosts"
    path.write_text(BEFORE)
    path.chmod(0o640)
    monkeypatch.setattr(hosts, "HOSTS", path)
    return path


@pytest.mark.node
def test_names_are_added_moved_and_removed_and_the_mode_stays(file):
    hosts.add("10.77.0.11", ["blue"])
    hosts.add("10.77.0.11", ["mysite.blue"])
    hosts.add("10.77.0.12", ["blue"])
    assert hosts.entries() == {"10.77.0.11": ("mysite.blue",), "10.77.0.12": ("blue",)}
    assert file.stat().st_mode & 0o777 == 0o640
    hosts.remove("10.77.0.12")
    hosts.remove("10.77.0.11", ["mysite.blue"])
    assert file.read_text() == BEFORE
    assert [path.name for path in file.parent.iterdir()] == ["hosts"]


def test_removing_what_is_not_there_touches_nothing(file):
    before = file.stat()
    hosts.remove("10.77.0.99")
    assert file.stat() == before


@pytest.mark.node
def test_sites_follow_their_node(file):
    hosts.follow("10.77.0.11", ["mysite.blue"])
    assert hosts.entries() == {}
    hosts.add("10.77.0.11", ["blue"])
    hosts.follow("10.77.0.11", ["mysite.blue", "www.example.com", "mysite.green"])
    assert hosts.entries() == {"10.77.0.11": ("blue", "mysite.blue")}
