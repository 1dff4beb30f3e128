"""Which virtualenvs there are: those in config.yaml, those of kraftwerk's own sites, and what is typed in full."""

from collections.abc import Sequence
from dataclasses import replace

from kraftwerk import admin, registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes
from kraftwerk.virtualenvs import host, selector
from kraftwerk.virtualenvs.virtualenv import Virtualenv

OWNER = "web"  # of the virtualenvs that `kraftwerk deploy` makes


def virtualenvs() -> list[Virtualenv]:
    """Return all that are known, each with its user.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    named = [_whole(each) for each in admin.load().virtualenvs]
    sites = [
        _of(node, name)
        for node in all_nodes().values()
        for name, each in registry.instances(node).items()
        if each.present and each.application
    ]
    return [*named, *sites]


def select(texts: Sequence[str]) -> list[Virtualenv]:
    """Return the virtualenvs that selectors name, or all; one that is named in full needn't be known.

    Raises:
        KraftwerkError: a selector is none, or names nothing (code 2).
    """
    known = virtualenvs()
    if not texts:
        if not known:
            raise KraftwerkError(
                "no virtualenv is known yet",
                next_command="kraftwerk deploy-wheels USER@HOST:/PATH -r requirements.txt, or name it below "
                f"virtualenvs: in {admin.config_file()}",
                code=2,
            )
        return known
    found = [each for text in texts for each in _selected(text, known)]
    return list(dict.fromkeys(found))


def _selected(text: str, known: Sequence[Virtualenv]) -> list[Virtualenv]:
    wanted = selector.parse(text)
    found = [each for each in known if wanted.fits(each, host.names(each.host))]
    if not found and wanted.virtualenv:
        return [_whole(wanted.virtualenv)]
    if not found:
        names = ", ".join(each.name for each in known) or "none"
        raise KraftwerkError(f"{text}: no such virtualenv; known: {names}", code=2)
    return found


def _whole(virtualenv: Virtualenv) -> Virtualenv:
    """Return it with its user: who says none means whomever it belongs to on a node, and the login's elsewhere."""
    return virtualenv if virtualenv.user else replace(virtualenv, user=host.user(virtualenv.host))


def _of(node: Node, instance: str) -> Virtualenv:
    return Virtualenv(host=node.name, path=f"/web/{instance}/current/venv", user=OWNER, site=instance)
