"""`kraftwerk sizes`."""

from dataclasses import asdict

import click

from kraftwerk import account, quote, screen
from kraftwerk.options import json_option, provider_argument


@click.command()
@provider_argument
@json_option
def command(provider: str, as_json: bool) -> None:
    """List the sizes that a cloud has machines in, the cheapest first.

    The first column is what `create-node --size` takes in short. Prices are what libcloud knows of them: US dollars
    before tax, without traffic and storage that is charged apart.
    """
    chosen = account.get(provider)
    with screen.working(f"Asking {provider}"):
        found = quote.sizes(chosen)
    if as_json:
        screen.emit_json([asdict(each) for each in found])
        return
    rows = [
        (
            ", ".join(each.names),
            each.size,
            str(each.cores or "-"),
            f"{each.memory / 1024:.3g} GB" if each.memory else "-",
            f"{each.disk} GB" if each.disk else "-",
            f"${each.price * quote.HOURS:.2f}" if each.price is not None else "-",
        )
        for each in found
    ]
    screen.table(("name", "size", "cores", "memory", "disk", "a month"), rows)
