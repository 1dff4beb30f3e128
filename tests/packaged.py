"""A cache of kraftwerk's whose Debian 12 has the packages of a first deploy already.

For users of tests that show something else than how these are installed: each node of theirs is ready half a minute of
work sooner. That a plain Debian gets them is shown by the README's own commands, among others.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from kraftwerk import local, localbase, privilege, snapshot
from kraftwerk.paths import cache_home


def keep(name, converged, kraftwerk, folder):
    """Make a base of a converged node that has no site any more."""
    local.create(name, base=converged)
    try:
        project = folder / "mysite"
        project.mkdir()
        (project / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi:application\nservices: [postgres, files]\n")
        kraftwerk("destroy", name, "--yes", cwd=project)
        local.stop(name)
        snapshot.keep(name, name)
    finally:
        local.destroy(name)


@contextmanager
def cache(base):
    """Lay a folder for XDG_CACHE_HOME: like that of this user, but for the Debian that local nodes are clones of.

    It is none of pytest's, which moves those of earlier runs away, with what is mounted there.
    """
    folder = Path(tempfile.mkdtemp(prefix="kw-cache-"))
    bases = folder / "kraftwerk" / "bases"
    bases.mkdir(parents=True)
    for path in cache_home().parent.iterdir():
        if path != cache_home():
            (folder / path.name).symlink_to(path)
    layers, mounted = ":".join(snapshot.layers(base)), str(bases / localbase.base_path("bookworm").name)
    os.mkdir(mounted)
    privilege.run(["mount", "-t", "overlay", "-o", f"ro,lowerdir={layers}", "overlay", mounted])
    try:
        yield folder
    finally:
        privilege.run(["umount", "--lazy", mounted])  # the last node may be a moment from its end
        shutil.rmtree(folder, ignore_errors=True)
