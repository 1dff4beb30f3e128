"""Salt by the engine through a real sshd on loopback: values, failures, progress, and what is left behind."""

import getpass
import os
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from kraftwerk import highstate, localproc, privilege, saltconf, saltssh
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, pin_host_keys, roster_file, save_node
from kraftwerk.paths import config_home, private
from kraftwerk.process import run
from kraftwerk.remote import program
from kraftwerk.transport import Connection, engine, enginefile, saltinternals
from tests.waiting import wait_for

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
def memory():
    """Return the folder in memory that stands for the node's /dev/shm, which this machine shares with other runs."""
    stock = 'SHM = "/dev/shm"'
    assert stock in program("saltdoor")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "program", lambda name: program(name).replace(stock, f'SHM = "{folder}"'))
        yield Path(folder)


@pytest.fixture(scope="module")
def node(home, memory, salt_factories, tmp_path_factory):
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
        for number in engines(loopback):
            os.kill(number, signal.SIGKILL)


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


def test_states_of_a_tree_leave_nothing_in_memory(node, home, memory, tmp_path):
    """Neither there nor here, which are one computer in this test."""
    sls = f"tree:\n  file.recurse:\n    - name: {tmp_path}/copy\n    - source: salt://tree\n"
    for name, text in (("tree.sls", sls), ("tree/one", "1")):
        path = config_home() / "salt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (result,) = highstate.parse(node, saltssh.call(node, "state.apply", "tree"))
    assert result.result and (tmp_path / "copy" / "one").read_text() == "1"
    assert not list(memory.iterdir())


def test_a_state_changes_then_does_not_and_leaves_no_archive(node, memory, tmp_path):
    file, lines = tmp_path / "file", []
    for changes in (True, False):
        value = saltssh.call(node, "state.single", "file.managed", str(file), contents="hi", on_line=lines.append)
        (result,) = highstate.parse(node, value)
        assert (result.result, result.changed) == (True, changes)
    assert any(highstate.COMPLETED.search(line) for line in lines)
    assert not (Path(node.salt_folder) / "salt_state.tgz").exists()
    assert not list(memory.iterdir())


def test_a_node_that_does_not_listen_is_unreachable(home):
    nobody = Node("nobody", "127.0.0.1", "ssh", port=1)
    save_node(nobody)
    with pytest.raises(KraftwerkError, match="nobody can't be reached"):
        saltssh.call(nobody, "test.ping")


def test_a_call_is_not_mistaken_for_text_of_states(node):
    value, code = saltssh.execute(node, "cmd.run", "echo out; echo err >&2")
    assert (value, code) == ("out\nerr", 0)


def test_what_a_killed_run_left_is_removed_by_the_next(node, memory):
    left = memory / f"kraftwerk-salt-{os.getpid()}-0"  # its number is that of another process by now
    private(left)
    (left / "pillar.json").write_text("hush")
    archive = private(Path(node.salt_folder)) / "salt_state.tgz"  # of a plain salt-ssh
    archive.write_text("hush")
    saltssh.call(node, "test.ping")
    assert not left.exists() and archive.exists()  # which will read it in a moment, or was killed
    os.utime(archive, (0, 0))
    saltssh.call(node, "test.ping")
    assert not archive.exists()


def test_an_engine_that_was_killed_is_started_again(node):
    saltssh.call(node, "test.ping")
    wait_for(lambda: len(engines(node)) == 1, 30)
    (program,) = engines(node)
    os.kill(program, signal.SIGKILL)
    assert saltssh.call(node, "test.ping") is True
    assert program not in engines(node)


def test_a_call_whose_process_is_killed_says_so_and_the_engine_stays(node):
    before = engines(node)
    with pytest.raises(KraftwerkError, match="ended by signal 9"):
        saltssh.call(node, "cmd.run_all", "kill -9 $PPID")
    assert saltssh.call(node, "test.ping") is True
    assert engines(node) == before


def test_another_engine_takes_the_place_of_an_old_one(node, monkeypatch):
    saltssh.call(node, "test.ping")
    monkeypatch.setattr(enginefile, "LEVEL", 1)
    monkeypatch.setattr(enginefile, "key", lambda: "0" * 24)
    assert saltssh.call(node, "test.ping") is True
    assert [path.name for path in Path(engine.folder(node)).glob("0*")] == ["0" * 24]
    assert len(folders(node)) == 1


def test_what_is_in_use_stays_when_another_engine_or_other_modules_come(node, tmp_path, monkeypatch):
    """Two admins with different versions of Salt, or two projects with different modules, work on one node."""
    go_on, begun = tmp_path / "go", tmp_path / "begun"
    with ThreadPoolExecutor() as pool:
        first = engine.Engine(Connection(node))
        settings = engine.Settings(engine.expected(node).minion)
        wait = f"touch {begun}; while [ ! -e {go_on} ]; do sleep 0.05; done"
        running = pool.submit(first.call, ["cmd.run", wait], settings)
        try:
            assert localproc.wait_until(begun.exists, timeout=100)  # the engine is made and sent anew
            monkeypatch.setattr(enginefile, "key", lambda: "1" * 24)
            assert saltssh.call(node, "test.ping") is True
            assert len(folders(node)) == 2
        finally:
            go_on.touch()
            running.result()
            first.close()
    monkeypatch.setattr(enginefile, "key", lambda: "2" * 24)
    assert saltssh.call(node, "test.ping") is True
    assert folders(node) == ["2" * 24]


def test_an_engine_that_a_power_cut_damaged_is_sent_anew(node):
    saltssh.call(node, "test.ping")
    wait_for(lambda: len(engines(node)) == 1, 30)  # one that was replaced ends when it looks for its files
    (program,) = engines(node)
    os.kill(program, signal.SIGKILL)
    (path,) = Path(engine.folder(node)).glob("*/saltparts.py")
    path.write_text("")
    with pytest.raises(KraftwerkError, match="has no attribute 'install'"):
        saltssh.call(node, "test.ping")
    assert saltssh.call(node, "test.ping") is True


def test_what_a_login_shell_prints_holds_nothing_up(node, monkeypatch):
    command = Connection._command

    def noisy(self, words, **options):
        found = command(self, words, **options)
        return [*found[:-1], f"printf 'a line\\nand a half'; {found[-1]}"] if "saltdoor" in str(found) else found

    monkeypatch.setattr(Connection, "_command", noisy)
    assert saltssh.call(node, "test.ping") is True


def test_an_engine_that_cannot_be_made_is_an_error(node, monkeypatch):
    def full(name, magic):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(enginefile, "key", lambda: "3" * 24)
    monkeypatch.setattr(enginefile, "archive", full)
    with pytest.raises(KraftwerkError, match="No space left on device"):
        saltssh.call(node, "test.ping")


def test_all_that_is_left_is_its_owner_s_alone(node):
    saltssh.call(node, "test.ping")
    folder = Path(engine.folder(node))
    assert folder.stat().st_mode & 0o077 == 0
    assert [path for path in folder.glob("*") if path.is_dir() and path.stat().st_mode & 0o077] == []


def folders(node):
    """Return the names of the engines that a node has."""
    return sorted(path.name for path in Path(engine.folder(node)).iterdir() if path.is_dir())


def engines(node):
    """Return the numbers of the engines that run for a node; their children don't count."""
    parents, ours = {}, str(engine.folder(node)).encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if any(word.startswith(ours) and word.endswith(b"engine.py") for word in words):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return sorted(number for number, parent in parents.items() if parent not in parents)


def test_stock_salt_is_restored_after_a_call(node):
    from salt.client.ssh import Single
    from salt.client.ssh.shell import Shell
    from salt.utils.optsdict import OptsDict

    before = Shell._run_cmd, Shell.send, Single.cmd_block
    saltssh.call(node, "test.ping")
    assert (Shell._run_cmd, Shell.send, Single.cmd_block) == before
    assert "__bool__" not in vars(OptsDict)


def test_the_archive_with_the_pillar_is_gone_from_here_whatever_happens(node, home):
    import salt.client.ssh.state as states

    archives = saltconf.root() / "sent"
    private(archives / "4194305")  # of a process that was killed: no process has so high a number
    (archives / "4194305" / "left").write_text("hush")
    with pytest.raises(KeyboardInterrupt), saltinternals._patched(node, None, None):
        path = Path(states.prep_trans_tar(None, [], {}, {"secret": "hush"}))
        assert path.is_relative_to(archives / str(os.getpid()))
        raise KeyboardInterrupt
    assert [path for path in archives.rglob("*") if path.is_file()] == []
    assert not (archives / "4194305").exists()
