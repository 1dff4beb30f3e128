"""`kraftwerk sizes`."""

from dataclasses import asdict
from fnmatch import fnmatchcase

import click

from kraftwerk import account, quote, screen
from kraftwerk.options import json_option, provider_argument

MANY = 40  # sizes that are still a table which somebody reads


@click.command()
@provider_argument
@click.argument("pattern", required=False)
@json_option
def command(provider: str, pattern: str | None, as_json: bool) -> None:
    """List the sizes that a cloud has machines in, the cheapest first.

    The first column is what `create-node --size` takes in short; where there are many sizes, only those with such a
    name are listed, unless a PATTERN is given. Prices are what libcloud knows of them: US dollars before tax, without
    traffic and storage that is charged apart.

    \b
    kraftwerk sizes ec2 'm7a.*'
    """
    chosen = account.get(provider)
    with screen.working(f"Asking {provider}"):
        found = quote.sizes(chosen)
    shown = [each for each in found if not pattern or fnmatchcase(each.size.lower(), pattern.lower())]
    if as_json:
        screen.emit_json([asdict(each) for each in shown])
        return
    if not shown:
        screen.hint(f"{provider} has no size that matches {pattern or '*'}.", f"kraftwerk sizes {provider}")
        return
    named = [each for each in shown if each.names]
    if not pattern and named and len(shown) > MANY:
        shown = named
    _table(shown)
    if not pattern and len(shown) < len(found):
        screen.hint(f"{len(shown)} of {len(found)} sizes.", f"kraftwerk sizes {provider} '*'")


def _table(found: list[quote.Size]) -> None:
    rows = [
        (
            ", ".join(each.names),
            each.size,
            str(each.cores or "-"),
            f"{each.memory / 1024:.3g} GB" if each.memory else "-",
            f"{each.disk} GB" if each.disk else "-",
            quote.monthly(each.price),
        )
        for each in found
    ]
    screen.table(("name", "size", "cores", "memory", "disk", "a month"), rows)
