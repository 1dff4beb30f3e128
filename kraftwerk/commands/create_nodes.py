"""`kraftwerk create-nodes`."""

from pathlib import Path

import click

from kraftwerk import admin, cloud, nodemap, quote, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import yes_option


@click.command()
@click.argument("map_file", metavar="MAP", type=click.Path(path_type=Path))
@yes_option
def command(map_file: Path, yes: bool) -> None:
    """Create the nodes of a salt-cloud map in clouds, all at the same time.

    The map has profiles with the names of nodes, such as `ec2-small: [web1, web2]`. Nodes that exist are left alone,
    interrupted ones are finished. The exit code is 1 when one of them failed; the same command goes on.
    """
    admin.ensure()
    wanted = nodemap.missing(nodemap.read(map_file))
    if not wanted:
        screen.say("All of them exist.")
        return
    with screen.working("Asking the clouds"):
        found = nodemap.quotes(wanted)
    _show(wanted, found)
    if not screen.confirm(f"Create {len(wanted)}?", yes=yes):
        raise KraftwerkError("nothing was created", next_command="--yes answers for scripts")
    with screen.step(f"Creating {', '.join(each.name for each in wanted)}") as step:
        failed = {name: why for name, why in cloud.create_map(map_file).items() if why}
        step.note = f"{len(wanted) - len(failed)} ready" if failed else ""
    if failed:
        causes = "\n".join(f"{name}: {why}" for name, why in sorted(failed.items()))
        raise KraftwerkError(causes, next_command="kraftwerk nodes --orphans")
    screen.hint("root SSH access is now ready.", "kraftwerk nodes")


def _show(wanted: list[nodemap.Wanted], found: list[quote.Quote]) -> None:
    rows = [
        (each.name, that.where, that.size.size, that.size.text(), that.image, quote.monthly(that.size.price))
        for each, that in zip(wanted, found, strict=True)
    ]
    screen.table(("node", "place", "size", "", "image", "a month"), rows)
    prices = [that.size.price for that in found]
    known = [price for price in prices if price is not None]
    if known:
        rest = f", and {len(prices) - len(known)} whose price is not known here" if len(known) < len(prices) else ""
        screen.say(f"{quote.monthly(sum(known))} a month, before tax{rest}")
