"""`make proof`: what is said of deploys, proven on a real node under load; see docs/reliability.md."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from tests.proof.found import Found
from tests.proof.proofs import PROOFS
from tests.proof.report import Report


def arguments():
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--only", action="append", choices=[proof.key for proof in PROOFS], help="this one; repeatable")
    parser.add_argument("--lab", type=Path, metavar="FOLDER", help="keep the node here for the next time")
    parser.add_argument("--node", default="proof-one", metavar="NAME", help="what the node is called (proof-one)")
    return parser.parse_args()


def proven(proof, lab):
    """Return what a proof found; one that breaks off holds up no other."""
    try:
        return proof.run(lab)
    except (AssertionError, KraftwerkError, OSError, subprocess.SubprocessError) as error:
        return Found(wrong=[f"it broke off: {error!r}"[:600]])


def main():
    """Prove, and write what was found."""
    from tests.proof.lab import Lab  # its modules read KRAFTWERK_HOME

    asked = arguments()
    folder = asked.lab or Path(tempfile.mkdtemp(prefix="kwp-"))
    os.environ["KRAFTWERK_HOME"] = str(folder / "home")
    lab, report, began = Lab(folder, asked.node), Report(), time.monotonic()
    try:
        for proof in PROOFS:
            if not asked.only or proof.key in asked.only:
                print(f"  {proof.title}", flush=True)
                report.add(proof, proven(proof, lab))
    finally:
        if not asked.lab:
            lab.remove()
    print(f"{time.monotonic() - began:.0f} s in all")
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
