"""kraftwerk env: what is set, and where."""

from dataclasses import asdict

import click
from click.core import ParameterSource

from kraftwerk import screen, settings
from kraftwerk.options import environment_option, json_option


@click.command()
@environment_option
@json_option
@click.pass_context
def command(context: click.Context, environment: str, as_json: bool) -> None:
    """Print every setting in force and where it comes from.

    A flag wins over a KRAFTWERK_ variable, that over the project's files, those over config.yaml, and that over what
    is shipped. Of environ, superusers and keys of your own only the names are printed: kraftwerk config shows the rest.
    """
    sources = {ParameterSource.COMMANDLINE: "--env", ParameterSource.ENVIRONMENT: "KRAFTWERK_ENV"}
    source = sources.get(context.get_parameter_source("environment") or ParameterSource.DEFAULT, settings.SHIPPED)
    found = settings.collect(environment, source)
    if as_json:
        screen.emit_json([asdict(setting) for setting in found])
    else:
        screen.table(("setting", "value", "from"), [(each.name, each.text(), each.source) for each in found])
