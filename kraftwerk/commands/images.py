"""`kraftwerk images`."""

import click

from kraftwerk import account, cloudapi, offer, screen
from kraftwerk.options import json_option, provider_argument


@click.command()
@provider_argument
@click.argument("pattern", required=False)
@json_option
def command(provider: str, pattern: str | None, as_json: bool) -> None:
    """List the images that a cloud makes machines from, the newest last.

    PATTERN is a part of their names, or has `*` in it and is the whole name, as a profile gives it. A profile takes
    the newest image that matches its own, so that new machines have new images.

    \b
    kraftwerk images ec2 'debian-12-amd64-*'
    """
    chosen = account.get(provider)
    whole = pattern if not pattern or "*" in pattern else f"*{pattern}*"
    with screen.working(f"Asking {provider}"):
        found = offer.images(cloudapi.connect(provider, chosen.settings), whole or "")
    rows = [(str(each.name), str(each.id)) for each in found if not whole or offer.matches(whole, offer.names_of(each))]
    if as_json:
        screen.emit_json([{"name": name, "id": ident} for name, ident in rows])
    elif rows:
        screen.table(("image", "id"), sorted(rows))
    else:
        screen.say(f"{provider} has no image that matches {pattern}." if pattern else f"{provider} lists no images.")
