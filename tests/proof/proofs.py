"""What is proven: a line of the page each."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.proof import interrupted, races, rollovers, small, suites
from tests.proof.found import Found


@dataclass(frozen=True)
class Proof:
    """A line of the page.

    Attributes:
        key: by which `--only` names it.
        title: what was done; claim: what must come of it.
        run: does it in a lab.
    """

    key: str
    title: str
    claim: str
    run: Callable[..., Found]


PROOFS = (
    Proof(
        "load",
        "20 deploys and 20 rollbacks of a WSGI site under load",
        "no request fails",
        lambda lab: rollovers.rollovers(lab.stall("wsgi")),
    ),
    Proof(
        "load-asgi",
        "5 deploys and 5 rollbacks of an ASGI site under load, with websockets",
        "no request fails, no conversation breaks off",
        lambda lab: rollovers.rollovers(lab.stall("asgi"), rounds=5),
    ),
    Proof(
        "killed",
        "kraftwerk killed with `kill -9` at each phase",
        "what was live serves on, the next deploy succeeds by itself",
        lambda lab: interrupted.killed(lab.stall()),
    ),
    Proof(
        "killed-asgi",
        "an ASGI site with websockets: killed at each phase that has to do with its processes",
        "what was live serves on, no conversation breaks off",
        lambda lab: interrupted.killed(lab.stall("asgi"), interrupted.SERVING),
    ),
    Proof(
        "unplugged",
        "the server's network cut at each phase",
        "what was live serves on, the next deploy succeeds by itself",
        lambda lab: interrupted.unplugged(lab.stall()),
    ),
    Proof(
        "raced",
        "two admins deploy at the same moment, again and again",
        "one wins, the other hears who holds the lock; no mixed release",
        lambda lab: races.races(lab.stall(), lab.another()),
    ),
    Proof(
        "rebooted",
        "the server's power fails in a deploy and after one; it reboots",
        "the right release comes back by itself",
        lambda lab: interrupted.rebooted(lab.stall()),
    ),
    Proof(
        "small",
        "a server of 512 MB with Django and PostgreSQL: deploys, a rollback, a release that fits once only",
        "what fits goes live; what doesn't is said beforehand, and takes nothing from who serves",
        small.small,
    ),
    Proof(
        "broken",
        "releases that are broken, each in another way",
        "the old one serves on, nothing is left half-started, the true cause is printed",
        lambda lab: suites.suite("test_broken_releases.py"),
    ),
    Proof(
        "several",
        "three servers: the second fails, versions differ",
        "the first is switched back, the exit code isn't zero; `status` tells mixed versions",
        lambda lab: suites.suite("test_many.py", "second or mixed or once or packages"),
    ),
)
