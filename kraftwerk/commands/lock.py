"""kraftwerk lock: show who holds which lock of a node, or take one by hand."""

import click

from kraftwerk import lock, lockbook, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.lockbook import Held
from kraftwerk.options import environment_option, json_option, lock_name_option, optional_node_argument
from kraftwerk.transport import Connection


@click.command("lock")
@optional_node_argument
@lock_name_option
@environment_option
@click.option("--message", "-m", metavar="WHY", help="Take the lock, and say why to those who find it taken.")
@click.option("--minutes", metavar="N", type=click.IntRange(1), help="With --message: it ends by itself after that.")
@click.option("--wait", metavar="SECONDS", type=int, default=3, help="With --message: wait for who holds it.")
@json_option
def command(
    node: str | None,
    name: str | None,
    environment: str,
    message: str | None,
    minutes: int | None,
    wait: int,
    as_json: bool,
) -> None:
    """Show who holds locks on NODE; with --message, take one by hand.

    A deploy, rollback, load, migrate or highstate holds a lock while it runs, and no longer, however it ends. One that
    is taken by hand keeps all of them away until `kraftwerk unlock`, over reboots, too: for as long as somebody works
    on the node. In a project it is the project's lock, else the whole node's.
    """
    there, name = lockbook.which(node, name, environment)
    connection = Connection(there)
    if message is not None:
        if not message.strip():
            raise KraftwerkError("--message needs some words", code=2)
        held = lockbook.keep(connection, name, " ".join(message.split()), 60 * (minutes or 0), wait)
        return _taken(held, as_json)
    if minutes is not None:
        raise KraftwerkError("--minutes goes with --message", code=2)
    found = lockbook.read(connection)
    if as_json:
        return screen.emit_json([each.as_dict() for each in found])
    for each in found:
        screen.say(each.words)
    if not found:
        screen.hint(f"nobody holds a lock on {there.name}", f"kraftwerk lock {there.name} --message WHY")
    return None


def _taken(held: Held, as_json: bool) -> None:
    if as_json:
        return screen.emit_json(held.as_dict())
    screen.say(held.words)
    screen.say(f"  to work behind it: export {lock.VARIABLE}={held.ticket}")
    screen.say(f"  to end it: kraftwerk unlock {held.node} --name {held.name}")
    return None
