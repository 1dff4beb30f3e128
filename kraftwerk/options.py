"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
yes_option: Decorator = click.option("--yes", "-y", is_flag=True, help="Answer every question with yes, for scripts.")
environment_option: Decorator = click.option(
    "--env", "environment", default="production", show_default=True, envvar="KRAFTWERK_ENV", help="The environment."
)
