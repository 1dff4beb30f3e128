"""kraftwerk reactor: what is pushed goes live, and what goes wrong is told."""

import click

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import json_option


@click.group("reactor")
def command() -> None:
    """Deploy what is pushed, converge new nodes, watch the health of all.

    The reactor is a Salt master that runs as you, on loopback; nothing is installed on the nodes for it.
    """


@command.command()
def start() -> None:
    """Start the reactor in the background."""
    from kraftwerk import admin, reactor

    with screen.step("Starting the reactor") as step:
        step.note = "" if reactor.start() else "it ran already"
    screen.hint(f"Pushes are taken at http://{admin.load().reactor.listen}/push/PROJECT", "kraftwerk reactor status")


@command.command()
def stop() -> None:
    """End the reactor and all that it started."""
    from kraftwerk import reactor

    with screen.step("Stopping the reactor") as step:
        step.note = "" if reactor.stop() else "it wasn't running"


@command.command()
def run() -> None:
    """Run the reactor in the foreground, for systemd or runit."""
    from kraftwerk import reactor

    reactor.run()


@command.command()
@json_option
def status(as_json: bool) -> int:
    """Show whether it runs, and what happened last.

    The exit code is 1 if it doesn't run, or its webhook doesn't answer.
    """
    from kraftwerk import reactorstatus

    found = reactorstatus.look()
    if as_json:
        screen.emit_json(found.as_dict())
        return 0 if found.ok else 1
    for line in found.lines():
        screen.say(line)
    if found.running is None:
        screen.hint("", "kraftwerk reactor start")
    elif not found.config.projects:
        screen.hint("No project is deployed by pushes yet.", "kraftwerk reactor add, in a project")
    return 0 if found.ok else 1


@command.command()
@click.option("--follow", "-f", "following", is_flag=True, help="Go on with each event as it happens.")
@click.option("--lines", "-n", default=20, show_default=True, type=click.IntRange(0), help="How many of the last ones.")
@click.option("--until", metavar="EVENT", help="Go on until this one, such as 'kraftwerk/deploy/*/finished'.")
@json_option
def events(following: bool, lines: int, until: str | None, as_json: bool) -> None:
    """Print what happened, an event in a line."""
    from fnmatch import fnmatchcase
    from itertools import chain

    from kraftwerk import events as journal

    new = journal.follow(wanted=screen.is_read) if following or until else iter(())
    for event in chain(journal.last(lines), new):
        click.echo(event.text() if as_json else event.line())
        if until and fnmatchcase(event.tag, until):
            return


@command.command()
@click.argument("project", required=False)
def test(project: str | None) -> None:
    """Send a signed push and an alert through all stations.

    Nothing is deployed. Without PROJECT: the pushes of all projects.
    """
    from kraftwerk import admin, reactortest

    reactortest.check()
    names = [project] if project else list(admin.load().reactor.projects)
    lost = 0
    for name in names:
        screen.say(f"A push of {name}")
        for station in reactortest.push(name):
            lost += not station.ok
            screen.say(f"  {station.line()}")
    screen.say("An alert")
    for station in reactortest.alert():
        lost += not station.ok
        screen.say(f"  {station.line()}")
    if lost:
        raise KraftwerkError("the test didn't come through", next_command="kraftwerk reactor status")


@command.command()
@click.argument("project", required=False)
@click.option("--repository", metavar="URL", help="What git fetches from.  [default: the project's origin]")
@click.option("--branch", "branches", metavar="BRANCH=ENV", multiple=True, help="Deploy BRANCH to ENV.")
def add(project: str | None, repository: str | None, branches: tuple[str, ...]) -> None:
    """Deploy the pushes of a project from now on.

    In a project all is known: its name, the repository that it was cloned from; its branch goes to production.
    """
    from kraftwerk import reactoradd

    name, source = reactoradd.add(project, repository, branches)
    for branch, environment in source.branches.items():
        screen.say(f"{name}: a push to {branch} of {source.repository} is deployed to {environment}")
    screen.hint(f"Tell the repository's host: {reactoradd.address(name)}", f"kraftwerk reactor secret {name}")


@command.command()
def alert() -> None:
    """Add an address that is told what goes wrong.

    As apprise takes it: mailto://USER:PASSWORD@HOST, json://HOST/PATH and many more. It is asked for, or read from
    standard input, as it may hold a password.
    """
    from kraftwerk import reactoradd

    channel = reactoradd.add_alert(screen.ask_hidden("Address"))
    screen.hint(f"Alerts go to {channel.shown}.", "kraftwerk reactor test")


@command.command()
@click.argument("project")
@click.option("--gitlab", is_flag=True, help="As GitLab takes it for a signing token.")
def secret(project: str, gitlab: bool) -> None:
    """Print the secret that signs the pushes of PROJECT."""
    from kraftwerk import reactor, webhook

    reactor.source(project)
    key = webhook.secret(project)
    click.echo(webhook.gitlab_words(key) if gitlab else webhook.secret_words(key))
