"""The configuration that Salt gets: what is called here while states are rendered."""

import re

import pytest
import salt.config
import salt.loader

from kraftwerk import saltconf
from kraftwerk.paths import share


@pytest.mark.parametrize("name", saltconf.HERE)
def test_a_module_that_asks_nothing_of_a_node_is_called_here(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    options = salt.config.client_config(str(saltconf.write()))
    found = salt.loader.ssh_wrapper(options, functions={}, context={})
    assert {each.partition(".")[0] for each in found if each.startswith("kw_")} == set(saltconf.HERE)
    assert not (saltconf.root() / "here" / "wrapper" / f"{name}.py").is_symlink()  # Debian 13 unpacks none for Salt
    assert "__salt__" not in share("_modules", f"{name}.py").read_text()


def test_what_every_file_of_states_reads_calls_nothing_on_the_node():
    """A call there takes a second by stock salt-ssh, and every file of states reads the maps."""
    asked = {
        call
        for path in share("salt").rglob("map.jinja")
        for call in re.findall(r'salt\["([\w.]+)"\]', path.read_text())
    }
    ours = {call for call in asked if call.startswith("kw_")}
    assert asked - ours <= {"pillar.get", "cp.hash_file"}  # stock salt-ssh answers these itself
    assert {call.partition(".")[0] for call in ours} <= set(saltconf.HERE)
