"""Hooks: programs of the project's own that run before and after phases, here or on the node.

`hooks/before-migrate` runs here, in the project's folder; `hooks/node/before-migrate` on the node, in the release.
"""

import os
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kraftwerk import argv, leash, lock, process, schema, secret
from kraftwerk.errors import KraftwerkError

if TYPE_CHECKING:
    from kraftwerk.rollout import Rollout

FOLDER, ON_NODE = "hooks", "hooks/node"
MOMENTS = ("before-", "after-")
FAILURE = "after-failure"  # of any phase
READY = "configure"  # the phase after which a release on the node can run something
LINES = 25  # of what a hook that failed printed


@dataclass(frozen=True)
class Hook:
    """One hook.

    Attributes:
        name: its path in the project.
        moment: `before-migrate` and so on.
    """

    name: str
    moment: str

    @property
    def on_node(self) -> bool:
        """Tell whether it runs on the node."""
        return self.name.startswith(f"{ON_NODE}/")


Hooks = Mapping[str, Sequence[Hook]]


def find(root: Path, phases: Sequence[str]) -> Hooks:
    """Return a project's hooks by their moments.

    Args:
        phases: the names of all phases that there may be, in their order.

    Raises:
        KraftwerkError: one is named after no phase, can't be executed, or would run where nothing is yet (code 2).
    """
    found: dict[str, list[Hook]] = {}
    for folder in (FOLDER, ON_NODE):
        for path in sorted((root / folder).glob("*")):
            if path.name.startswith(MOMENTS) and not path.name.endswith((".sample", "~")) and path.is_file():
                hook = Hook(f"{folder}/{path.name}", path.name)
                _check(hook, path, phases)
                found.setdefault(hook.moment, []).append(hook)
    return found


def _check(hook: Hook, path: Path, phases: Sequence[str]) -> None:
    known = [*(moment + phase for phase in phases for moment in MOMENTS), FAILURE]
    if hook.moment not in known:
        near = schema.suggestion(hook.moment, known) or f"; phases are {', '.join(phases)}"
        raise KraftwerkError(f"{hook.name} is named after no phase{near}", code=2)
    if hook.on_node and hook.moment not in known[known.index(f"after-{READY}") : -1]:
        cause = f"{hook.name}: before the phase {READY} has ended, no release on the node can run it"
        raise KraftwerkError(cause, next_command=f"{FOLDER}/{hook.moment} runs here", code=2)
    if not os.access(path, os.X_OK):
        raise KraftwerkError(f"{hook.name} can't be executed", next_command=f"chmod +x {hook.name}", code=2)


def check_sent(hooks: Hooks, files: Sequence[str]) -> None:
    """See that hooks for the node come there with the release.

    Raises:
        KraftwerkError: one doesn't, and would silently never run (code 2).
    """
    sent = set(files)
    for hook in (hook for each in hooks.values() for hook in each):
        if hook.on_node and hook.name not in sent:
            raise KraftwerkError(f"{hook.name} is not uploaded: a .gitignore names it", code=2)


def call(run: "Rollout", moment: str, **facts: str) -> None:
    """Run a project's hooks of a moment, one after the other; what they print is shown as it comes.

    Args:
        facts: more for their environment.

    Raises:
        KraftwerkError: one failed, with its last lines, or can't be started.
    """
    for hook in run.programs.get(moment, ()):
        environment = {**describe(run, hook), **facts}
        _listen(run, hook, (_there if hook.on_node else _here)(run, hook, environment))


def describe(run: "Rollout", hook: Hook) -> dict[str, str]:
    """Return what a hook finds in its environment of the deploy that it is a part of."""
    instance, node, release = run.instance, run.target.node, run.release
    return {
        "KRAFTWERK_HOOK": hook.moment,
        "KRAFTWERK_ACTION": "rollback" if run.back else "deploy",
        "KRAFTWERK_PROJECT": instance.project,
        "KRAFTWERK_ENV": instance.environment,
        "KRAFTWERK_INSTANCE": instance.name,
        "KRAFTWERK_NODE": node.name,
        "KRAFTWERK_HOST": node.host,
        "KRAFTWERK_URL": run.url,
        "KRAFTWERK_RELEASE": str(release.number),
        "KRAFTWERK_BEFORE": str(run.history.live or ""),
        "KRAFTWERK_COMMIT": release.commit,
        "KRAFTWERK_WHO": release.who,
        lock.VARIABLE: lock.tickets(),
    }


def _here(run: "Rollout", hook: Hook, environment: Mapping[str, str]) -> process.Popen:
    """Start a hook on this computer, with those variables of the site's that are no secrets; it ends when we do.

    This kraftwerk is found by it, also where it isn't on the admin's own path.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")])
    plain = {name: value for name, value in run.instance.environ.items() if not secret.is_encrypted(value)}
    variables = {"PATH": path, **plain, **environment}
    words = [str(run.project.root / hook.name)]
    words = argv.ending_with_us(words) if shutil.which("setpriv") else words
    try:
        return process.popen(words, stdout=process.PIPE, stderr=process.STDOUT, env=variables, cwd=run.project.root)
    except OSError as error:  # no interpreter line, or one that names nothing
        raise KraftwerkError(f"{hook.name} can't be started: {error.strerror}") from error


def _there(run: "Rollout", hook: Hook, environment: Mapping[str, str]) -> process.Popen:
    """Start a release's own hook on the node, as the site's user with its environment; older ones may not have it."""
    instance = run.instance
    release = str(instance.release_folder(run.release.number))
    facts = [f"{name}={value}" for name, value in environment.items()]
    program = ["sh", "-c", '[ ! -e "$0" ] || exec "$0" 2>&1', f"{release}/{hook.name}"]
    words = argv.as_user(instance.user, [f"{instance.root}/exec", "-r", release, "env", *facts, *program])
    return run.target.connection.popen(leash.words(words), stdin=process.DEVNULL, stdout=process.PIPE)


def _listen(run: "Rollout", hook: Hook, program: process.Popen) -> None:
    assert program.stdout is not None  # noqa: S101 - a pipe was asked for
    lines: list[str] = []
    try:
        for raw in program.stdout:
            lines = [*lines, raw.decode(errors="replace").rstrip()][-LINES:]
            run.say(f"  {hook.moment}: {lines[-1]}")
        code = program.wait()
    except BaseException:
        program.terminate()
        program.wait()
        raise
    if code:
        said = [f"  {line}" for line in lines if line]
        raise KraftwerkError("\n".join([f"{hook.name} failed with exit code {code}{':' if said else ''}", *said]))
