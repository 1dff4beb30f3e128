"""Ports that are free, and stay so."""

import socket

import pytest

from kraftwerk import ports


def test_it_is_none_that_an_outgoing_connection_could_take():
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = server.getsockname()[1]  # by the kernel, from where it takes those of connections
    assert ports.LOWEST <= ports.free_port() < ports._outgoing() <= given


def test_one_that_is_taken_is_passed_over(monkeypatch):
    with socket.create_server(("127.0.0.1", ports.free_port())) as taken:
        found = iter([taken.getsockname()[1], ports.free_port()])
        monkeypatch.setattr(ports.random, "randrange", lambda *bounds: next(found))
        assert ports.free_port() != taken.getsockname()[1]


@pytest.mark.parametrize(("outgoing", "last"), [(49152, 49151), (1024, 65535)])
def test_where_all_ports_are_for_connections_it_is_one_of_these(monkeypatch, outgoing, last):
    monkeypatch.setattr(ports, "_outgoing", lambda: outgoing)
    monkeypatch.setattr(ports.random, "randrange", lambda lowest, above: above - 1)
    assert ports.free_port() == last
