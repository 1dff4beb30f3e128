"""The tools that kraftwerk is compared with, in a virtualenv of their own; Debian's capistrano by apt."""

import subprocess
import sys
import venv

from tests.benchmarks.lab import BENCH

ROOT = BENCH.parent
PACKAGES = ("ansible-core", "pyinfra>=3,<4", "fabric>=3,<4", "matplotlib>=3.9,<4")


def peers() -> None:
    """Install what is missing."""
    subprocess.run([ROOT / ".ci" / "packages", "capistrano"], check=True)
    ready = BENCH / ".ready"
    if ready.exists():
        return
    print(f"Making {BENCH.name}: {', '.join(PACKAGES)}", flush=True)
    venv.create(BENCH, with_pip=True)
    python = BENCH / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv>=0.9,<1"], check=True)
    command = [ROOT / ".ci" / "uv", BENCH / "bin", "pip", "install", "--quiet", "--python", python, *PACKAGES]
    subprocess.run(command, check=True)
    subprocess.run([sys.executable, "-m", "compileall", "-q", BENCH], check=False, stdout=subprocess.DEVNULL)
    ready.touch()
