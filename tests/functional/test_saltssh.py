"""salt-ssh in process against a real sshd on loopback: values, failures, progress, and what is left behind.

This is the guard of kraftwerk/saltssh.py: when a release of Salt changes what it leans on, it fails here first.
"""

import getpass
import os
from pathlib import Path

import pytest

from kraftwerk import highstate, privilege, saltconf, saltssh
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, pin_host_keys, roster_file, save_node
from kraftwerk.paths import private
from kraftwerk.process import run
from kraftwerk.transport import Connection

SSHD = privilege.which("sshd")  # it is where an ordinary user's PATH doesn't look
pytestmark = pytest.mark.skipif(SSHD is None, reason="needs sshd")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a KRAFTWERK_HOME of its own with a key pair."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("kw")
        patch.setenv("KRAFTWERK_HOME", str(folder))
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / "id_ed25519")])
        yield folder


@pytest.fixture(scope="module")
def node(home, salt_factories, tmp_path_factory):
    """Return a node: this machine, through an sshd of the test's own."""
    daemon = salt_factories.get_sshd_daemon(
        script_name=SSHD,
        sshd_config_dict={"StrictModes": "no", "Subsystem": "sftp internal-sftp", "UsePAM": "no"},
        config_dir=tmp_path_factory.mktemp("sshd"),
    )
    (daemon.config_dir / "authorized_keys").write_text((home / "keys" / "id_ed25519.pub").read_text())
    if os.getuid() == 0:  # sshd started by root insists on it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with daemon.started():
        salt_folder = str(tmp_path_factory.mktemp("engine") / "salt")
        loopback = Node(
            "loop", "127.0.0.1", "ssh", user=getpass.getuser(), port=daemon.listen_port, salt_folder=salt_folder
        )
        save_node(loopback)
        with roster_file().open("a") as roster:  # a python3 that is a shell script, such as pyenv's, breaks Salt's shim
            roster.write("  set_path: /usr/sbin:/usr/bin:/sbin:/bin\n")
        pin_host_keys(loopback, [path.read_text() for path in daemon.config_dir.glob("*.pub")])
        yield loopback
        Connection(loopback).close()


def test_a_function_returns_its_value(node):
    assert saltssh.call(node, "test.ping") is True
    assert saltssh.call(node, "test.arg", 1, "two words", key={"a": [1]})["kwargs"]["key"] == {"a": [1]}


def test_an_unknown_function_is_named(node):
    with pytest.raises(KraftwerkError, match=r"'nope\.nope' is not available"):
        saltssh.call(node, "nope.nope")


def test_a_function_that_raises_tells_why(node):
    with pytest.raises(KraftwerkError, match="missing 1 required positional argument"):
        saltssh.call(node, "cmd.run")


def test_the_exit_code_comes_with_the_value(node):
    value, code = saltssh.execute(node, "cmd.run", "echo hi; exit 3")
    assert (value, bool(code)) == ("hi", True)


def test_our_modules_reach_the_node(node):
    assert saltssh.call(node, "sys.list_functions", "kw_runit")


def test_a_state_changes_then_does_not_and_leaves_no_archive(node, tmp_path):
    file, lines = tmp_path / "file", []
    for changes in (True, False):
        value = saltssh.call(node, "state.single", "file.managed", str(file), contents="hi", on_line=lines.append)
        (result,) = highstate.parse(node, value)
        assert (result.result, result.changed) == (True, changes)
    assert any(highstate.COMPLETED.search(line) for line in lines)
    saltssh.clean(Connection(node))
    assert not (Path(node.salt_folder) / "salt_state.tgz").exists()


def test_a_node_that_does_not_listen_is_unreachable(home):
    nobody = Node("nobody", "127.0.0.1", "ssh", port=1)
    save_node(nobody)
    with pytest.raises(KraftwerkError, match="nobody can't be reached"):
        saltssh.call(nobody, "test.ping")


def test_stock_salt_is_restored_after_a_call(node):
    from salt.client.ssh import Single
    from salt.client.ssh.shell import Shell

    before = Shell._run_cmd, Single.cmd_block, Single.deploy_ext
    saltssh.call(node, "test.ping")
    assert (Shell._run_cmd, Single.cmd_block, Single.deploy_ext) == before


def test_the_archive_with_the_pillar_is_gone_from_here_whatever_happens(node, home):
    import salt.client.ssh.state as states

    sent = saltconf.root() / "sent"
    private(sent / "4194305")  # of a process that was killed: no process has so high a number
    (sent / "4194305" / "left").write_text("hush")
    with pytest.raises(KeyboardInterrupt), saltssh._patched(node, None):
        path = Path(states.prep_trans_tar(None, [], {}, {"secret": "hush"}))
        assert path.is_relative_to(sent / str(os.getpid()))
        raise KeyboardInterrupt
    assert [path for path in sent.rglob("*") if path.is_file()] == []
    assert not (sent / "4194305").exists()
