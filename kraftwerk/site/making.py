"""A new site, from nothing to an answer: the project's files, what they say of nginx, and its first release."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kraftwerk import configtext, deploy, project, registry, rollout, target
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.newproject import creation, source
from kraftwerk.newproject.choice import Choice
from kraftwerk.newproject.choice import check as check_choice
from kraftwerk.node import HOSTNAME, Node, all_nodes
from kraftwerk.paths import write_atomic
from kraftwerk.site import clash, record
from kraftwerk.site.clash import Clash
from kraftwerk.site.layout import DEBIAN
from kraftwerk.site.record import Site
from kraftwerk.tokens import Tokens
from kraftwerk.transport import Connection

SRV = Path("/srv")  # what Debian has for the data of services; it outlives users and belongs to nobody's home
DATABASE = {"django": "postgres,files", "flask": "postgres", "pyramid": "postgres"}  # what a site of a kind has
PROBE = 'curl -s -o /dev/null --noproxy "*" --max-time 15 -w "%{http_code}" -H "Host: $1" "http://127.0.0.1$2" || true'


@dataclass(frozen=True)
class Wish:
    """A site that shall be.

    Attributes:
        choice: what `init` makes.
        parent: the folder that the project's folder is made in.
        node: where it is served.
        domains: its names, the first is the canonical one; none for `<name>.<node>`.
        default_server: it answers for names that no site has.
        replaces: what stands aside for it in nginx.
    """

    choice: Choice
    parent: Path
    node: Node
    domains: tuple[str, ...] = ()
    default_server: bool = False
    replaces: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the site's name."""
        return self.choice.name

    @property
    def folder(self) -> Path:
        """Return the project's folder."""
        return self.parent / self.choice.name

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the site is called by browsers."""
        return self.domains or (f"{self.name}.{self.node.name}",)

    def lines(self) -> list[str]:
        """Return it as it is printed before the question."""
        data = ", ".join(self.choice.services) or "no database"
        where = f"{self.node.name}{', this computer' if self.node.is_here else ''}"
        nginx = f"/etc/nginx/sites-available/{self.name}, linked in sites-enabled"
        aside = [f"  aside     {', '.join(self.replaces)}, until rmsite"] if self.replaces else []
        also = ["            and all names that no other site has"] if self.default_server else []
        return [
            f"Site {self.name} → {where}",
            f"  project   {self.folder} ({self.choice.template}; {data})",
            f"  address   {', '.join(f'http://{name}' for name in self.names)}",
            *also,
            f"  nginx     {nginx}",
            *aside,
        ]


def default_parent(node: Node) -> Path:
    """Return where projects go when nobody says: /srv on the server itself, else here, as `init` does."""
    return SRV if node.is_here and os.access(SRV, os.W_OK) else Path.cwd()


def check(wish: Wish) -> None:
    """See that a site can be made, or goes on with one that was begun.

    Raises:
        KraftwerkError: its name or a domain can't be used, its name is taken, or there is no such template (code 2).
    """
    check_choice(wish.choice)
    source.check(wish.choice.template)
    for domain in wish.domains:
        if not HOSTNAME.fullmatch(domain):
            raise KraftwerkError(f"--domain {domain}: a domain is wanted, such as www.example.com", code=2)
    known = record.all_sites().get(wish.name)
    if known and known.node in all_nodes() and (known.node, known.folder) != (wish.node.name, wish.folder):
        cause = f"the site {wish.name} is on {known.node} already, its source in {known.folder}"
        raise KraftwerkError(cause, next_command=f"kraftwerk rmsite {wish.name}; or another name", code=2)
    if not known and wish.folder.exists():
        advice = f"cd {wish.folder} && kraftwerk deploy, if it is a project; or another name or --location"
        raise KraftwerkError(f"{wish.folder} is there already", next_command=advice, code=2)


def look(wish: Wish) -> list[Clash]:
    """Return what stands in the site's way in its node's nginx.

    Raises:
        KraftwerkError: the node can't be reached, or serves a site of that name already (code 2).
    """
    connection = Connection(wish.node)
    if not wish.folder.exists():
        check_free(wish, registry.sync(connection))
    return clash.find(connection, wish.name, wish.names, wish.default_server, wish.replaces)


def check_free(wish: Wish, hosted: Mapping[str, Instance]) -> None:
    """See that a project that is yet to be made doesn't become the next release of a site that somebody has.

    Raises:
        KraftwerkError: the node serves a site of that name already (code 2).
    """
    other = hosted.get(wish.name)
    if other is not None and other.present:
        cause = f"{wish.node.name} serves {wish.name} already, and an empty project would take its place"
        advice = f"another name; or kraftwerk rmsite {wish.name} --on {wish.node.name} first"
        raise KraftwerkError(cause, next_command=advice, code=2)


def settle(wish: Wish, found: Sequence[Clash], agree: Callable[[Clash], bool]) -> Wish:
    """Return the site with what stands aside for it.

    Args:
        found: from `look`.
        agree: whether something may stand aside; it is asked only where that is all that it takes.

    Raises:
        KraftwerkError: something is in the way and stays there (code 2).
    """
    blocking = [each for each in found if each.blocks]
    if all(each.moves for each in blocking):
        moving = {each.moves: each for each in blocking}
        wish = replace(wish, replaces=tuple(path for path, each in moving.items() if agree(each)))
    clash.refuse([each for each in blocking if each.moves not in wish.replaces], wish.node.name)
    return wish


def create(wish: Wish, *, ask: bool, trust: bool) -> creation.NewProject | None:
    """Make the project's folder, unless an interrupted mksite made it, and have it say where it is served.

    Returns:
        What was made; None where it was there.

    Raises:
        KraftwerkError: as `creation.create`.
    """
    made = None
    if not wish.folder.exists():
        wish.parent.mkdir(parents=True, exist_ok=True)
        record.save(Site(wish.name, wish.node.name, wish.folder))
        try:
            made = creation.create(wish.choice, wish.parent, ask=ask, may_run_code=trust)
        except BaseException:
            if not wish.folder.exists():
                record.forget(wish.name, wish.node.name)
            raise
    _say_where(wish)
    return made


def _say_where(wish: Wish) -> None:
    """Write node, domains and nginx into kraftwerk.yaml, unless that was done; what else it says stays."""
    path = wish.folder / FILE
    text = path.read_text()
    if configtext.find(text, ("nginx_site",)) is not None:
        return
    site = f"layout: {DEBIAN}"
    site += ", default_server: true" if wish.default_server else ""
    site += f", replaces: [{', '.join(wish.replaces)}]" if wish.replaces else ""
    text = configtext.put(text, ("nginx_site",), f"{{{site}}}", as_yaml=True)
    where = f"nodes: [{wish.node.name}]" + (f", domain: [{', '.join(wish.domains)}]" if wish.domains else "")
    text = configtext.put(text, ("environments", "production"), f"{{{where}}}", as_yaml=True)
    project.parse(wish.folder, instead={path: text})
    write_atomic(path, text, path.stat().st_mode & 0o777)


def differs(wish: Wish) -> bool:
    """Tell whether a project that was there says something else of domains and nginx than what is wished for now."""
    said = project.parse(wish.folder).instance("production", wish.node.name)
    return (
        wish.domains not in ((), said.domains)
        or wish.default_server > said.nginx_site.get("default_server", False)
        or not {*wish.replaces} <= {*said.nginx_site.get("replaces", ())}
    )


def release(wish: Wish) -> rollout.Rollout:
    """Deploy the site's first release, or its next one.

    Raises:
        KraftwerkError: a phase failed; the same again goes on.
    """
    here = project.parse(wish.folder)
    run = rollout.Rollout(here, target.resolve(here, "production", wish.node.name))
    deploy.check(run)
    with Tokens() as tokens:
        rollout.go(run, deploy.DEPLOY, tokens)
    return run


def answer(run: rollout.Rollout) -> int:
    """Return the HTTP status that the node's nginx gives for the site; 0 for none."""
    instance = run.instance
    said = run.target.connection.script(PROBE, instance.domains[0], instance.health, check=False).stdout.decode()
    return int(said) if said.isdigit() else 0
