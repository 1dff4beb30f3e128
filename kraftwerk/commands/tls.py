"""kraftwerk tls: what certificates of sites come from."""

import click

from kraftwerk import admin, authority, screen
from kraftwerk.options import json_option


@click.group("tls")
def command() -> None:
    """Serve sites by https.

    `tls: auto` or `tls: internal` in kraftwerk.yaml turns it on with the next deploy; the node renews what it has by
    itself.
    """
    admin.ensure()


@command.command()
@click.option("--path", "only_path", is_flag=True, help="Print nothing but the certificate's file.")
@json_option
def ca(only_path: bool, as_json: bool) -> None:
    """Print where your own authority's certificate is, and how browsers are told of it.

    The authority signs the certificates of sites with `tls: internal`; it is made when it is first needed. Its key
    stays on this computer.
    """
    found, file = authority.get(), authority.certificate_file()
    if only_path:
        click.echo(file)
    elif as_json:
        screen.emit_json({"certificate": str(file), "fingerprint": found.fingerprint, "until": found.until})
    else:
        screen.say(f"{file}   good until {found.until}")
        screen.say(f"SHA-256 {found.fingerprint}")
        for program, how in authority.told(file):
            screen.say(f"  {program:16}  {how}")
