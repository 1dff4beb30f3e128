"""kraftwerk inspect: what do the services hold?"""

import time

import click

from kraftwerk import inspection, project, screen, target
from kraftwerk.node import all_nodes
from kraftwerk.options import complete_services, environment_option, json_option, optional_node_argument

ALL = 20  # parts that a service names at most


@click.command("inspect")
@click.argument("service", required=False, shell_complete=complete_services)
@optional_node_argument
@environment_option
@json_option
def command(service: str | None, node: str | None, environment: str, as_json: bool) -> int:
    """Show what the project's services hold: tables, keys, docs, files, and how they have grown.

    Growth is counted from the last dump. With SERVICE more of its largest parts. The exit code is 1 if a service
    doesn't answer.
    """
    here = project.find()
    if service and not node and service in all_nodes() and service not in here.deployment(environment).services:
        service, node = None, service  # `kraftwerk inspect blue`
    began = time.monotonic()
    with screen.working("Looking") as step:
        there = target.deployed(here, environment, node, by=f"kraftwerk inspect {f'{service} ' if service else ''}NODE")
        step.progress(f"{there.instance.name} on {there.node.name}")
        found = inspection.look(there, (service,) if service else ())
    if as_json:
        screen.emit_json(found.as_dict())
    else:
        seconds = time.monotonic() - began
        screen.say(f"{found.instance} on {found.node} ({found.environment})     looked in {seconds:.1f}s")
        for line in found.lines(ALL if service else inspection.SHOWN):
            screen.say(line)
    return 1 if any(held.error for held in found.services) else 0
