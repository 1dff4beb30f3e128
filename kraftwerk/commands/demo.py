"""`kraftwerk demo`: the first ten minutes, shown."""

import time

import click

from kraftwerk import demo, screen, trash


@click.command()
@click.option("--clean", is_flag=True, help="Remove everything that the demo made.")
def command(clean: bool) -> None:
    """Show the first ten minutes on two local nodes.

    Prints each kraftwerk command and runs it: a node, a Django project, a deployment, a dump, and the same site on a
    second node. All in a folder of its own: your configuration and your nodes are left alone.
    """
    if clean:
        found = demo.clean()
        trash.wait()  # so that no process of ours is left, either
        screen.say("everything of the demo is removed" if found else "there is nothing of the demo here")
        return
    start = time.monotonic()
    url, times = demo.run()
    screen.say()
    screen.table(("command", "seconds"), [(words[:72], f"{seconds:6.1f}") for words, seconds in times])
    screen.say(f"\nThe site is live after {time.monotonic() - start:.0f} s: {url}")
    screen.say(f"Its folder is {demo.home() / demo.PROJECT}; this removes everything again: kraftwerk demo --clean")
