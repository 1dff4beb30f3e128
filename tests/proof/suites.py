"""Proofs that are tests already: run once more, and counted."""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.proof.found import Found

TESTS = Path(__file__).parents[1]


def suite(file, chosen=""):
    """Run a file of tests on nodes, or those whose names hold chosen words, and return what became of each."""
    found = Found()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        words = [sys.executable, "-m", "pytest", "-q", str(TESTS / "integration" / file), f"--junitxml={report.name}"]
        words += ["-k", chosen] if chosen else []
        done = subprocess.run(words, cwd=TESTS.parent, capture_output=True, text=True, timeout=1800)
        cases = list(ElementTree.parse(report.name).iter("testcase"))
    passed = [case for case in cases if not len(case)]
    for case in cases:
        found.expect(case in passed, f"{case.get('name')}: {[child.get('message', '')[:300] for child in case]}")
    found.expect(done.returncode == 0 and cases, f"{file} ended with {done.returncode}: {done.stdout[-500:]}")
    found.figures |= {"tests": len(cases), "passed": len(passed)}
    found.figures["names"] = [case.get("name").removeprefix("test_").replace("_", " ") for case in cases]
    return found
