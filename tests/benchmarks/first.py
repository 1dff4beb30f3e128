"""First contact: the first function of Salt's that runs on a node which has nothing of it yet."""

from tests.benchmarks.lab import Lab
from tests.benchmarks.measure import Job
from tests.benchmarks.peers.kraftwerk import disconnect
from tests.benchmarks.peers.peer import Peers
from tests.benchmarks.peers.saltssh import THIN, stock

# For minutes after ext4 removed thousands of files it takes three times as long to make new ones, as it looks at each
# inode that was freed. No node at first contact has that behind it: what was there is moved away, and not removed.
PLACE = "/var/tmp/kraftwerk-bench."
ASIDE = f"""
aside=$(mktemp -d {PLACE}XXXXXX)
for folder in /var/lib/kraftwerk/engine /var/lib/kraftwerk/salt {THIN}; do
  [ ! -e "$folder" ] || mv "$folder" "$aside"
done
"""


def forget(lab: Lab, node: str) -> None:
    """Make a node as if no Salt had ever been there, and end the connection to it."""
    lab.node_script(node, ASIDE)
    lab.kraftwerk("clean-node", node, "--yes")
    disconnect(lab, [node])


def tidy(lab: Lab) -> None:
    """Remove from a lab that is kept what was moved away, once nothing more is measured."""
    for node in lab.nodes[:1]:
        lab.node_script(node, f"rm -rf {PLACE}*\n")


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
