"""Which minions a master trusts: its folders of keys. (Real keys of real minions: tests/integration/test_master.py.)"""

import pytest
import salt.config
import yaml

from kraftwerk import minion, saltconf, saltmaster
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.paths import share

BLUE = Node("blue", "192.0.2.1", "ssh")


@pytest.fixture
def master(tmp_path):
    for kind in (minion.ACCEPTED, *minion.OTHERS):
        (tmp_path / "pki" / kind).mkdir(parents=True)
        (tmp_path / "pki" / kind / "blue").write_text("a key")
        (tmp_path / "pki" / kind / "green").write_text("another")
    return tmp_path


def test_a_forgotten_minion_is_forgotten_whatever_its_key_was(master):
    minion.forget("blue", master)
    minion.forget("blue", master)
    assert {path.name for path in (master / "pki").glob("*/*")} == {"green"}


def test_what_a_forgotten_minion_could_read_is_sent_by_another_key(master, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(master / "home"))
    saltmaster.write(master, publish_port=1, return_port=2)
    asked = master / "cache" / ".dfn"
    asked.parent.mkdir()
    minion.forget("red", master)
    assert not asked.exists()
    minion.forget("blue", master)
    options = salt.config.master_config(str(master / "master"))
    assert (asked.stat().st_mode, asked.read_text()) == (0o100400, options["id"])  # as the master wants it


def test_without_a_master_there_is_nothing_to_forget_or_accept(tmp_path):
    minion.forget("blue", tmp_path)
    with pytest.raises(KraftwerkError, match="never started") as error:
        minion.accept(BLUE, tmp_path)
    assert error.value.next_command == "kraftwerk reactor start"


def test_a_master_serves_the_modules_of_nodes_and_no_others(tmp_path):
    *trees, modules = saltconf.served(tmp_path)["base"]
    assert str(share("salt")) in trees and "salt" not in trees
    assert {path.name for path in (tmp_path / "served").iterdir()} == {"_modules", "_states"}
    assert modules == str(tmp_path / "served")


def test_a_minion_is_told_what_salt_is_told_over_ssh():
    template = share("salt/minion/files/minion.jinja").read_text()
    told = yaml.safe_load("".join(line for line in template.splitlines(keepends=True) if "{{" not in line))
    assert saltconf.minion_options().items() <= told.items()


def test_the_minion_s_key_is_where_the_states_have_it():
    defaults = yaml.safe_load(share("salt/minion/defaults.yaml").read_text())
    assert f"{defaults['config']}/pki/minion.pub" == minion.PUBLIC_KEY
