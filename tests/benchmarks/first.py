"""First contact: the first function of Salt's that runs on a node which has nothing of it yet."""

from tests.benchmarks.lab import Lab
from tests.benchmarks.measure import Job
from tests.benchmarks.peers.kraftwerk import disconnect
from tests.benchmarks.peers.peer import Peers
from tests.benchmarks.peers.saltssh import THIN, stock


def forget(lab: Lab, node: str) -> None:
    """Make a node as if no Salt had ever been there, and end the connection to it."""
    lab.kraftwerk("clean-node", node, "--yes")
    lab.node_script(node, f"rm -rf {THIN}\n")
    disconnect(lab, [node])


def contact(lab: Lab, peers: Peers) -> list[Job]:
    """Return a first `test.ping` by each."""
    node = lab.nodes[0]
    ping = {
        "kraftwerk": (["kraftwerk", "salt", node, "test.ping"], "true"),
        "salt-ssh": (stock(peers).program([node], "test.ping"), "True"),
    }
    return [
        Job(name, words, before=lambda: forget(lab, node), done=lambda output, answer=answer: answer in output)
        for name, (words, answer) in ping.items()
    ]
