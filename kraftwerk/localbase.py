"""The Debian roots that local nodes are clones of: made once for each release, and again when the admin's changed."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kraftwerk import flock, localargv, localproc, privilege, process, surroundings
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import cache_home

RELEASES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
LAYOUT = "1"  # counts up when a base is made differently


def bases_home() -> Path:
    """Return the folder of bases and snapshots."""
    return cache_home() / "bases"


def title(release: str) -> str:
    """Return how people call a release."""
    return RELEASES.get(release, release)


def base_path(release: str) -> Path:
    """Return the folder of a release's base; its name changes with what it is made from."""
    files = surroundings.certificates()
    made_from = [LAYOUT, *localargv.PACKAGES, surroundings.apt_options(), surroundings.apt_sources(release)]
    made_from += [f"{name}:{content.hex()}" for name, content in files.items()]
    return bases_home() / f"{release}-{surroundings.fingerprint(*made_from)}"


def ensure(release: str) -> Path:
    """Return a release's base, and make it when it isn't there: 20 to 40 seconds.

    Raises:
        KraftwerkError: unknown release (code 2), or mmdebstrap failed, with its last line.
    """
    if release not in RELEASES:
        raise KraftwerkError(f"no local nodes of Debian {release!r}: {' or '.join(RELEASES)}", code=2)
    path = base_path(release)
    if not path.is_dir():
        lock = bases_home() / f".{release}.lock"
        with flock.held(lock, busy=f"the base of {release} is being made by another kraftwerk", timeout=300):
            if not path.is_dir():
                _make(release, path)
    return path


def remove_unused(used: Sequence[Path]) -> None:
    """Remove older bases of the same releases that no node is a clone of."""
    current = {base_path(release) for release in RELEASES}
    for path in bases_home().glob("*-????????"):
        if path not in current and path not in used and path.name.split("-")[0] in RELEASES:
            privilege.run(["rm", "--recursive", "--force", "--one-file-system", str(path)], timeout=120)


def _make(release: str, path: Path) -> None:
    """Make a base beside its place and move it there; what an interrupted one left is removed first."""
    temporary = bases_home() / f".{release}"
    _remove_remains(temporary)
    with tempfile.TemporaryDirectory(prefix="kraftwerk-") as scratch:
        options, files = Path(scratch) / "apt.conf", Path(scratch) / "files.tar"
        options.write_text(surroundings.apt_options())
        files.write_bytes(_files())
        command = localargv.debootstrap(release, temporary, apt_options=options, files=files)
        try:
            _debootstrap(release, command)
        except BaseException:
            _remove_remains(temporary)
            raise
    privilege.run(["mv", "--no-target-directory", str(temporary), str(path)])


def _debootstrap(release: str, command: list[str]) -> None:
    sources = surroundings.apt_sources(release).encode()
    argv = [*command, "-"] if sources else command
    made = privilege.run(argv, input=sources, timeout=1200, check=False)
    if made.returncode:
        errors = [line for line in made.stderr.decode(errors="replace").splitlines() if line.startswith("E:")]
        cause = errors[0] if errors else process.failure(["mmdebstrap"], made)
        raise KraftwerkError(f"Debian {release} could not be made: {cause}")


def _files() -> bytes:
    """Return what is laid over every base: certificates, and the locale that Debian's cloud images have."""
    return surroundings.tar(
        {**surroundings.certificates(), "etc/default/locale": b"LANG=C.UTF-8\n"}, modes={}, folders={}
    )


def _remove_remains(temporary: Path) -> None:
    localproc.kill(localproc.with_argument(str(temporary)))
    if os.path.lexists(temporary):
        privilege.run(["rm", "--recursive", "--force", "--one-file-system", str(temporary)], timeout=120)


def missing_tools() -> list[str]:
    """Return the Debian packages that local nodes need and this machine lacks."""
    needed = {
        "mmdebstrap": "mmdebstrap",
        "systemd-nspawn": "systemd-container",
        "nft": "nftables",
        "ip": "iproute2",
        "setpriv": "util-linux",
        "ssh-keygen": "openssh-client",
    }
    return [package for program, package in needed.items() if not privilege.which(program)]
