"""What `make proof` does at length, in short: visitors never stop asking, and deploys are interrupted and raced."""

import pytest

from tests.proof import interrupted, races, rollovers
from tests.proof.stall import Stall

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "proof-short"


@pytest.fixture(scope="module")
def stall(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    stall = Stall(tmp_path_factory.mktemp("proof") / "wsgi", NODE)
    stall.deploy()
    return stall


def test_no_request_fails_in_deploys_and_rollbacks(stall):
    found = rollovers.rollovers(stall, rounds=2, seconds=0, least=0)
    assert not found.wrong and found.figures["requests"] > 100


@pytest.mark.parametrize("phase", ["upload", "gate", "record"])
def test_who_deploys_is_killed(stall, phase):
    assert not interrupted.killed(stall, [phase], interrupted.MOMENTS[:1]).wrong


def test_the_network_is_cut(stall):
    assert not interrupted.unplugged(stall, ["boot"], interrupted.MOMENTS[:1]).wrong


def test_the_power_fails(stall):
    assert not interrupted.rebooted(stall, ["gate"]).wrong


def test_two_deploy_at_once(stall, tmp_path):
    found = races.races(stall, tmp_path / "other", rounds=3)
    assert not found.wrong
