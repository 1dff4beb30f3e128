"""A project, or an address for alerts, added to the section `reactor:` of config.yaml; all else there stays."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from kraftwerk import admin, configtext, project, repository, schema
from kraftwerk.channel import Channel
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import write_atomic
from kraftwerk.reactorconfig import Source


def add(name: str | None, address: str | None, branches: Sequence[str]) -> tuple[str, Source]:
    """Write a project into config.yaml, or change it there, and return its name and source.

    Args:
        name: the project's; the one that we stand in when None.
        address: of its repository; what it was cloned from when None.
        branches: `BRANCH=ENVIRONMENT`; none means that the branch it is on goes to production.

    Raises:
        KraftwerkError: what isn't said can't be known from here, or it isn't what it should be (code 2).
    """
    admin.ensure()
    here = project.find_root(Path.cwd())
    name = name or (here.name if here else "")
    root = here if here and here.name == name else None
    if not name:
        raise KraftwerkError("which project?", next_command="kraftwerk reactor add PROJECT --repository URL", code=2)
    source = Source(address or _origin(name, root), _branches(branches, root))
    path = admin.config_file()
    flow = yaml.safe_dump(asdict(source), default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    after = configtext.put(path.read_text(), ("reactor", "projects", name), flow.strip(), as_yaml=True)
    _check(after, path)
    write_atomic(path, after)
    return name, source


def add_alert(url: str) -> Channel:
    """Write an address that alerts go to into config.yaml, and return it; one that is there already stays.

    Args:
        url: as apprise takes it.

    Raises:
        KraftwerkError: apprise doesn't understand it, or config.yaml has mistakes (code 2).
    """
    channel, known = Channel(url.strip()), admin.ensure().reactor.alerts
    if not channel.understood:
        cause = f"{channel.shown} is no address of a kind that apprise knows, such as mailto://USER:PASSWORD@HOST"
        raise KraftwerkError(cause, next_command="docs/health.md has samples", code=2)
    if channel.url not in known:
        path = admin.config_file()
        after = configtext.put(path.read_text(), ("reactor", "alerts"), json.dumps([*known, channel.url]), as_yaml=True)
        _check(after, path)
        write_atomic(path, after)
    return channel


def address(name: str) -> str:
    """Return what the repository's host is told: where pushes of a project go."""
    return f"http://{admin.load().reactor.listen}/push/{name}"


def _origin(name: str, root: Path | None) -> str:
    found = repository.origin(root) if root else ""
    if not found:
        cause = f"nobody can know where {name} is fetched from"
        raise KraftwerkError(cause, next_command=f"kraftwerk reactor add {name} --repository URL", code=2)
    return found


def _branches(words: Sequence[str], root: Path | None) -> dict[str, str]:
    if wrong := [word for word in words if not all(word.partition("="))]:
        raise KraftwerkError(f"{wrong[0]} is not BRANCH=ENVIRONMENT, such as main=production", code=2)
    given = {branch: environment for branch, _, environment in (word.partition("=") for word in words)}
    if root:
        here = project.parse(root)
        for environment in given.values():
            here.deployment(environment)  # raises where there is none of that name
    return given or {(repository.current_branch(root) if root else "") or "main": "production"}


def _check(text: str, path: Path) -> None:
    """See that config.yaml will still be one."""
    problems: list[str] = []
    schema.given(admin.AdminConfig, schema.load(path, problems, text))
    schema.check(problems)
