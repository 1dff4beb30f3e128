"""kraftwerk why: what stands between a visitor and the site's answer."""

import click

from kraftwerk import project, screen
from kraftwerk.options import complete_nodes, environment_option, json_option
from kraftwerk.why import case
from kraftwerk.why.case import Step
from kraftwerk.why.walk import walk


@click.command("why")
@click.argument("url", required=False)
@click.option(
    "--node", "nodes", metavar="NODE", multiple=True, shell_complete=complete_nodes, help="There only; may be repeated."
)
@environment_option
@json_option
def command(url: str | None, nodes: tuple[str, ...], environment: str, as_json: bool) -> int:
    """Find out why the site, or one that answers to URL, does not answer as it should.

    The way of a request is gone step by step: name, port, certificate, nginx, socket, gunicorn, the application's
    import, its services, the answer, the style sheets and scripts that a page names. It stops at the first break, with
    the cause and the next command; the exit code is 1 then. Nothing is changed.
    """
    cases = case.of_url(url, nodes) if url else case.of_project(project.find(), environment, nodes)
    found = []
    for each in cases:
        if not as_json:
            screen.say(f"{each.url} on {each.node.name}")
        steps = []
        for step in walk(each):
            steps.append(step)
            for line in [] if as_json else _lines(step):
                screen.say(line)
        ok = all(step.ok for step in steps)
        found.append({"url": each.url, "node": each.node.name, "ok": ok, "steps": [step.as_dict() for step in steps]})
    if as_json:
        screen.emit_json(found)
    return int(not all(each["ok"] for each in found))


def _lines(step: Step) -> list[str]:
    mark = click.style("✓", fg="green") if step.ok else click.style("✗", fg="red")
    told = [f"{mark} {step.name:<11} {step.seconds:6.2f}s  {step.text}", *(f"    {line}" for line in step.lines)]
    return told if step.ok or not step.next_command else [*told, f"→ {step.next_command}"]
