"""`kraftwerk create-node`."""

import click

from kraftwerk import admin, foreignserver, here, hosts, local, localbase, machine, progress, provider, screen
from kraftwerk.account import Account
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import HERE, Node, pinned_host_keys
from kraftwerk.options import complete_runners, yes_option
from kraftwerk.transport import Connection

OF = {"release": "local", "host": "ssh", "host_key": "ssh"} | dict.fromkeys(("size", "image", "location"), "a cloud")


@click.command()
@click.argument("name")
@click.option(
    "--provider",
    "who",
    metavar="NAME",
    shell_complete=complete_runners,
    help="Who runs the node: local (a node inside this computer), ssh (a server), here (this computer itself), "
    "or a cloud that was added.",
)
@click.option(
    "--size", default="", help="The size of a cloud's machine: small, medium, large, or the cloud's own name."
)
@click.option(
    "--image", default="", metavar="PATTERN", help="The image of a cloud's machine, instead of the profile's."
)
@click.option("--location", default="", metavar="NAME", help="Where the cloud makes it.")
@click.option("--release", type=click.Choice(localbase.RELEASES), help="The Debian release of a local node.")
@click.option("--host", metavar="ADDRESS", help="The address of an existing Debian server to adopt; implies ssh.")
@click.option("--port", default=22, show_default=True, help="The port of its sshd.")
@click.option("--user", default="root", show_default=True, help="The user to log in as; must be root by its rights.")
@click.option("--host-key", metavar="SHA256:…", help="The fingerprint that its host key must have.")
@click.option("--hosts/--no-hosts", "to_hosts", default=None, help="Whether to add the name to /etc/hosts.")
@yes_option
def command(
    name: str,
    who: str | None,
    size: str,
    image: str,
    location: str,
    release: str | None,
    host: str | None,
    port: int,
    user: str,
    host_key: str | None,
    to_hosts: bool | None,
    yes: bool,
) -> None:
    """Create a node with root SSH access.

    A local node is a real Debian server on this computer, ready in a second or two; the first one takes longer.
    With --provider ssh, a Debian server that exists is adopted by its address. With the name of a cloud (`kraftwerk
    providers add`), a machine is rented there; if that is interrupted, the same command finishes it.

    \b
    kraftwerk create-node blue --provider local
    kraftwerk create-node web1 --provider ssh --host 192.0.2.7
    kraftwerk create-node web2 --provider ec2 --size small
    """
    config = admin.ensure()
    who = who or ("ssh" if host else config.provider)
    _check_options(who, release=release, host=host, host_key=host_key, size=size, image=image, location=location)
    if who == "local":
        node = _create(name, release or config.local.release)
    elif who == HERE:
        here.register(name)
        screen.hint(f"This computer is the node {name} now.", "kraftwerk mksite django mysite")
        return
    elif who == "ssh":
        if not host:
            raise KraftwerkError("--provider ssh needs the server's address: --host ADDRESS", code=2)
        node = _adopt(Node(name=name, host=host, provider="ssh", user=user, port=port), host_key, yes)
    else:
        node = _rent(name, provider.get_account(who), (size, image, location), yes)
    if to_hosts is None:
        to_hosts = {"always": True, "never": False}.get(config.hosts)
    _offer_hosts(node, to_hosts, yes)
    screen.hint("root SSH access is now ready.", "kraftwerk init mysite --template django")


def _check_options(who: str, **given: str | None) -> None:
    """Refuse options that mean nothing to a provider, instead of passing over them."""
    kind = who if who in provider.PROVIDERS else "a cloud"
    for option, value in given.items():
        if value and OF[option] != kind:
            raise KraftwerkError(f"--{option.replace('_', '-')} is for {OF[option]}, not for {who}", code=2)


def _create(name: str, release: str) -> Node:
    local.check()
    local.check_free(name)
    if not localbase.base_path(release).is_dir():
        with screen.step(f"Making the base of local nodes ({localbase.title(release)}), once"):
            local.make_base(release)
    with screen.step(f"Creating local node {name} ({localbase.title(release)})"):
        node = provider.create_local(name, release)
    with screen.step("Waiting for node") as step:
        Connection(node).check()
        step.note = f"host key {foreignserver.fingerprint(machine.host_key(name))} pinned"
    return node


def _rent(name: str, account: Account, wanted: tuple[str, str, str], yes: bool) -> Node:
    """Rent a machine in a cloud, after showing what it is and costs; go on with one that was begun."""
    from kraftwerk import quote, rental  # with libcloud, which only those wait for who have a cloud

    local.check_free(name)
    with screen.working(f"Asking {account.alias}"):
        begun = rental.resumed(name, account)
        found = None if begun else quote.quote(account, *wanted)
    if begun:
        screen.say(f"The creation of {name} was interrupted: its machine {begun.machine_id} is finished now.")
    if found:
        screen.say(f"Plan for {name} at {account.alias}\n{found.text()}")
        if not screen.confirm("Create?", yes=yes):
            raise KraftwerkError(f"{name} was not created", next_command="--yes answers for scripts")
    profile, overrides = (found.profile, found.overrides) if found else (begun.profile if begun else "", {})
    with screen.step(f"Creating {name} at {account.alias}") as step, progress.told_to(step.progress):
        node = provider.create_rented(name, account.alias, profile, overrides)
        step.note = f"{node.host}, host key {foreignserver.fingerprint(pinned_host_keys(node)[0])} pinned"
    return node


def _adopt(node: Node, wanted: str | None, yes: bool) -> Node:
    foreignserver.check_free(node)
    keys = foreignserver.scan(node.host, node.port, wanted or "")
    shown = wanted or next(iter(keys))
    if shown not in keys:
        raise KraftwerkError(f"{node.host} shows another host key than {shown}: {', '.join(keys)}")
    if not wanted and not screen.confirm(f"{node.host} shows the host key {shown}. Is it the right one?", yes=yes):
        raise KraftwerkError("the host key was not accepted", next_command=f"--host-key {shown} accepts it in scripts")
    with screen.step(f"Adopting {node.name} ({node.host})") as step:
        adopted = foreignserver.adopt(node, keys[shown])
        step.note = f"host key {shown} pinned"
    return adopted


def _offer_hosts(node: Node, wanted: bool | None, yes: bool) -> None:
    if node.name == node.host or node.name in hosts.entries().get(node.host, ()):
        return
    if wanted is None:
        wanted = screen.confirm(f'Add "{node.host} {node.name}" to /etc/hosts?', yes=yes)
    if wanted:
        hosts.add(node.host, [node.name])
