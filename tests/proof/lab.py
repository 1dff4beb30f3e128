"""Where it is proven: a home of kraftwerk's, one node, and the sites on it."""

import secrets
import shutil

from kraftwerk import admin, local
from kraftwerk.node import all_nodes
from tests.proof.stall import Stall


class Lab:
    """A place to prove in."""

    def __init__(self, folder, node="proof-one"):
        self.folder, self.node = folder, node
        folder.mkdir(exist_ok=True)
        admin.ensure()

    def stall(self, kind="wsgi"):
        """Return a site of that kind that is live on the node, which is made if it isn't there."""
        if self.node not in all_nodes():
            local.create(self.node)
        root = self.folder / secrets.token_hex(4) / kind
        stall = Stall(root, self.node, kind)
        stall.deploy()
        return stall

    def another(self):
        """Return a folder for another admin's home and project."""
        return self.folder / secrets.token_hex(4)

    def remove(self):
        """Remove the node and the folder."""
        if self.node in all_nodes():
            local.destroy(self.node)
        shutil.rmtree(self.folder)
