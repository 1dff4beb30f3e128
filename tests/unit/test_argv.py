"""The builders of argv against literal lists; nothing is started, nothing stands in for anything."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from kraftwerk import argv
from kraftwerk.node import Node

BLUE = Node("blue", "10.77.0.11", "local")
WEB1 = Node("web1", "web1.example.com", "ssh", user="debian", port=2222)
OPTIONS = ["BatchMode=yes", "IdentityFile=/k y"]


def test_ssh_options():
    options = argv.ssh_options(key=Path("/c/keys/id_ed25519"), known_hosts=Path("/c/known_hosts"), socket=Path("/s/%C"))
    assert options == [
        "BatchMode=yes",
        "IdentityFile=/c/keys/id_ed25519",
        "IdentitiesOnly=yes",
        "UserKnownHostsFile=/c/known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "CheckHostIP=no",
        "ConnectTimeout=8",
        "ServerAliveInterval=3",
        "ServerAliveCountMax=4",
        "ControlMaster=auto",
        "ControlPersist=600",
        "ControlPath=/s/%C",
        "LogLevel=ERROR",
    ]


def test_a_guest_is_reached_by_the_admins_own_configuration():
    options = argv.guest_options(known_hosts=["/c/known_hosts", "/home/me/.ssh/known_hosts"], socket=Path("/s/%C"))
    assert options == [
        "BatchMode=yes",
        "UserKnownHostsFile=/c/known_hosts /home/me/.ssh/known_hosts",
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=8",
        "ServerAliveInterval=3",
        "ServerAliveCountMax=4",
        "ControlMaster=auto",
        "ControlPersist=600",
        "ControlPath=/s/%C",
        "LogLevel=ERROR",
    ]
    assert argv.ssh_settings("web1") == ["ssh", "-G", "--", "web1"]
    assert argv.ssh_settings("web1", "shop") == ["ssh", "-G", "-l", "shop", "--", "web1"]


HEAD = ["ssh", "-o", "BatchMode=yes", "-o", "IdentityFile=/k y", "-p"]


@pytest.mark.parametrize(
    ("words", "remote"),
    [
        (["true"], "true"),
        (["printf", "%s", "two words"], "printf %s 'two words'"),
        (["echo", "$HOME", "a'b", 'c"d', "e\nf", ""], """echo '$HOME' 'a'"'"'b' 'c"d' 'e\nf' ''"""),
        (["sh", "-c", "a | b; c"], "sh -c 'a | b; c'"),
    ],
)
def test_ssh_delivers_words_exactly(words, remote):
    assert argv.ssh(BLUE, OPTIONS, words) == [*HEAD, "22", "-T", "root@10.77.0.11", remote]


def test_ssh_without_words_is_a_login():
    assert argv.ssh(WEB1, OPTIONS, [], tty=True) == [*HEAD, "2222", "-tt", "debian@web1.example.com"]


@pytest.mark.parametrize("verb", ["stop", "exit"])
def test_ssh_control(verb):
    assert argv.ssh_control(BLUE, OPTIONS, verb) == [*HEAD, "22", "-O", verb, "root@10.77.0.11"]


def test_the_shared_connection_is_opened_into_the_background():
    assert argv.ssh_open(WEB1, OPTIONS) == [*HEAD, "2222", "-fN", "debian@web1.example.com"]


def test_each_address_has_a_socket_of_its_own_and_a_short_name_for_it():
    others = [BLUE, WEB1, replace(WEB1, port=22), replace(WEB1, user="root"), replace(WEB1, host="web2.example.com")]
    names = {argv.control_name(node) for node in others}
    assert len(names) == len(others) and {len(name) for name in names} == {16}
    assert argv.control_name(replace(BLUE, name="green")) == argv.control_name(BLUE) == "06bc192094b563ca"
    assert argv.control_path(["ControlMaster=auto", "ControlPath=/a=b/c"]) == Path("/a=b/c")


def test_ssh_forward_is_a_connection_of_its_own():
    options = [*OPTIONS, "ControlPath=/s/%C"]
    assert argv.ssh_forward(BLUE, options, ["/tmp/here.sock:/run/there.sock", "127.0.0.1:5000:127.0.0.1:3306"]) == [
        *["ssh", "-o", "BatchMode=yes", "-o", "IdentityFile=/k y"],
        *["-o", "ControlMaster=no", "-o", "ControlPath=none"],
        *["-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes"],
        *["-L", "/tmp/here.sock:/run/there.sock", "-L", "127.0.0.1:5000:127.0.0.1:3306"],
        *["-p", "22", "-T", "root@10.77.0.11", "echo open; exec cat >/dev/null"],
    ]


RSH = "--rsh=ssh -o BatchMode=yes -o 'IdentityFile=/k y' -p 22"


def test_rsync_of_a_whole_folder():
    assert argv.rsync(BLUE, OPTIONS, Path("/src"), PurePosixPath("/web/x")) == [
        "rsync",
        "--archive",
        "--compress",
        "--delay-updates",
        "--delete",
        RSH,
        "/src/",
        "root@10.77.0.11:/web/x/",
    ]


def test_rsync_of_a_release():
    found = argv.rsync(
        BLUE,
        OPTIONS,
        Path("/src"),
        PurePosixPath("/web/x/releases/2"),
        link_dest=PurePosixPath("/web/x/releases/1"),
        owner="web:web-x",
        files_from=True,
    )
    assert found == [
        "rsync",
        "--archive",
        "--compress",
        "--delay-updates",
        "--from0",
        "--files-from=-",
        "--chown=web:web-x",
        "--link-dest=/web/x/releases/1",
        RSH,
        "/src/",
        "root@10.77.0.11:/web/x/releases/2/",
    ]


def test_rsync_of_what_was_saved():
    found = argv.rsync(BLUE, OPTIONS, Path("/src"), PurePosixPath("/web/x"), files_from=True, missing=True)
    assert found[4:7] == ["--from0", "--files-from=-", "--delete-missing-args"]
    assert found[7:10] == ["--force", "--ignore-times", RSH]


def test_as_user():
    assert argv.as_user("web-x", ["/web/x/exec", "python", "-c", "1"]) == [
        "setpriv",
        "--reuid=web-x",
        "--regid=web-x",
        "--init-groups",
        "--",
        "/web/x/exec",
        "python",
        "-c",
        "1",
    ]


def test_ssh_keygen():
    file = Path("/c/keys/id_ed25519")
    assert argv.ssh_keygen(file) == ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kraftwerk", "-f", str(file)]
    assert argv.ssh_public_key(file) == ["ssh-keygen", "-y", "-f", "/c/keys/id_ed25519"]


def test_ssh_keyscan():
    expected = ["ssh-keyscan", "-T", "5", "-p", "2222", "-t", "ecdsa", "--", "web1"]
    assert argv.ssh_keyscan("web1", 2222, 5, "ecdsa") == expected


def test_git():
    folder, hooks = Path("/s/mysite"), ["-c", "core.hooksPath=/dev/null"]
    assert argv.git(folder, "status") == ["git", *hooks, "-C", "/s/mysite", "status"]
    assert argv.git_fetch(folder, "https://example.com/x.git", "main") == [
        *["git", *hooks, "-C", "/s/mysite", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--"],
        *["https://example.com/x.git", "+refs/heads/main:refs/pushed/main"],
    ]
    assert argv.git_pushed("feature/x") == "refs/pushed/feature%2Fx"
    assert argv.git_ls_remote("/srv/x.git", "main") == ["git", "ls-remote", "--", "/srv/x.git", "refs/heads/main"]


def test_programs_beside_this_python(monkeypatch):
    monkeypatch.setattr("sys.executable", "/venv/bin/python")
    assert argv.kraftwerk(["deploy", "--yes"]) == ["/venv/bin/python", "-m", "kraftwerk", "deploy", "--yes"]
    assert argv.salt_master(Path("/r")) == ["/venv/bin/salt-master", "-c", "/r", "--log-level=warning"]
    assert argv.salt_ssh(Path("/r"), BLUE, ["test.arg", "-x"]) == [
        *["/venv/bin/salt-ssh", "--saltfile=", "--config-dir=/r"],
        *["--out=json", "--out-indent=-1", "--static", "--no-color", "--list", "--", BLUE.name, "test.arg", "-x"],
    ]


def test_every_builder_is_tested():
    here = [name for name, value in vars(argv).items() if getattr(value, "__module__", "") == argv.__name__]
    builders = [name for name in here if not name.startswith("_")]
    text = Path(__file__).read_text()
    assert [name for name in builders if f"argv.{name}(" not in text] == []


def test_a_program_that_ends_with_us():
    assert argv.ending_with_us(["ssh", "blue"]) == ["setpriv", "--pdeathsig=TERM", "--", "ssh", "blue"]


HERE = Node("web1", "192.0.2.7", "here")
LOGIN = [
    *["env", "--ignore-environment", "--chdir=/root"],
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    *["HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8"],
    *["sh", "-c", 'umask 022; exec "$@"', "sh"],
]


def test_on_this_computer_nothing_needs_ssh(monkeypatch):
    monkeypatch.setattr("sys.executable", "/venv/bin/python")
    assert argv.ssh(HERE, [], ["echo", "a b"]) == ["setsid", "--wait", *LOGIN, "echo", "a b"]
    assert argv.here(["bash"], tty=True) == [*LOGIN, "bash"]
    assert argv.ssh_control(HERE, [], "check") == ["true"]
    sent = argv.rsync(HERE, [], Path("/s"), PurePosixPath("/web/mysite"), files_from=True)
    assert sent == ["rsync", "--archive", "--delay-updates", "--from0", "--files-from=-", "/s/", "/web/mysite/"]
    assert argv.salt_call(Path("/c"), ["test.ping"], log_level="quiet") == [
        *["setsid", "--wait", *LOGIN, "/venv/bin/salt-call", "--local", "--config-dir=/c"],
        *["--out=json", "--retcode-passthrough", "--log-level=quiet", "test.ping"],
    ]
