"""Every setting in force, and where it comes from: flag > KRAFTWERK_* > project > admin > shipped."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kraftwerk import admin, application, configleaf, paths, project, registry, target
from kraftwerk.deployment import FILE, Deployment
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import instance_name
from kraftwerk.node import all_nodes
from kraftwerk.project import Project
from kraftwerk.schema import shown
from kraftwerk.webaddress import bare

SHIPPED = "shipped"
NAMES_ONLY = ("stores", "environ", "superusers", "pillar")  # mappings that may hold secrets
RENAMED = {"domain": "domains"}  # what an instance calls a deployment's key


@dataclass(frozen=True)
class Setting:
    """A setting: its name, its value as plain JSON types, and who gave it."""

    name: str
    value: Any
    source: str

    def text(self) -> str:
        """Return the value in one line."""
        if isinstance(self.value, Mapping):
            return ", ".join(f"{key}: {_words(value)}" for key, value in self.value.items()) or "none"
        if isinstance(self.value, list):
            return ", ".join(map(str, self.value)) or "none"
        return "none" if self.value in (None, "") else str(self.value)


def _words(value: Any) -> str:
    """Return a value inside a mapping; where keys of it are URLs, or count and stop, they say what is meant."""
    if not isinstance(value, Mapping):
        return str(value)
    titled = {key: key.startswith("/") or key in ("count", "stop") for key in value}
    return " ".join(f"{key} {_words(each)}" if titled[key] else _words(each) for key, each in value.items())


def collect(environment: str, source: str) -> list[Setting]:
    """Return all settings: folders and the admin's, and inside a project the project's.

    Args:
        environment: the one whose project settings are wanted.
        source: who said so.

    Raises:
        KraftwerkError: config.yaml, kraftwerk.yaml or a pillar file has mistakes, or no such environment (code 2).
    """
    found = [*_folders(), *_admin(), Setting("environment", environment, source)]
    root = project.find_root(Path.cwd())
    return [*found, *(_project(project.parse(root), environment) if root else [])]


def _folders() -> Iterator[Setting]:
    home = "KRAFTWERK_HOME" if os.environ.get("KRAFTWERK_HOME") else SHIPPED
    yield Setting("folders.config", str(paths.config_home()), home)
    yield Setting("folders.state", str(paths.state_home()), home)
    yield Setting("folders.cache", str(paths.cache_home()), SHIPPED)
    yield Setting("folders.share", str(paths.share()), SHIPPED)


def _admin() -> Iterator[Setting]:
    config, given = admin.load(), admin.given()
    for each in fields(config):
        value = getattr(config, each.name)
        for inner in fields(value) if each.name in admin.SECTIONS else ():
            key, own = f"{each.name}.{inner.name}", getattr(value, inner.name)
            yield Setting(key, _plain(key, own), _admin_source(key, own != _default(inner)))
        if each.name not in admin.SECTIONS:
            yield Setting(each.name, _plain(each.name, value), _admin_source(each.name, each.name in given))


def _default(setting: Field[Any]) -> Any:
    """Return what a setting is when nobody says anything."""
    return setting.default if setting.default_factory is MISSING else setting.default_factory()


def _admin_source(key: str, given: bool) -> str:
    if admin.variable(key) in os.environ:
        return admin.variable(key)
    return shown(admin.config_file()) if given else SHIPPED


def _project(this: Project, environment: str) -> Iterator[Setting]:
    yield Setting("project", this.name, shown(this.root / FILE))
    yield Setting("instance", instance_name(this.name, environment), SHIPPED)
    node, source = _node(this, environment)
    yield Setting("node", node, source)
    instance, sources = this.instance(environment, node or "NODE"), this.sources(environment)
    for each in fields(Deployment):
        said = getattr(this.deployment(environment), each.name)  # what only this computer needs, nodes don't get
        value = getattr(instance, RENAMED.get(each.name, each.name), said)
        if value or each.name not in application.KEYS:
            yield Setting(each.name, _plain(each.name, value), sources.get(each.name, SHIPPED))
    for name, options in instance.options.items():
        yield Setting(f"services.{name}", configleaf.masked(options), sources["services"])
    there = all_nodes().get(node)  # kraftwerk.yaml may name one that is still to be made
    for name, count in target.scaled(instance, registry.instances(there) if there else {}).scale.items():
        yield Setting(f"scale.{name}", count, f"kraftwerk scale, on {node}")
    if instance.pillar:
        named = [layer.source for layer in this.layers_of(environment) if layer.foreign]
        yield Setting("pillar", _plain("pillar", instance.pillar), ", ".join(named))


def _node(this: Project, environment: str) -> tuple[str, str]:
    """Return the node that is meant when none is named, and why."""
    try:
        node = target.choose(this, environment)
    except KraftwerkError as error:
        return "", error.cause
    named = node in this.nodes(environment)
    return node, shown(this.root / FILE) if named else "the only one"


def _plain(name: str, value: Any) -> Any:
    """Return a value as it may be shown: lists for tuples, no secrets."""
    if name in NAMES_ONLY:
        return list(value)
    if name == "reactor.alerts":
        return [f"{urlsplit(address).scheme}://…" for address in value]
    if name == "reactor.projects":
        return {project: asdict(source) for project, source in value.items()}
    if name == "virtualenvs":
        return [each.name for each in value]
    if name == "index_url":
        return bare(value, "…@")
    return configleaf.masked(list(value) if isinstance(value, tuple) else value)
