"""A site that is live already: a change of its code goes live, and is taken back."""

import secrets
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.lab import FULL, Lab
from tests.benchmarks.measure import Job
from tests.benchmarks.peers.capistrano import Capistrano
from tests.benchmarks.peers.peer import Peers

PAGE = """

whole_site = application


def application(environ, start_response):
    if environ["PATH_INFO"] != "/changed":
        return whole_site(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s"]
"""


class Change:
    """A change of the Django project's code, another one each time."""

    def __init__(self, folder: Path) -> None:
        self.file, self.word = folder / "shop" / "wsgi.py", ""
        self.code = self.file.read_text().split("\n\nwhole_site")[0]

    def make(self) -> None:
        """Change it."""
        self.word = secrets.token_hex(8)
        self.file.write_text(self.code + PAGE % self.word)


def live(lab: Lab) -> str:
    """Return what the site says is live."""
    request = urllib.request.Request(f"http://{lab.hosts()[FULL]}/changed", headers={"Host": f"shop.{FULL}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return str(response.read().decode())


def redeploy(lab: Lab, peers: Peers) -> list[Job]:
    """Return a deploy of a change by kraftwerk, and the checkout and the symlink alone by Capistrano."""
    capistrano = peers["capistrano"]
    assert isinstance(capistrano, Capistrano)
    ours, theirs = Change(lab.project), Change(capistrano.checkout(lab.project, FULL))
    return [
        Job("kraftwerk", _deploy(), lab.project, before=ours.make, done=lambda output: live(lab) == ours.word),
        Job(
            "capistrano",
            capistrano.deploy([FULL]),
            before=_committed(theirs, capistrano),
            done=lambda output: theirs.word in lab.node_script(FULL, f"cat {capistrano.current}/shop/wsgi.py\n"),
        ),
    ]


def _deploy() -> list[str]:
    return ["kraftwerk", "deploy", FULL, "--yes"]


def _committed(change: Change, capistrano: Capistrano) -> Callable[[], None]:
    def commit() -> None:
        change.make()
        capistrano.push()

    return commit


def rollback(lab: Lab, peers: Peers) -> list[Job]:
    """Return a rollback to the release before."""
    change = Change(lab.project)
    before: list[str] = []

    def deploy_twice() -> None:
        before.clear()
        for _ in range(2):
            change.make()
            lab.run(_deploy(), cwd=lab.project)
            before.append(change.word)

    words = ["kraftwerk", "rollback"]
    return [Job("kraftwerk", words, lab.project, before=deploy_twice, done=lambda output: live(lab) == before[0])]
