"""Host keys of servers that are to be adopted, asked of a real sshd on loopback."""

import os
import socket
import threading
from pathlib import Path

import pytest

from kraftwerk import foreignserver, privilege
from kraftwerk.errors import KraftwerkError
from kraftwerk.ports import free_port

SSHD = privilege.which("sshd")  # it is where an ordinary user's PATH doesn't look


@pytest.fixture(scope="module")
def sshd(salt_factories, tmp_path_factory):
    """Return the port of an sshd, and the fingerprints of its two keys."""
    folder = tmp_path_factory.mktemp("sshd")
    daemon = salt_factories.get_sshd_daemon(script_name=SSHD, sshd_config_dict={"UsePAM": "no"}, config_dir=folder)
    if os.getuid() == 0:  # sshd started by root insists on it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with daemon.started():
        keys = [(folder / f"ssh_host_{kind}_key.pub").read_text() for kind in ("ed25519", "ecdsa")]
        yield daemon.listen_port, [foreignserver.fingerprint(key) for key in keys]


@pytest.mark.skipif(SSHD is None, reason="needs sshd")
def test_the_best_key_is_asked_for_and_others_only_if_one_of_them_is_wanted(sshd):
    port, (best, other) = sshd
    assert list(foreignserver.scan("127.0.0.1", port)) == [best]
    assert list(foreignserver.scan("127.0.0.1", port, best)) == [best]
    assert list(foreignserver.scan("127.0.0.1", port, other)) == [best, other]
    assert list(foreignserver.scan("127.0.0.1", port, "SHA256:wrong"))[:2] == [best, other]


def test_one_that_shuts_us_out_for_a_while_is_told_from_none():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            """As the sshd of Debian 13 does after too many logins that failed."""
            visitor, _ = server.accept()
            visitor.sendall(b"Not allowed at this time\r\n")
            visitor.close()

        answering = threading.Thread(target=refuse)
        answering.start()
        with pytest.raises(KraftwerkError, match="hangs up") as raised:
            foreignserver.scan("127.0.0.1", server.getsockname()[1])
        answering.join()
    assert raised.value.next_command.startswith("wait a minute: an sshd shuts out")
    with pytest.raises(KraftwerkError, match="no sshd answers"):
        foreignserver.scan("127.0.0.1", free_port())
