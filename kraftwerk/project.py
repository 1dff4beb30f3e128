"""A project: a folder with a kraftwerk.yaml, and what it says for each environment."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kraftwerk import application, backupconfig, caching, cdnconfig, schema, service, workers
from kraftwerk.deployment import FILE, LABEL, LABEL_MEANING, Deployment, Environment, Layer, ProjectFile
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import NAME_LIMIT, Instance, instance_name

ENVIRONMENTS = ("production", "staging", "development")  # these need not be declared
DJANGO_RELEASE = ("python manage.py migrate --noinput", "python manage.py collectstatic --noinput")
NODES_OWN = "kraftwerk"  # the key of the pillar of whole nodes
NODES_OWN_MEANING = "holds for whole nodes, and belongs to a file in pillar/ of your own configuration folder"
DJANGO_STATIC = {"/static/": "staticfiles"}


@dataclass(frozen=True)
class Project:
    """A project, as its kraftwerk.yaml and pillar files describe it.

    Attributes:
        name: the name of its root folder, unless kraftwerk.yaml gives another one.
        environments: those that kraftwerk.yaml declares, by name.
        layers: what kraftwerk.yaml, `base` and each environment's pillar file say, by `FILE`, `base`, name.
    """

    name: str
    root: Path
    environments: Mapping[str, Environment]
    layers: Mapping[str, Layer]

    def known_environments(self) -> list[str]:
        """Return the names of all environments that may be named."""
        named = [name for name in self.layers if name not in (FILE, "base")]
        return sorted({*ENVIRONMENTS, *self.environments, *named})

    def nodes(self, environment: str) -> tuple[str, ...]:
        """Return the names of the environment's nodes, as kraftwerk.yaml gives them.

        Raises:
            KraftwerkError: no such environment (code 2).
        """
        self._check_environment(environment)
        return self.environments.get(environment, Environment()).nodes

    def deployment(self, environment: str) -> Deployment:
        """Return what holds in an environment, all files merged; mappings merge by key, at any depth.

        Raises:
            KraftwerkError: no such environment (code 2).
        """
        layers = self.layers_of(environment)
        found = _merged(layer.values for layer in layers)
        found = {key: value for key, value in found.items() if key not in application.overruled(layers)}
        own = {
            "services": service.settled(found.get("services", {})),
            "processes": workers.settled(found.get("processes", {})),
        }
        return Deployment(**{**found, **own})

    def wheels(self, environment: str) -> Path | None:
        """Return the folder of wheels that an environment is installed from, in place of an index.

        Raises:
            KraftwerkError: no such environment (code 2).
        """
        given = self.deployment(environment).wheels
        return self.root / Path(given).expanduser() if given else None

    def foreign(self, environment: str) -> dict[str, Any]:
        """Return the keys of an environment's pillar files that are not kraftwerk's, merged in the same way.

        Raises:
            KraftwerkError: no such environment (code 2).
        """
        return _merged(layer.foreign for layer in self.layers_of(environment))

    def sources(self, environment: str) -> dict[str, str]:
        """Return the file that each key of the deployment comes from; of a merged mapping, the last one."""
        return {key: layer.source for layer in self.layers_of(environment) for key in layer.values}

    def instance(self, environment: str, node_name: str) -> Instance:
        """Return the project as it is on a node in an environment.

        Raises:
            KraftwerkError: no such environment, or the instance's name is too long (code 2).
        """
        given = self.deployment(environment)
        name = instance_name(self.name, environment)
        if len(name) > NAME_LIMIT:
            raise KraftwerkError(
                f"{name} has {len(name)} characters, and the name of an instance at most {NAME_LIMIT}",
                next_command="a shorter name for the project's folder or the environment",
                code=2,
            )
        django = self.is_django(environment)
        block = self.environments.get(environment, Environment())
        balancing = block.balancing(node_name)
        domains = given.domain or (f"{name}.{balancing.get('node', node_name)}",)
        static = given.static if given.static is not None else DJANGO_STATIC if django else {}
        caching.check(given.caching, static, name)
        service.check(given.services, name)
        workers.check(given.processes, name)
        return Instance(
            name=name,
            project=self.name,
            environment=environment,
            wsgi=application.whole(given.wsgi),
            asgi=application.whole(given.asgi),
            workers=given.workers,
            preload=given.preload,
            timeout=given.timeout,
            drain=given.drain,
            python=given.python,
            requirements=given.requirements,
            extras=given.extras,
            groups=given.groups,
            install=application.is_installed(self.root, given),
            services=tuple(given.services),
            options=service.placed(given.services, node_name),
            processes=given.processes,
            cron={key: asdict(value) for key, value in given.cron.items()},
            release=given.release if given.release is not None else DJANGO_RELEASE if django else (),
            static=static,
            health=given.health,
            gate=given.gate,
            environ=given.environ,
            domains=domains,
            aliases=tuple(alias for alias in given.aliases if alias not in domains),
            tls=given.tls,
            balancer=balancing,
            cdn=cdnconfig.plain(given.cdn, static, name),
            src=given.src,
            package=given.package or self.name.replace("-", "_"),
            caching=given.caching,
            nginx_site=given.nginx_site,
            superusers=given.superusers,
            backup=backupconfig.plain(given.backup, self.root) if given.backup else {},
            anonymize=given.anonymize,
            keep=given.keep,
            pillar=self.foreign(environment),
        )

    def is_django(self, environment: str) -> bool:
        """Tell whether there is a manage.py where the source is."""
        return (self.root / self.deployment(environment).src / "manage.py").is_file()

    def layers_of(self, environment: str) -> list[Layer]:
        """Return what the files say for an environment; a later one wins.

        Raises:
            KraftwerkError: no such environment (code 2).
        """
        self._check_environment(environment)
        block = self.environments.get(environment, Environment())
        given = {"domain": block.domain, "aliases": block.aliases, "tls": block.tls, "cdn": block.cdn}
        urls = {key: value for key, value in given.items() if value}
        section = ("environments", environment)
        places = {keys[2:]: where for keys, where in self.layers[FILE].places.items() if keys[:2] == section}
        below = Layer(f"{self.layers[FILE].source}: environments.{environment}", urls, places)
        common = [self.layers[name] for name in (FILE, "base") if name in self.layers]
        if environment != "production":
            common = [_without_addresses(layer) for layer in common]
        own = [self.layers[environment]] if environment in self.layers else []
        return [*common[:1], below, *common[1:], *own]

    def _check_environment(self, name: str) -> None:
        known = self.known_environments()
        if name not in known:
            near = schema.suggestion(name, known) or f"; there are {', '.join(known)}"
            raise KraftwerkError(
                f"{self.name} has no environment {name}{near}",
                next_command=f"a line below `environments:` in {FILE} declares it",
                code=2,
            )


def find(start: Path | None = None) -> Project:
    """Return the project that a folder is in.

    Args:
        start: the folder; its parents are searched, too. The current one by default.

    Raises:
        KraftwerkError: there is no kraftwerk.yaml, or it or a pillar file has mistakes; all are named (code 2).
    """
    return parse(root(start))


def root(start: Path | None = None) -> Path:
    """Return the root folder of the project that a folder is in; its files may have mistakes.

    Raises:
        KraftwerkError: there is no kraftwerk.yaml (code 2).
    """
    found = find_root((start or Path.cwd()).absolute())
    if found is None:
        raise KraftwerkError(
            f"there is no {FILE} in {(start or Path.cwd()).absolute()} or above it: this is no project",
            next_command="cd PROJECT, or kraftwerk init NAME",
            code=2,
        )
    return found


def find_or_none(start: Path | None = None) -> Project | None:
    """Return the project that a folder is in, None if it is in none; a broken one is still an error."""
    root = find_root((start or Path.cwd()).absolute())
    return parse(root) if root else None


def find_root(start: Path) -> Path | None:
    """Return the folder with a kraftwerk.yaml that a folder is in, if there is one."""
    folders = (folder for folder in (start, *start.parents) if (folder / FILE).is_file())
    return next((folder for folder in folders if not _is_planted(folder)), None)


def _is_planted(folder: Path) -> bool:
    """Tell whether somebody else put a project where everybody may, such as /tmp: its modules would run as us."""
    shared = stat.S_ISVTX | stat.S_IWOTH
    return folder.stat().st_mode & shared == shared and (folder / FILE).lstat().st_uid not in (0, os.geteuid())


def parse(root: Path, instead: Mapping[Path, str] | None = None) -> Project:
    """Return the project of a root folder.

    Args:
        instead: what some of its files shall say, instead of what they say now.

    Raises:
        KraftwerkError: kraftwerk.yaml or a pillar file has mistakes; all are named (code 2).
    """
    problems: list[str] = []
    instead = instead or {}
    file = schema.load(root / FILE, problems, instead.get(root / FILE))
    values = schema.given(ProjectFile, file)
    environments: dict[str, Environment] = values.pop("environments", {})
    called = str(values.pop("name", "") or root.name)
    _check_name(called, problems)
    layers = {FILE: Layer(schema.shown(root / FILE), values, schema.places(file))}
    for name in ("base", *sorted({*ENVIRONMENTS, *environments})):
        path = root / "pillar" / f"{name}.sls"
        content = schema.load(path, problems, instead.get(path))
        found = schema.given(Deployment, content, foreign=True)
        if content is not None or path.is_file():
            places, foreign = schema.places(content), schema.foreign(Deployment, content)
            if NODES_OWN in foreign:
                problems.append(f"{places[NODES_OWN,]}: {NODES_OWN}: {NODES_OWN_MEANING}")
            layers[name] = Layer(schema.shown(path), found, places, foreign)
    if not problems:
        problems.extend(application.problems(schema.shown(root / FILE), list(layers.values())))
    _check_source(root, layers, problems)
    schema.check(problems)
    return Project(called, root, environments, layers)


def _check_name(name: str, problems: list[str]) -> None:
    if not re.fullmatch(LABEL, name):
        problems.append(f"{name!r}, the project's folder, must be {LABEL_MEANING}, or {FILE} must give it one: `name:`")


def _merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of layers, as Salt merges pillar: a later one wins, and mappings merge by key, at any depth."""
    merged: dict[str, Any] = {}
    for values in layers:
        for key, value in values.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            found = _merged((merged[key], value)) if both else value
            merged[key] = {name: found[name] for name in value} if isinstance(value, service.Listed) else found
    return merged


def _without_addresses(layer: Layer) -> Layer:
    """Return a layer without addresses: those outside an environment are production's, and staging lives beside it."""
    values = {key: value for key, value in layer.values.items() if key not in ("domain", "aliases", "cdn")}
    return replace(layer, values=values)


def _check_source(root: Path, layers: Mapping[str, Layer], problems: list[str]) -> None:
    for layer in layers.values():
        src = layer.values.get("src")
        if src and not (root / str(src)).is_dir():
            problems.append(f"{layer.source}: src: there is no folder {src} in {root}")
