"""The commands of a Markdown page's ```console blocks, as a shell script that ends where one of them fails.

Lines that begin with `$ ` are commands. What is printed after them is not compared, but for what a user types there:
the answers to questions. A block is left out by a comment right before it: `<!-- not run: the reason -->`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?P<before>[^\n]*)\n```console\n(?P<body>.*?)```", re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->")
PROMPT = "$ "
ANSWER = re.compile(r"(?:\[y/N(?:/\w+)*\]|^Type \S+ to go on): *(?P<typed>\S+)$")


@dataclass
class Command:
    """A command of a page, and what a user types while it runs."""

    text: str
    place: str
    answers: list[str] = field(default_factory=list)

    def script(self) -> str:
        """Return it as a part of the script, run in the script's own shell: `cd` and `export` last."""
        failed = shlex.quote(f"{self.place}: {self.text}")
        lines = ["{", self.text, "} <<'ANSWERS' || { echo exit code $? at " + failed + "; exit 1; }"]
        return "\n".join([f"echo {PROMPT}{shlex.quote(self.text)}", *lines, *self.answers, "ANSWERS"])


def blocks(page: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield each console block of a page: its first line's number, its text, and whether it is run."""
    text = page.read_text()
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("body")) + 1
        yield line, match["body"], not NOT_RUN.fullmatch(match["before"].strip())


def commands(page: Path) -> list[Command]:
    """Return the commands of a page that are run."""
    found: list[Command] = []
    for first, body, run in blocks(page):
        for number, line in enumerate(body.splitlines() if run else [], first):
            if line.startswith(PROMPT):
                found.append(Command(line.removeprefix(PROMPT), f"{page.name}:{number}"))
            elif match := ANSWER.search(line):
                found[-1].answers.append(match["typed"])
    return found


def script(page: Path) -> str:
    """Return a page's commands as one bash script."""
    return "\n".join(["set -o pipefail", *(command.script() for command in commands(page)), ""])
