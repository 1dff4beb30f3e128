"""kraftwerk unlock: take a lock of a node away from whoever holds it."""

import click

from kraftwerk import lockbook, screen
from kraftwerk.lockbook import Held
from kraftwerk.options import environment_option, lock_name_option, optional_node_argument, yes_option
from kraftwerk.transport import Connection


@click.command("unlock")
@optional_node_argument
@lock_name_option
@environment_option
@yes_option
def command(node: str | None, name: str | None, environment: str, yes: bool) -> int:
    """Take a lock on NODE away from its holder, after a question that names who that is.

    One that was taken by hand is gone then. Where somebody is at work behind it, what that one runs on the node is
    ended first, and the work stops where it is: a deploy that has not switched leaves the old release serving.
    """
    there, name = lockbook.which(node, name, environment)
    connection = Connection(there)
    taken = lockbook.take_away(connection, name, lambda holder: _ask(holder, yes))
    if not taken:
        screen.say("Nothing was changed.")
        return 1
    # There may be one by hand and one at work, and somebody may have waited for it.
    held = [each.words for each in lockbook.read(connection) if each.name == name]
    screen.say("\n".join(held) or f"{name} on {there.name} is free")
    return 0


def _ask(holder: Held, yes: bool) -> bool:
    screen.say(holder.words)
    by_hand = holder.owner.by_hand
    return screen.confirm("End it?" if by_hand else "Stop that work where it is, and take the lock away?", yes=yes)
