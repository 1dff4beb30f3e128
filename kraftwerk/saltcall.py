"""Salt on the node that is this computer: salt-call beside this Python, on the same states, pillar and modules."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kraftwerk import argv, process, saltconf
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.paths import config_home, share
from kraftwerk.process import OnLine
from kraftwerk.transport import as_root_here


def execute(
    node: Node,
    function: str,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    exact: bool,
    on_line: OnLine | None,
) -> tuple[Any, int]:
    """Call an execution function of Salt on this computer, and return its value and its exit code.

    Args:
        node: this computer.
        function, arguments, keywords, options, exact, on_line: as `saltssh.execute` takes them.

    Raises:
        KraftwerkError: there is no value, since the function is unknown or raised; or root is not to be had.
    """
    words = spoken(function, arguments, keywords, exact=exact)
    with tempfile.TemporaryDirectory(prefix="call-", dir=saltconf.root()) as folder:
        minion = yaml.safe_dump({**settings(node), **options}, sort_keys=False)
        Path(folder, "minion").write_text(minion)
        command = argv.salt_call(Path(folder), words, log_level="info" if on_line else "quiet")
        output, errors, code = process.listen(as_root_here(node, command), on_line)
    try:
        return json.loads(output)["local"], code
    except (KeyError, TypeError, ValueError) as error:
        cause = reason({"stderr": _without_log(errors), "stdout": output})
        raise KraftwerkError(f"{node.name}: {function} failed: {cause}") from error


def spoken(function: str, arguments: Sequence[Any], keywords: Mapping[str, Any], *, exact: bool) -> list[str]:
    """Return a call as the words that Salt's programs take.

    Args:
        function, arguments, keywords, exact: as `saltssh.execute` takes them.
    """
    said = json.dumps if exact else str
    return [function, *map(said, arguments), *(f"{name}={said(value)}" for name, value in keywords.items())]


def settings(node: Node) -> dict[str, Any]:
    """Return the configuration of salt-call: what the generated one of salt-ssh says, without a way to anywhere."""
    home, modules = node.salt_folder, saltconf.link_extensions(saltconf.root() / "ext", share())
    own = [folder for folder in (config_home() / "salt", Path.cwd() / "salt") if folder.is_dir()]
    links = [saltconf.link_extensions(saltconf.root() / f"ext.{each}", tree) for each, tree in enumerate(own)]
    return {
        "id": node.name,
        "user": "root",
        "file_client": "local",
        "master_type": "disable",
        "root_dir": home,
        "pki_dir": f"{home}/pki",
        "cachedir": f"{home}/cache",
        "sock_dir": f"{home}/run",
        "log_file": f"{home}/log",
        "file_roots": saltconf.file_roots(Path.cwd()),
        "pillar_roots": {"base": [str(config_home() / "pillar"), str(share("pillar"))]},
        "ext_pillar": saltconf.external_pillar(),
        "module_dirs": [str(modules), *map(str, links)],
        **saltconf.minion_options(),
    }


def reason(answer: Any) -> str:
    """Return the telling line of an answer without a value: the first, or of a traceback the last."""
    words = answer.get("stderr") or answer.get("stdout") or answer if isinstance(answer, dict) else answer
    if isinstance(words, list):
        words = "; ".join(str(word) for word in words)
    lines = [line.strip() for line in str(words).splitlines() if line.strip() and not line.startswith("SALT_ARGV")]
    if not lines:
        return "no answer"
    return lines[-1] if any(line.startswith("Traceback") for line in lines) else lines[0]


def _without_log(errors: str) -> str:
    """Return what a program said on stderr besides Salt's log."""
    return "\n".join(line for line in errors.splitlines() if not line.startswith(("[INFO", "[DEBUG", "[WARNING")))
