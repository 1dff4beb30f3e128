"""Where local nodes can't run: one line says why, and what to use instead."""

import json
import os
import subprocess
import sys

import pytest

from kraftwerk import local, localbase, localnet, localproc, machine, privilege
from kraftwerk.errors import KraftwerkError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    privilege.obtain.cache_clear()
    yield tmp_path
    privilege.obtain.cache_clear()


def refused():
    with pytest.raises(KraftwerkError) as caught:
        local.check()
    assert "--provider ssh --host ADDRESS" in caught.value.next_command
    assert "\n" not in caught.value.cause
    return caught.value


def test_no_linux(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert "need Linux, this is darwin" in refused().cause


def test_no_root_and_no_sudo(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(privilege, "which", lambda program: None)
    assert "sudo is not installed" in refused().cause


def test_sudo_that_does_not_give_root(monkeypatch, tmp_path):
    (tmp_path / "sudo").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "sudo does not give it to you" in refused().cause


def test_missing_tools_are_named_as_packages(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(localbase.privilege, "which", lambda program: None if program == "systemd-nspawn" else program)
    error = refused()
    assert "local nodes need systemd-container" in error.cause
    assert "apt-get install systemd-container" in error.next_command


def test_a_name_that_is_no_hostname_is_refused_before_anything_else():
    with pytest.raises(KraftwerkError, match="no hostname"):
        local.create("../etc")


def test_an_unknown_release_is_refused():
    with pytest.raises(KraftwerkError, match="bookworm or trixie"):
        localbase.ensure("woody")


def test_a_machine_is_read_back(home):
    made = machine.Machine("blue", "bookworm", "10.77.0.11", ("/top", "/base"), ready=True)
    made.save()
    assert machine.load("blue") == made
    assert json.loads((made.folder / "machine.json").read_text())["lowers"] == ["/top", "/base"]
    assert local.names() == ["blue"]
    assert local.status("blue") == "stopped"


def test_a_folder_alone_is_an_interrupted_creation(home):
    machine.folder_of("blue").mkdir(parents=True)
    assert local.status("blue") == "creating"
    with pytest.raises(KraftwerkError, match="was interrupted"):
        machine.existing("blue")


def test_two_folders_never_have_the_same_address(tmp_path, monkeypatch):
    registry = tmp_path / "registry"
    registry.mkdir()
    monkeypatch.setattr(localnet, "REGISTRY", registry)
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    first, second = (localnet.reserve(folder) for folder in folders[:2])
    assert first != second
    assert localnet.reserve(folders[0]) == first
    with pytest.raises(KraftwerkError, match="belongs to another node"):
        localnet.reserve(folders[2], wanted=first)
    folders[0].rmdir()  # a node whose folder is gone keeps nothing
    assert localnet.reserve(folders[2]) == first


def test_processes_are_found_by_an_argument_of_their_own():
    own = "--directory=/of/this/test"
    words, pipe = [sys.executable, "-c", "print(flush=True); input()", own], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as process:
        process.stdout.readline()  # its arguments can be read a moment after it was started
        assert localproc.with_argument(own) == [process.pid]
    assert localproc.with_argument("--directory=/no/such/node") == []
