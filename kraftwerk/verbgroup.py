"""Groups of commands of which one is meant where none is named: `kraftwerk backup blue` makes a backup."""

from typing import Any

import click

from kraftwerk.node import all_nodes


class VerbGroup(click.Group):
    """A group that takes a node, or options, or nothing at all for its most usual command.

    Attributes:
        usual: the name of that command.
    """

    def __init__(self, *arguments: Any, usual: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.usual = usual

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the usual command where no command is named; a word that is no node stays a mistake."""
        named = any(word in self.commands for word in args) or args[:1] in (["-h"], ["--help"])
        if not named and (not args or args[0].startswith("-") or args[0] in all_nodes()):
            args = [self.usual, *args]
        return super().parse_args(ctx, args)
