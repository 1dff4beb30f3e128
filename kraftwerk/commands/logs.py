"""kraftwerk logs: what the project's processes printed."""

import json

import click

from kraftwerk import logs, logstream, moment, project, screen
from kraftwerk.fleet import choice
from kraftwerk.logs import Query, Record
from kraftwerk.options import environment_option, json_option, nodes_argument


@click.command("logs")
@nodes_argument
@environment_option
@click.option("--follow", "-f", is_flag=True, help="Go on, until Ctrl-C.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(0),
    metavar="N",
    help="The last N of all; a traceback counts as one.  [default: 20, with --since all]",
)
@click.option(
    "--process",
    "processes",
    metavar="P",
    multiple=True,
    help="web, nginx, a worker, cron or cron.JOB; may be repeated. All, if not given.",
)
@click.option("--since", metavar="WHEN", help="From then on: 30m, 1h, 2d, or a date with a time or without.")
@click.option("--grep", metavar="REGEX", default="", help="What says this; a traceback as a whole.")
@json_option
def command(
    nodes: tuple[str, ...],
    environment: str,
    follow: bool,
    lines: int | None,
    processes: tuple[str, ...],
    since: str | None,
    grep: str,
    as_json: bool,
) -> int:
    """Show the logs of web, workers, cron jobs and nginx, in order of time.

    Of all the project's nodes, or of each NODE. Releases don't matter: it goes on over deploys.
    """
    start = moment.parse(since) if since else 0.0
    lines = logs.LINES if lines is None and not since else lines
    query = Query(processes, start, lines, grep, follow)
    targets = choice.deployed(project.find(), environment, nodes, by="kraftwerk logs NODE")
    logs.check([each.instance for each in targets], query)
    named = max(len(each.node.name) for each in targets) if len(targets) > 1 else 0
    wide = len(logs.NGINX)

    def show(record: Record) -> None:
        nonlocal wide
        wide = max(wide, len(record.process))
        for line in [json.dumps(record.as_dict())] if as_json else record.lines(named, wide):
            click.echo(screen.harmless(line))

    streams = logstream.opened(targets, query)
    try:
        return logstream.run(streams, query, show) or int(len(streams) < len(targets))
    finally:
        for stream in streams:
            stream.stop()
