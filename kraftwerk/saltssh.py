"""salt-ssh in this process, over the multiplexed connection. All that leans on Salt's non-public parts is here.

Against the stock program it changes four things (docs/decisions): programs run as plain subprocesses instead of
in an emulated terminal that polls; the node's checksum decides whether the custom modules are sent; Salt's progress
arrives line by line while it runs; and the archive with the pillar is removed afterwards, from the node and from here.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kraftwerk import process, saltcall, saltconf, saltway
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.paths import private
from kraftwerk.process import OnLine
from kraftwerk.transport import UNREACHABLE, Connection, stock, unreachable

JOB_KEYS = {"return", "retcode", "jid", "id", "fun", "fun_args", "success", "out"}
EXTMODS = "running_data/var/cache/salt/minion/extmods"  # below the node's salt_folder


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
        with _patched(node, on_line):
            return _run(_single(node, function, arguments, keywords, options or {}, exact))
    finally:
        os.umask(old_umask)


def _single(node: Node, function: str, arguments: Any, keywords: Any, options: dict[str, Any], exact: bool) -> Any:
    """Return Salt's own object for one call on one node.

    Salt reads arguments as YAML on the node; `exact` quotes them, so that they arrive with their type and content.
    """
    import salt.client.ssh
    import salt.client.ssh.client
    import salt.config

    opts = salt.config.client_config(str(saltconf.write()))
    opts.update(options)
    client = salt.client.ssh.client.SSHClient(mopts=opts)
    ssh = client._prep_ssh([node.name], function, arguments, tgt_type="list", kwarg=keywords)
    target = ssh.targets.get(node.name)
    if target is None:
        raise KraftwerkError(f"{node.name} is not in the roster", next_command=f"kraftwerk create-node {node.name}")
    for key, value in ssh.defaults.items():
        target.setdefault(key, value)
    single = salt.client.ssh.Single(
        ssh.opts, ssh.opts["argv"], node.name, mods=ssh.mods, fsclient=ssh.fsclient, thin=ssh.thin, **target
    )
    if exact and function not in single.wfuncs:
        single.argv = [function, *map(json.dumps, arguments), *(f"{k}={json.dumps(v)}" for k, v in keywords.items())]
    return single


def _run(single: Any) -> tuple[Any, int]:
    """Run it and return the function's value and its exit code.

    Raises:
        KraftwerkError: there is no value, since the function is unknown or raised.
    """
    import salt.client.ssh.wrapper as wrapper

    try:
        stdout, stderr, code = single.run()
        parsed = wrapper.parse_ret(stdout, stderr, code)
    except wrapper.SSHException as error:
        code, parsed = max(error.retcode, 1), error.to_ret()
        if not _value_in(parsed):
            raise KraftwerkError(f"{single.id}: {single.fun} failed: {saltcall.reason(parsed)}") from error
    while _value_in(parsed):
        parsed = parsed.get("local", parsed.get("return"))
    return parsed, int(code)


def _value_in(parsed: Any) -> bool:
    """Tell whether Salt wrapped a value: as `local`, or as `return` alone or beside the job's own keys."""
    return isinstance(parsed, dict) and (set(parsed) == {"local"} or ("return" in parsed and set(parsed) <= JOB_KEYS))


def _is_state_return(value: Any) -> bool:
    """Tell whether it is the result of states: a failed state is for the caller to show."""
    return isinstance(value, dict) and bool(value) and all("_|-" in str(key) for key in value)


@contextmanager
def _patched(node: Node, on_line: OnLine | None) -> Iterator[None]:
    """Put our ways in the place of Salt's for as long as a call takes."""
    import salt.client.ssh as ssh
    import salt.client.ssh.state as states
    from salt.client.ssh.shell import Shell

    _quiet()
    archives: list[str] = []
    stock = {
        (Shell, "_run_cmd"): Shell._run_cmd,
        (ssh.Single, "cmd_block"): ssh.Single.cmd_block,
        (ssh.Single, "deploy_ext"): ssh.Single.deploy_ext,
        (ssh, "SSH_PY_SHIM"): ssh.SSH_PY_SHIM,
        (states, "prep_trans_tar"): states.prep_trans_tar,
    }
    Shell._run_cmd = lambda self, cmd, **_: _subprocess(node, self._split_cmd(cmd), on_line)
    ssh.Single.cmd_block = _cmd_block(stock[ssh.Single, "cmd_block"])
    ssh.Single.deploy_ext = _deploy_ext(stock[ssh.Single, "deploy_ext"])
    states.prep_trans_tar = _prep_trans_tar(stock[states, "prep_trans_tar"], archives)
    if on_line is not None:
        ssh.SSH_PY_SHIM = ssh.SSH_PY_SHIM.replace('"quiet"', '"info"')
    try:
        yield
    finally:
        for (owner, name), value in stock.items():
            setattr(owner, name, value)
        for path in archives:
            Path(path).unlink(missing_ok=True)


def _prep_trans_tar(stock: Any, made: list[str]) -> Any:
    """Let Salt lay the archive with the pillar, secrets in it, into our own folder, and remember it.

    Salt leaves it in /tmp when the connection breaks or somebody presses Ctrl-C.
    """

    def prep_trans_tar(*arguments: Any, **keywords: Any) -> Any:
        before, tempfile.tempdir = tempfile.tempdir, str(_own_folder())
        try:
            made.append(stock(*arguments, **keywords))
        finally:
            tempfile.tempdir = before
        return made[-1]

    return prep_trans_tar


def _own_folder() -> Path:
    """Return this process's folder for archives, after removing those of processes that were killed."""
    everybody = private(saltconf.root() / "sent")
    for folder in everybody.iterdir():
        try:
            os.kill(int(folder.name), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue
    return private(everybody / str(os.getpid()))


def _cmd_block(stock: Any) -> Any:
    """Skip the copy of the custom modules that Salt makes at every command: the node asks when its own differ."""

    def cmd_block(self: Any, is_retry: bool = False) -> Any:
        self._unasked = True
        return stock(self, is_retry)

    return cmd_block


def _deploy_ext(stock: Any) -> Any:
    """Send the custom modules when asked, after the old ones are gone: a deleted module must not stay usable."""

    def deploy_ext(self: Any) -> Any:
        if getattr(self, "_unasked", False):
            self._unasked = False
            return True
        self.shell.exec_cmd(f"rm -rf {self.thin_dir}/{EXTMODS}")
        return stock(self)

    return deploy_ext


def _subprocess(node: Node, words: list[str], on_line: OnLine | None) -> tuple[str, str, int]:
    """Run ssh or scp as a plain process, hand on each line of its stderr, and return output, errors and exit code."""
    output, errors, code = process.listen(words, on_line)
    if code == UNREACHABLE and "SALT_ARGV" not in errors:
        raise unreachable(node, errors)
    return output, errors, code


def clean(connection: Connection) -> None:
    """Remove what a state run leaves on the node: the archive with the whole pillar."""
    connection.run(["rm", "-f", f"{connection.node.salt_folder}/salt_state.tgz"], check=False)


def _quiet() -> None:
    """Keep Salt's own logging off the screen: what matters comes back as errors."""
    logging.getLogger("salt").setLevel(logging.CRITICAL)
    logging.raiseExceptions = False
