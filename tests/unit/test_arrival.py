"""The way of an archive's bytes through this computer."""

import os

import pytest

from kraftwerk import arrival
from kraftwerk.errors import KraftwerkError


def test_all_pieces_arrive_and_the_sink_is_closed():
    told = []
    reading, writing = os.pipe()
    assert arrival.pump([b"one ", b"two"], os.fdopen(writing, "wb"), told.append)
    assert os.fdopen(reading, "rb").read() == b"one two"
    assert told[0].startswith("4 B, ")


def test_a_reader_that_ends_early_has_its_own_reason():
    reading, writing = os.pipe()
    os.close(reading)
    sink = os.fdopen(writing, "wb", buffering=0)
    assert not arrival.pump([b"x" * 100_000], sink, lambda text: None)
    sink.close()


@pytest.mark.parametrize("name", ["blue:relative.kw", "no.kw", "blue", "C:\\x.kw"])
def test_what_is_no_path_on_a_node_is_a_file_here(name):
    with pytest.raises(KraftwerkError, match="can't be read: No such file"):
        arrival.of_archive(name)


def test_a_path_on_a_node_that_nobody_knows():
    with pytest.raises(KraftwerkError, match="nowhere"):
        arrival.of_archive("nowhere:/web/mysite/dump/x.kw")
