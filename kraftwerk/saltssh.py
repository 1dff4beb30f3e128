"""Calls of Salt's functions on a node, whichever way they go there: by the engine, by stock salt-ssh, or right here."""

import os
from typing import Any

from kraftwerk import saltcall, saltway
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.process import OnLine
from kraftwerk.transport import stock


def prepare(node: Node) -> None:
    """Import what a call needs, in the background, while something else is waited for."""
    if not node.is_here and not saltway.is_stock():
        from kraftwerk.transport import saltinternals

        saltinternals.warm_meanwhile()


def call(
    node: Node,
    function: str,
    *arguments: Any,
    on_line: OnLine | None = None,
    options: dict[str, Any] | None = None,
    **keywords: Any,
) -> Any:
    """Call an execution function of Salt on a node and return what it returns.

    Args:
        function: such as `test.ping` or `kw_postgres.inspect`.
        arguments, keywords: its arguments; they show in the node's process list, so no secret goes here.
        on_line: is called with each line that Salt logs on the node while it runs.
        options: settings laid over the generated master configuration.

    Raises:
        KraftwerkError: the node can't be reached, or the function is unknown, raised, or returned an error.
    """
    value, code = execute(node, function, *arguments, on_line=on_line, options=options, exact=True, **keywords)
    if code and not _is_state_return(value):
        raise KraftwerkError(f"{node.name}: {function} failed: {saltcall.reason(value)}")
    return value


def execute(
    node: Node,
    function: str,
    *arguments: Any,
    on_line: OnLine | None = None,
    options: dict[str, Any] | None = None,
    exact: bool = False,
    **keywords: Any,
) -> tuple[Any, int]:
    """Do as `call`, but return the value together with Salt's exit code, and read arguments as on a command line.

    Args:
        exact: let arguments arrive as they are; else Salt takes them for YAML and `NAME=VALUE` for a keyword.
    """
    old_umask = os.umask(0o077)
    try:
        if node.is_here:
            return saltcall.execute(node, function, arguments, keywords, options or {}, exact=exact, on_line=on_line)
        if saltway.is_stock():
            return stock.execute(node, function, arguments, keywords, options or {}, exact=exact)
        from kraftwerk.transport import saltinternals

        return saltinternals.execute(node, function, arguments, keywords, options or {}, exact=exact, on_line=on_line)
    finally:
        os.umask(old_umask)


def _is_state_return(value: Any) -> bool:
    """Tell whether it is the result of states: a failed state is for the caller to show."""
    return isinstance(value, dict) and bool(value) and all("_|-" in str(key) for key in value)
