"""A copy of a project's repository here, and the commits that are fetched into it."""

import os
from pathlib import Path

from kraftwerk import argv, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import private, reactor_home

FETCH_TIMEOUT = 300  # seconds
# Nobody sits there to type a password; an ssh key or a credential helper has to do.
ALONE = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=8"}


def folder_of(project: str) -> Path:
    """Return the work tree of a project; named as the project is."""
    return reactor_home() / "sources" / project


def fetch(project: str, repository: str, branch: str) -> str:
    """Fetch a branch and return the commit at its tip.

    What a killed git left locked is freed: only one process at a time works here.

    Raises:
        KraftwerkError: the repository can't be read, or has no such branch.
    """
    folder = folder_of(project)
    if not (folder / ".git" / "HEAD").exists():
        private(folder)
        process.run(argv.git(folder, "init", "--quiet"))
    for stale in [*(folder / ".git").glob("*.lock"), *(folder / ".git" / "refs").rglob("*.lock")]:
        stale.unlink()
    process.run(argv.git_fetch(folder, repository, branch), env=_alone(), timeout=FETCH_TIMEOUT)
    return _text(folder, "rev-parse", "--verify", f"{argv.git_pushed(branch)}^{{commit}}")


def tip(repository: str, branch: str) -> str:
    """Return the commit at the tip of a branch, without fetching it.

    Raises:
        KraftwerkError: the repository can't be read, or has no such branch.
    """
    asked = process.run(argv.git_ls_remote(repository, branch), env=_alone(), timeout=FETCH_TIMEOUT)
    if not asked.stdout:
        raise KraftwerkError(f"{repository} has no branch {branch}")
    return asked.stdout.decode().split()[0]


def _alone() -> dict[str, str]:
    return {name: value for name, value in ALONE.items() if name not in os.environ}


def contains(project: str, tip: str, commit: str) -> bool:
    """Tell whether a commit is the tip or one before it."""
    ancestor = argv.git(folder_of(project), "merge-base", "--is-ancestor", commit, tip)
    return process.run(ancestor, check=False).returncode == 0


def check_out(project: str, commit: str) -> Path:
    """Make the work tree be that commit, with nothing else in it, and return it.

    Raises:
        KraftwerkError: git failed.
    """
    folder = folder_of(project)
    process.run(argv.git(folder, "checkout", "--quiet", "--force", "--detach", commit))
    process.run(argv.git(folder, "clean", "--quiet", "-ffdx"))
    return folder


def origin(folder: Path) -> str:
    """Return the address that a project's own repository was cloned from; empty where there is none."""
    completed = process.run(argv.git(folder, "remote", "get-url", "origin"), check=False)
    return completed.stdout.decode().strip()


def current_branch(folder: Path) -> str:
    """Return the branch that a project's own repository is on; empty where it is on none."""
    completed = process.run(argv.git(folder, "symbolic-ref", "--short", "-q", "HEAD"), check=False)
    return completed.stdout.decode().strip()


def _text(folder: Path, *words: str) -> str:
    found = process.run(argv.git(folder, *words)).stdout.decode().strip()
    if not found:
        raise KraftwerkError(f"git {words[0]} of {folder} printed nothing")
    return found
