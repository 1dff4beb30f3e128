"""What was proven: as JSON and as the page docs/reliability.md."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.report import machine
from tests.proof.proofs import PROOFS

PAGE = Path(__file__).with_name("page.md")
DOCS = Path(__file__).parents[2] / "docs"
FIGURES = "reliability.json"
WORDS = {
    "requests": "{:,} requests",
    "failed": "**{} failed**",
    "requests/s": "{}/s",
    "seconds": "in {:.0f} s",
    "median": "median {:.4f} s",
    "p99": "99 % within {:.3f} s",
    "longest": "longest {:.2f} s",
    "gap": "longest silence {:.2f} s",
    "deploys": "{} deploys",
    "rollbacks": "{} rollbacks",
    "deploy": "a deploy {} s",
    "rollback": "a rollback {} s",
    "interruptions": "{} interruptions",
    "next deploy": "next deploy at the latest after {} s",
    "races": "{} races",
    "won by the first": "{} won by the first",
    "won by the second": "{} by the second",
    "reboots": "{} boots",
    "until it answers": "answers at the latest {} s after the node is back",
    "memory": "{} of 512 MB taken at most where two fit",
    "said": "where they don't, the plan says: {}",
    "tests": "{} cases",
    "passed": "{} as they should be",
}


class Report:
    """All that was found, by this run and those before it: a proof's newest run counts."""

    def __init__(self, folder=DOCS):
        self.folder, self.wrong = folder, 0
        file = folder / FIGURES
        self.rows = json.loads(file.read_text()) if file.exists() else {}

    def add(self, proof, found):
        """Take in what a proof found, print it, and write the JSON and the page."""
        about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit(), "machine": machine()}
        row = self.rows[proof.key] = {"figures": found.figures, "wrong": found.wrong, **about}
        self.wrong += len(found.wrong)
        print(f"  → {verdict(row)}  {figures(row)}", flush=True)
        self.rows = {each.key: self.rows[each.key] for each in PROOFS if each.key in self.rows}
        (self.folder / FIGURES).write_text(json.dumps(self.rows, indent=1) + "\n")
        (self.folder / "reliability.md").write_text(self.page())

    def page(self):
        """Return the page."""
        titles = {proof.key: (proof.title, proof.claim) for proof in PROOFS}
        lines = [
            f"| {titles[key][0]} | {titles[key][1]} | {verdict(row)} | {row['date']}, {row['commit']} |"
            for key, row in self.rows.items()
        ]
        lines += [f"| {each.title} | {each.claim} | not run | |" for each in PROOFS if each.key not in self.rows]
        wrong = [f"- *{titles[key][0]}*: {line}" for key, row in self.rows.items() for line in row["wrong"]]
        return PAGE.read_text().format(
            machine="; ".join(dict.fromkeys(row["machine"] for row in self.rows.values())),
            table="\n".join(lines),
            figures="\n".join(f"- *{titles[key][0]}*: {figures(row)}." for key, row in self.rows.items()),
            wrong="\n".join(wrong) or "Nothing.",
        )


def commit():
    """Return which commit is proven, with a + where files differ from it."""
    words = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(words, cwd=DOCS, capture_output=True, text=True, check=True).stdout.strip()


def verdict(row):
    """Return whether it held."""
    return "proven" if not row["wrong"] else f"**{len(row['wrong'])} wrong**"


def figures(row):
    """Return the figures in words."""
    found = row["figures"]
    said = [WORDS[name].format(value) for name, value in found.items() if name in WORDS]
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(found.get("kinds", {}).items()))
    cases = "; ".join(found.get("names", []))
    return ", ".join(said) + (f" ({kinds})" if kinds else "") + (f": {cases}" if cases else "")
