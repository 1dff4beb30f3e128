"""The balancer of an environment: the web node whose nginx leads visitors to all of them, itself among them.

Which of the others it leads to stands in files on it (remote/balance.sh). A deploy puts a node in, when its release is
live; who stops or removes one takes it out before, and waits for what is open there.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from kraftwerk import gate, gaterule, registry, route, screen, service
from kraftwerk.deployment import Environment
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node, all_nodes, get_node
from kraftwerk.project import Project
from kraftwerk.remote import script
from kraftwerk.service import NODE, URL
from kraftwerk.site import layout
from kraftwerk.transport import Connection

IN, BACK, OUT, GONE, ONLY, LIST = "in", "back", "out", "gone", "only", "list"  # what balance.sh is told
NONE = 3  # its exit code where the site has no balancer on that node


@dataclass(frozen=True)
class Member:
    """A web node that a balancer leads visitors to, or not for the moment: `out`."""

    node: str
    out: bool


def check(project: Project, environment: str) -> None:
    """See that a balancer may lead a project's visitors to any of its nodes.

    Raises:
        KraftwerkError: the balancer isn't known, or each node would have data of its own (code 2).
    """
    block = project.environments.get(environment, Environment())
    if not block.balancer:
        return
    get_node(block.balancer)
    given, where = project.deployment(environment), f"environments.{environment}.balancer"
    if given.nginx_site.get("layout") == layout.DEBIAN:
        cause = f"{where}: nginx_site.layout is {layout.DEBIAN}, and a balancer needs kraftwerk's own"
        how = f"kraftwerk config unset nginx_site.layout --env {environment}"
        raise KraftwerkError(cause, next_command=how, code=2)
    for name, options in given.services.items() if len(block.nodes) > 1 else ():
        if not (options.get(NODE) or options.get(URL)):
            cause = f"services.{name}: each of {', '.join(block.nodes)} has its own, and {where} leads visitors to any"
            raise KraftwerkError(cause, next_command=_shared(name, project, environment), code=2)


def _shared(name: str, project: Project, environment: str) -> str:
    """Return how a service is had once for all nodes."""
    takes = service.takes(name, project.root)
    for option, meaning in {NODE: "db1", URL: "--secret"}.items():
        if option in takes:
            return f"kraftwerk config set services.{name}.{option} {meaning} --env {environment}"
    return f"take {name} out of services (a bucket, or a service with `node`, is for all of them), or name one node"


def arranged(instance: Instance, node: Node, hosted: Mapping[str, Instance]) -> Instance:
    """Return an instance with the addresses that its balancers come from, as its node sees them.

    That is the one which kraftwerk.yaml names, and the one before it for as long as visitors still come there.

    Args:
        hosted: the node's instances, as it has them.

    Raises:
        KraftwerkError: the balancer can't be reached, or finds no way to the node.
    """
    if not instance.balancer:
        return instance
    there = hosted.get(instance.name)
    known: Mapping[str, str] = there.balancer.get("from", {}) if there else {}
    found = {name: address for name, address in known.items() if name != node.name and _balances(name, instance.name)}
    if instance.behind:
        found[instance.behind] = route.address(_there(instance), _host(instance, node), _way(instance, node))
    return replace(instance, balancer={**instance.balancer, "from": found})


def _balances(node_name: str, name: str) -> bool:
    node = all_nodes().get(node_name)
    there = registry.instances(node).get(name) if node else None
    return there is not None and there.present and there.balances


def _there(instance: Instance) -> Connection:
    return Connection(get_node(instance.behind))


def _host(instance: Instance, node: Node) -> str:
    return str(instance.balancer.get("host") or node.host)


def _way(instance: Instance, node: Node) -> str:
    port, key = instance.balancer["port"], f"environments.{instance.environment}.hosts.{node.name}"
    return f"open port {port} between them, or {key}: the address by which {instance.behind} reaches it"


def enter(instance: Instance, node: Node) -> bool:
    """Have the balancer lead visitors to a node, as soon as that answers it well; tell whether it didn't before.

    Raises:
        KraftwerkError: a node can't be reached, or the balancer gets no good answer.
    """
    return _enter(IN, instance, node)


def back(node: Node, instances: Iterable[Instance]) -> list[str]:
    """Have balancers lead visitors to a node again that was out; return a line for each site where that failed."""
    failed = []
    for instance in _led(instances):
        try:
            _enter(BACK, instance, node)
        except KraftwerkError as error:
            how = error.next_command or f"kraftwerk highstate {node.name}"
            failed.append(f"{instance.name}: {error.cause} → {how}")
    return failed


def _enter(word: str, instance: Instance, node: Node) -> bool:
    rule = gaterule.of(instance)
    asked = gate.words(gaterule.url(instance, rule), rule)
    server = (_host(instance, node), str(instance.balancer["port"]))
    patience = rule.within + rule.each + 60
    arguments = (word, instance.name, node.name, *server, *asked)
    done = _there(instance).script(script("balance"), *arguments, timeout=patience, check=False)
    if done.returncode == NONE:  # it will be, and takes in who is there by then (settle)
        words = f"{instance.behind} does not balance {instance.name} yet, and leads nobody to {node.name}"
        screen.warn(f"{words} → kraftwerk deploy {instance.behind}")
        return False
    if done.returncode:
        cause = f"{instance.behind} leads nobody to {node.name}: {done.stderr.decode(errors='replace').strip()}"
        raise KraftwerkError(cause, next_command=_way(instance, node))
    return bool(done.stdout.strip())


def take_out(node: Node, *, gone: bool = False) -> None:
    """Have balancers lead nobody to a node any more, and wait for what is open there; what fails is a warning.

    Args:
        gone: for good; else it is remembered, and who starts or converges the node puts it in again.
    """
    with suppress(KraftwerkError):  # it may have been lost: what was known of it last must do
        registry.sync(Connection(node))
    for instance in _led(registry.instances(node).values()):
        try:
            leave(instance, node, gone=gone)
        except KraftwerkError as error:
            screen.warn(f"{instance.behind} still leads visitors of {instance.name} to {node.name}: {error.cause}")


def leave(instance: Instance, node: Node, *, gone: bool) -> None:
    """Do the same for one site of the node; nothing where no other node of ours leads visitors to it.

    Raises:
        KraftwerkError: the balancer can't be reached, or its nginx refuses.
    """
    if not [*_led([instance])]:
        return
    words = (GONE if gone else OUT, instance.name, node.name, str(instance.drain))
    done = _there(instance).script(script("balance"), *words, timeout=instance.drain + 60, check=False)
    if done.returncode not in (0, NONE):
        raise KraftwerkError(done.stderr.decode(errors="replace").strip())


def _led(instances: Iterable[Instance]) -> Iterator[Instance]:
    """Yield those that another node of ours leads visitors to."""
    known = all_nodes()
    yield from (each for each in instances if each.present and each.behind in known)


def consequence(instances: Iterable[Instance]) -> str:
    """Return what it means that a node goes which leads visitors to other web nodes; empty where it does not."""
    names = [name for each in instances if each.present and each.balances for name in each.domains]
    return f"It is the balancer of {', '.join(names)}: nobody answers there then." if names else ""


def has_visitors(node: Node) -> bool:
    """Tell whether a balancer leads visitors to a node, as far as is known here."""
    return bool([*_led(registry.instances(node).values())])


def members(connection: Connection, name: str) -> dict[str, Member]:
    """Return the web nodes beside itself that a balancer knows, by name; nothing where it isn't one.

    Raises:
        KraftwerkError: it can't be reached.
    """
    done = connection.script(script("balance"), LIST, name, check=False)
    lines = (line.split("\t") for line in done.stdout.decode().splitlines())
    return {node: Member(node, word == OUT) for node, word in lines}


def planned(instance: Instance, node: Node, nodes: Iterable[str], hosted: Mapping[str, Instance]) -> str:
    """Return in words what `settle` would change, for a plan.

    Args:
        nodes: that kraftwerk.yaml names; hosted: the node's instances, as it has them.

    Raises:
        KraftwerkError: the balancer can't be reached.
    """
    there = hosted.get(instance.name)
    if not instance.balances:
        known = members(_there(instance), instance.name) if instance.behind else {}
        led = node.name in known and not known[node.name].out
        comes = f"{instance.behind} leads visitors here, as soon as the release is live"
        return comes if instance.behind and not led else ""
    if there is None or not there.balances:
        return f"{node.name} leads visitors to all web nodes"
    gone = [name for name in members(Connection(node), instance.name) if name not in nodes]
    return f"{node.name} leads nobody to {', '.join(gone)} any more" if gone else ""


def settle(instance: Instance, node: Node, nodes: Iterable[str]) -> str:
    """Have visitors led to a node that was deployed to, and from the balancer to none that isn't named any more.

    The balancer itself, when it is deployed to, takes in those that were deployed before it was one.

    Args:
        nodes: that kraftwerk.yaml names.

    Returns:
        What changed, in words.

    Raises:
        KraftwerkError: as `enter`.
    """
    if instance.behind:
        return f"{instance.behind} leads visitors here" if enter(instance, node) else ""
    done = Connection(node).script(script("balance"), ONLY, instance.name, *nodes)
    left = done.stdout.decode().split()
    came = []
    for each, there in _waiting(instance, node, nodes):
        try:
            came += [there.name] if enter(each, there) else []
        except KraftwerkError as error:
            screen.warn(error.cause)
    changed = {"in": came, "out": left}
    return ", ".join(f"{', '.join(names)} {word}" for word, names in changed.items() if names)


def _waiting(instance: Instance, node: Node, nodes: Iterable[str]) -> Iterator[tuple[Instance, Node]]:
    """Yield what was deployed behind a balancer that doesn't know it yet; what is out of it was taken out."""
    known, there = all_nodes(), members(Connection(node), instance.name)
    for other in (known[name] for name in nodes if name in known and name not in (node.name, *there)):
        each = registry.instances(other).get(instance.name)
        if each and each.present and each.behind == node.name:
            yield each, other
