"""Copies of git repositories: fetched whole, at the version that is asked for, and git's refusals said clearly."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.webaddress import bare

SHORT = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "bb:": "https://bitbucket.org/"}
ADDRESS = re.compile(r"(git\+)?(https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:\S+|(gh|gl|bb):\S+")
PATIENCE = 300  # seconds for a slow network
REFUSED = ("could not read username", "could not read password", "authentication failed", "permission denied", "403")
MISSING = ("not found", "does not exist", "does not appear to be a git repository", "no such file")
UNKNOWN_HOST = "host key verification failed"


def is_address(text: str) -> bool:
    """Tell whether a text is the address of a git repository, such as https://…, git@host:path, or gh:owner/name."""
    return bool(ADDRESS.fullmatch(text))


def expanded(address: str) -> str:
    """Return an address as git knows it."""
    for short, long in SHORT.items():
        if address.startswith(short):
            return f"{long}{address.removeprefix(short).strip('/')}"
    return address.removeprefix("git+")


def concealed(address: str) -> tuple[str, dict[str, str]]:
    """Return an address as it may stand in a process list, and the variables by which git knows its password."""
    public, parts = bare(address), urlsplit(address)
    if public == address:
        return address, {}
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)  # they may be in use already
    return public, {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"url.{parts.scheme}://{parts.netloc}/.insteadOf",
        f"GIT_CONFIG_VALUE_{count}": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/",
    }


def clone_argv(address: str, folder: str) -> tuple[str, ...]:
    """Return the command that fetches a repository with its history and tags, which tell a template's version."""
    return ("git", "clone", "--quiet", "--", address, folder)


def clone(address: str, folder: Path, *, ask: bool) -> None:
    """Fetch a repository into a folder that is missing or empty.

    Args:
        address: as `expanded` returned it, or a folder.
        folder: where to.
        ask: whether git and ssh may ask for passwords on the terminal.

    Raises:
        KraftwerkError: there is no network, no such repository, or it is private.
    """
    public, settings = concealed(address)
    settings["LC_ALL"] = "C"  # its words are read below
    if not ask:
        settings["GIT_TERMINAL_PROMPT"] = "0"
        settings["GIT_SSH_COMMAND"] = f"{os.environ.get('GIT_SSH_COMMAND', 'ssh')} -o BatchMode=yes"
    done = process.run(clone_argv(public, str(folder)), env=settings, timeout=PATIENCE, check=False)
    if done.returncode:
        raise refusal(address, (done.stderr or b"").decode(errors="replace"))


def refusal(address: str, said: str) -> KraftwerkError:
    """Return why git didn't fetch a repository, in one line, with what to do about it."""
    where, words = bare(address), said.lower()
    if UNKNOWN_HOST in words:
        host = where.partition("@")[2].partition(":")[0] or urlsplit(where).hostname or where
        return KraftwerkError(f"{where}: ssh doesn't know that server's key yet", next_command=f"ssh -T git@{host}")
    if any(sign in words for sign in REFUSED):
        cause = f"{where} is private, or there is no such repository: git has no password or key for it"
        return KraftwerkError(cause, next_command=f"git ls-remote {where}")
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:", "ssh:"))]
    last = " ".join((lines or said.splitlines() or ["git said nothing"])[0].split())
    reason = re.sub(r"^(fatal|error): (unable to access '[^']*': )?", "", last)
    if any(sign in words for sign in MISSING):
        return KraftwerkError(f"there is no git repository at {where}: {reason}")
    return KraftwerkError(f"no way to {where}: {reason}")


def checkout(folder: Path, ref: str) -> None:
    """Check a branch, tag or commit out.

    Raises:
        KraftwerkError: the repository has none of that name (code 2).
    """
    for name in (f"refs/remotes/origin/{ref}", ref):
        found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found:
            process.run(("git", "-C", str(folder), "checkout", "--quiet", "--detach", found), timeout=PATIENCE)
            return
    known = _git(folder, "tag", "--list", "--sort=-creatordate").split()[:5]
    versions = f"; its newest tags: {', '.join(known)}" if known else ""
    raise KraftwerkError(f"--ref {ref}: the template has no branch, tag or commit of that name{versions}", code=2)


def newest_release(folder: Path) -> str:
    """Return the tag of the highest version that is a final one; "" where no tag is a version."""
    found: list[tuple[Version, str]] = []
    for tag in _git(folder, "tag", "--list").split():
        try:
            found.append((Version(tag), tag))
        except InvalidVersion:
            continue
    return max((each for each in found if not each[0].is_prerelease), default=(None, ""))[1]


def _git(folder: Path, *words: str) -> str:
    done = process.run(("git", "-C", str(folder), *words), timeout=PATIENCE, check=False)
    return done.stdout.decode().strip() if not done.returncode else ""
