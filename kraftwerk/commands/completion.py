"""`kraftwerk completion`: words after the tab key."""

import click
from click.shell_completion import get_completion_class

from kraftwerk.errors import KraftwerkError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(kraftwerk completion bash)" in ~/.bashrc
    zsh:  eval "$(kraftwerk completion zsh)" in ~/.zshrc
    fish: kraftwerk completion fish > ~/.config/fish/completions/kraftwerk.fish
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise KraftwerkError(f"click knows no completion for {shell}")
    root = click.get_current_context().find_root().command
    click.echo(completion(root, {}, "kraftwerk", "_KRAFTWERK_COMPLETE").source())
