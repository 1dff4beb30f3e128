"""What a control socket answers with no ssh behind it, or one that is silent. One that speaks: tests/integration."""

import socket
import threading
from contextlib import contextmanager

import pytest

from kraftwerk.transport import mux
from kraftwerk.transport.mux import Answer

HELLO = bytes.fromhex("000000080000000100000004")
OPENED, REFUSED, ALLOCATED = (bytes.fromhex(f"0000000c800000{code}0000000100000002") for code in ("06", "03", "08"))


@contextmanager
def answering(path, *messages, stay=True):
    """Let somebody listen there who says these bytes to whoever comes, whatever is asked."""
    done = threading.Event()

    def serve():
        with listener.accept()[0] as peer:
            peer.sendall(b"".join(messages))
            if stay:
                done.wait(30)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        ((HELLO, OPENED), Answer.ALIVE),
        ((HELLO, REFUSED), Answer.ALIVE),
        ((HELLO, ALLOCATED), Answer.GONE),
        ((HELLO,), Answer.SILENT),
        ((), Answer.SILENT),
        ((b"\0\0\0\2\0\0", b"\0\0\0\2\0\0"), Answer.GONE),
    ],
)
def test_a_holder_that_stays(tmp_path, messages, answer):
    with answering(tmp_path / "s", *messages):
        assert mux.ask(tmp_path / "s", 0.3) is answer


@pytest.mark.parametrize("messages", [(), (HELLO,), (HELLO[:5],)])
def test_a_holder_that_goes(tmp_path, messages):
    with answering(tmp_path / "s", *messages, stay=False):
        assert mux.ask(tmp_path / "s", 5) is Answer.GONE


def test_nobody_there(tmp_path):
    assert mux.ask(tmp_path / "s", 5) is Answer.GONE
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    assert mux.ask(tmp_path / "s", 5) is Answer.GONE, "a socket whose holder was killed"
