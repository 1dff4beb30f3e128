"""Commands in a world where names have addresses: a mount namespace with an /etc/hosts of its own over the real one."""

import os
import subprocess

from tests.sandbox import SCRIPTS, search_path

LAY = 'mount --bind "$0" /etc/hosts && exec "$@"'


def run(words, names, folder, *, cwd, timeout=60, **environ):
    """Run a command to its end, and return what became of it.

    names: addresses by name; folder: for the file.
    """
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **names}.items()))
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    return subprocess.run(
        [*apart, "sh", "-c", LAY, hosts, *words],
        cwd=cwd,
        env=os.environ | {"PATH": search_path(SCRIPTS)} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
