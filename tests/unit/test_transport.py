"""What is said when ssh can't connect: the cause, and what to do about it, which depends on who runs the node."""

import pytest

from kraftwerk.node import Node
from kraftwerk.transport import unreachable

CHANGED = "@@@\nWARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.\n"


@pytest.mark.parametrize(
    ("provider", "next_command"),
    [("local", "kraftwerk start-node web1"), ("ssh", "ping 192.0.2.7"), ("ec2", "kraftwerk nodes")],
)
def test_a_node_that_does_not_answer(provider, next_command):
    error = unreachable(Node("web1", "192.0.2.7", provider), "ssh: connect to host: No route to host\n")
    assert error.cause == "web1 can't be reached: ssh: connect to host: No route to host"
    assert error.next_command == next_command


@pytest.mark.parametrize(("provider", "next_command"), [("ssh", "wait a minute: "), ("local", "kraftwerk start-node")])
def test_a_server_that_hangs_up_at_once_may_have_shut_us_out(provider, next_command):
    said = "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 192.0.2.7 port 22\n"
    assert unreachable(Node("web1", "192.0.2.7", provider), said).next_command.startswith(next_command)


@pytest.mark.parametrize("provider", ["local", "ssh", "ec2"])
def test_another_host_key_is_no_reason_to_end_a_rented_machine(provider):
    error = unreachable(Node("web1", "192.0.2.7", provider), CHANGED)
    assert "web1 shows another host key than the pinned one" in error.cause
    assert ("ends the machine" in error.next_command) == (provider == "ec2")
