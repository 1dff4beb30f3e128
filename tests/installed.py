"""kraftwerk installed from its wheel into a bare virtualenv, as a stranger would have it."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def uv(*words: str | Path) -> None:
    """Run the uv of the tests' virtualenv, with pip's settings of this machine."""
    command = [ROOT / ".ci" / "uv", sysconfig.get_path("scripts"), *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def build(folder: Path) -> Path:
    """Build the wheel and return its path."""
    uv("build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    return next(folder.glob("kraftwerk-*.whl"))


def install(folder: Path, python: str = sys.executable) -> Path:
    """Install the wheel below a folder, for a Python, and return the folder of its programs."""
    wheel = build(folder / "dist")
    uv("venv", "--quiet", "--python", python, folder / "venv")
    uv("pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python", wheel)
    return folder / "venv" / "bin"
