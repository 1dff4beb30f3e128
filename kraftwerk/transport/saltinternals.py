"""salt-ssh in this process, its calls made by the engine. All that leans on Salt's non-public parts is in this file.

Against the stock program it changes: what runs on the node runs in the engine, over one channel, instead of in programs
that are started for each call; the archive with the pillar goes along with the call and is never a file there; custom
modules are sent when the node lacks them; and what is the same in each template's turn is made once for all.
"""

import copy
import functools
import importlib
import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kraftwerk import process, saltcall, saltconf
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.process import OnLine
from kraftwerk.remote import saltparts
from kraftwerk.transport import UNREACHABLE, Connection, sent, templatecache, unreachable
from kraftwerk.transport.engine import ARCHIVE, Engine, Settings

_warming: list[threading.Thread] = []
JOB_KEYS = {"return", "retcode", "jid", "id", "fun", "fun_args", "success", "out"}


def execute(
    node: Node,
    function: str,
    arguments: Any,
    keywords: Any,
    options: dict[str, Any],
    *,
    exact: bool,
    on_line: OnLine | None,
) -> tuple[Any, int]:
    """Call an execution function of Salt on a node, and return its value and its exit code.

    Args:
        node, function, arguments, keywords, options, exact, on_line: as `saltssh.execute` takes them.

    Raises:
        KraftwerkError: the node can't be reached; or there is no value, since the function is unknown or raised.
    """
    warm_meanwhile()  # while we log in, and while the engine gets ready
    engine = Engine(Connection(node), on_line)
    try:
        _warmed()
        with _patched(node, engine, on_line):
            return _run(_single(node, function, arguments, keywords, options, exact))
    except (KeyboardInterrupt, SystemExit):
        engine.abandon()
        raise
    finally:
        engine.close()


def warm() -> None:
    """Import what a call needs, for processes that are forked afterwards; no node is talked to, no thread started."""
    for name in (
        "salt.client.ssh.client",
        "salt.client.ssh.wrapper.state",
        "salt.pillar",
        "salt.utils.jinja",
        "jinja2",
    ):
        importlib.import_module(name)


def warm_meanwhile() -> None:
    """Do as `warm` in a thread, which `execute` waits for. What fails there fails again, and is told, in `execute`."""

    def work() -> None:
        with suppress(Exception):
            warm()

    _warming.append(threading.Thread(target=work))
    _warming[-1].start()


def _warmed() -> None:
    """Wait for `warm_meanwhile`: of two threads that import the same modules one can get half of them."""
    while _warming:
        _warming.pop().join()


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
        single.argv = saltcall.spoken(function, arguments, keywords, exact=True)
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


@contextmanager
def _patched(node: Node, engine: Engine, on_line: OnLine | None) -> Iterator[None]:
    """Put our ways in the place of Salt's for as long as a call takes."""
    import jinja2
    import salt.client.ssh as ssh
    import salt.client.ssh.state as states
    import salt.fileclient
    import salt.fileserver
    import salt.loader
    import salt.utils.entrypoints
    import salt.utils.optsdict
    import salt.version
    from salt.client.ssh.shell import Shell
    from salt.loader.lazy import LazyLoader
    from salt.utils.jinja import SerializerExtension

    logging.getLogger("salt").setLevel(logging.CRITICAL)  # what matters comes back as errors
    logging.raiseExceptions = False
    archives: dict[str, Path] = {}
    with sent.folder() as folder:
        ours: dict[tuple[Any, str], Any] = {
            (Shell, "_run_cmd"): lambda self, cmd, **_: _subprocess(node, self._split_cmd(cmd)),
            (Shell, "send"): _send(Shell.send, archives),
            (ssh.Single, "cmd_block"): _cmd_block(engine, archives, folder / "cache", on_line),
            (states, "prep_trans_tar"): _prep_trans_tar(states.prep_trans_tar, folder),
            (salt.utils.optsdict.OptsDict, "__bool__"): saltparts.has_any,
            (salt.fileserver, "FSChan"): _channels(salt.fileserver.FSChan),
            (salt.fileclient.FSClient, "get_file"): _get_file(salt.fileclient.FSClient.get_file),
            (SerializerExtension, "load_yaml"): _load_yaml(SerializerExtension.load_yaml),
            (LazyLoader, "_load"): saltparts.only_what_may_be(LazyLoader._load),
            (LazyLoader, "_refresh_file_mapping"): saltparts.listed_once(LazyLoader._refresh_file_mapping),
            (salt.loader, "utils"): _once(salt.loader.utils),
            (salt.utils.entrypoints, "iter_entry_points"): functools.cache(salt.utils.entrypoints.iter_entry_points),
            (jinja2.Environment, "compile"): templatecache.compiling(
                jinja2.Environment.compile,
                saltconf.root() / "templates",
                f"{jinja2.__version__} {salt.version.__version__}",
            ),
        }
        stock = {(owner, name): vars(owner).get(name) for owner, name in ours}
        try:
            for (owner, name), value in ours.items():
                setattr(owner, name, value)
            yield
        finally:
            for (owner, name), value in stock.items():
                if value is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, value)


def _prep_trans_tar(stock: Any, folder: Path) -> Any:
    """Let Salt lay the archive with the pillar, secrets in it, into our own folder."""

    def prep_trans_tar(*arguments: Any, **keywords: Any) -> Any:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            return stock(*arguments, **keywords)
        finally:
            tempfile.tempdir = before

    return prep_trans_tar


def _send(stock: Any, archives: dict[str, Path]) -> Any:
    """Keep the archive of states for the call that it belongs to, instead of copying it to the node."""

    def send(self: Any, local: str, remote: str, makedirs: bool = False) -> Any:
        if not remote.endswith("/salt_state.tgz"):
            return stock(self, local, remote, makedirs)
        archives[remote] = Path(local)
        return "", "", 0

    return send


def _cmd_block(engine: Engine, archives: dict[str, Path], cache: Path, on_line: OnLine | None) -> Any:
    """Make the call by the engine; where Salt asks for the node's options, `cache` stands for the cache of the node.

    Salt would write what it keeps of state trees to the node's path on this computer.
    """
    import salt.client.ssh as ssh

    modules: dict[str, Any] = {}

    def cmd_block(self: Any, is_retry: bool = False) -> tuple[str, str, int]:
        words = [str(word) for word in ssh._convert_args(self.argv)]
        words = words[0].split() if len(words) == 1 else words
        archive = b"".join(archives.pop(word).read_bytes() for word in words if word in archives)
        if archive:
            words = [ARCHIVE if word.endswith("/salt_state.tgz") else word for word in words]
        if not modules:
            modules.update(self.mods or ssh.mod_data(self.fsclient))
        settings = Settings(self.minion_opts, modules.get("version", ""), Path(modules.get("file", "")))
        level = "info" if on_line else "quiet"
        output, errors, code = engine.call(words, settings, archive=archive, level=level, on_line=on_line)
        if words == ["test.opts_pkg"] and not code:
            value = json.loads(output)
            value["local"]["return"]["cachedir"] = str(cache)
            output = json.dumps(value)
        return output, errors, code

    return cmd_block


def _once(stock: Any) -> Any:
    """Make what Salt makes of the same options again and again only once."""
    made: dict[int, tuple[Any, Any]] = {}  # with the options, so that nothing else gets their id

    def once(opts: Any, *arguments: Any, **keywords: Any) -> Any:
        if arguments or keywords:
            return stock(opts, *arguments, **keywords)
        if id(opts) not in made:
            made[id(opts)] = opts, stock(opts)
        return made[id(opts)][1]

    return once


def _channels(stock: Any) -> Any:
    """Make one way to the state trees for each set of options; Salt makes one for each file that a template asks.

    What a file's hash is, is asked once: they don't change while a call goes on.
    """

    class Kept(stock):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.hashes: dict[tuple[Any, ...], Any] = {}

        def send(self, load: dict[str, Any], *arguments: Any, **keywords: Any) -> Any:
            """Answer a question; of hashes, one that was answered already as it was then."""
            if load.get("cmd") != "_file_hash":
                return super().send(load, *arguments, **keywords)
            key = tuple(sorted(load.items()))
            found = self.hashes.get(key) or super().send(load, *arguments, **keywords)
            self.hashes[key] = found
            return found

        def close(self) -> None:
            """Stay open for the next one."""

    return _once(Kept)


def _load_yaml(stock: Any) -> Any:
    """Read the same YAML only once; each file that imports some defaults gets a copy of its own."""
    from jinja2 import Undefined

    known: dict[str, Any] = {}

    def load_yaml(self: Any, value: Any) -> Any:
        if isinstance(value, Undefined):
            return stock(self, value)
        text = str(value)
        if text not in known:
            known[text] = stock(self, value)
        return copy.deepcopy(known[text])

    return load_yaml


def _get_file(stock: Any) -> Any:
    """Look only once whether a file of the state trees is in the cache as it is; templates ask for each they import."""
    known: dict[tuple[Any, ...], str] = {}

    def get_file(self: Any, path: str, dest: str = "", makedirs: bool = False, *more: Any, **named: Any) -> Any:
        key = (self.channel, self.opts["cachedir"], path, more, *sorted(named.items()))  # the same options: one channel
        if dest or not Path(known.get(key, "")).is_file():
            found = stock(self, path, dest, makedirs, *more, **named)
            if dest or not found:
                return found
            known[key] = found
        return known[key]

    return get_file


def _subprocess(node: Node, words: list[str]) -> tuple[str, str, int]:
    """Run ssh or scp as a plain process, instead of in an emulated terminal that polls."""
    output, errors, code = process.listen(words)
    if code == UNREACHABLE:
        raise unreachable(node, errors)
    return output, errors, code
