"""Whether nodes have the same version of an instance. Numbers of releases don't tell: each node counts for itself."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from kraftwerk.release import Release
from kraftwerk.status import CROSS, Check, Status

CHECK = "version"  # what the check is called


def mixed(found: Iterable[Status]) -> dict[str, dict[str, list[str]]]:
    """Return the instances of which nodes have different versions: by instance and version, the names of the nodes.

    What a release holds tells, not its commit: one with changes that are not committed is another one. One that
    doesn't say it, served or deployed by an older kraftwerk, isn't compared.
    """
    told: dict[str, dict[str, list[Status]]] = {}
    for each in found:
        if each.release is not None and each.release.content:
            told.setdefault(each.instance, {}).setdefault(each.release.content, []).append(each)
    return {instance: _named(by.values()) for instance, by in told.items() if len(by) > 1}


def _named(groups: Iterable[Sequence[Status]]) -> dict[str, list[str]]:
    """Return the names of nodes by the version that they have: its commit where it has one, and what it holds."""
    named = {
        _version([each.release for each in group if each.release]): [each.node for each in group] for group in groups
    }
    return dict(sorted(named.items()))


def _version(releases: Sequence[Release]) -> str:
    """Return what releases that hold the same are called: by their first commit without changes, if there is one."""
    first = min(releases, key=lambda each: (not each.commit, each.dirty))
    return " ".join(filter(None, [first.version if first.commit else "", first.content]))


def judged(found: Sequence[Status], together: Collection[str], advice: str) -> list[Status]:
    """Return the same with a check that fails where versions are mixed that shouldn't be.

    Args:
        together: the names of the nodes that should have the same one.
        advice: the command that deploys to all.
    """
    wrong = mixed(each for each in found if each.node in together)
    return [replace(each, checks=(*each.checks, *_check(each, wrong, advice))) for each in found]


def lines(found: Sequence[Status], advice: str) -> list[str]:
    """Return a line for each instance whose versions are mixed.

    Args:
        found: what `judged` returned.
        advice: the command that deploys to all.
    """
    wrong = {each.instance for each in found if any(check.name == CHECK for check in each.checks)}
    told = []
    for instance, by in mixed(found).items():
        words = "; ".join(f"{version} on {', '.join(nodes)}" for version, nodes in by.items())
        line = f"{instance}: versions are mixed: {words}"
        told.append(f"{CROSS} {line} → {advice}" if instance in wrong else line)
    return told


def _check(each: Status, wrong: Mapping[str, Mapping[str, list[str]]], advice: str) -> list[Check]:
    versions = wrong.get(each.instance, {})
    mine = [version for version, nodes in versions.items() if each.node in nodes]
    return [Check(CHECK, f"version {mine[0]}, others have another", False, advice)] if mine else []
