"""kraftwerk open: the site in the browser."""

import click

from kraftwerk import browser, project, screen, target
from kraftwerk.options import environment_option, optional_node_argument


@click.command("open")
@optional_node_argument
@environment_option
def command(node: str | None, environment: str) -> None:
    """Open the site in the browser, and print its address; where there is no browser, only that."""
    there = target.deployed(project.find(), environment, node, by="kraftwerk open NODE")
    screen.say(there.instance.url)
    browser.show(there.instance.url)
