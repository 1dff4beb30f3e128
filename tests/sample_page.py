"""Writes the commented kraftwerk.yaml into docs/kraftwerk-yaml.md: `make docs`. A test checks that it is current."""

from pathlib import Path

from kraftwerk.newproject.choice import Choice
from kraftwerk.newproject.layers import sample

FILE = Path(__file__).parents[1] / "docs" / "kraftwerk-yaml.md"
BEGIN, END = "<!-- sample: begin", "<!-- sample: end -->"


def page(text: str) -> str:
    """Return the page with the present sample between its marks."""
    before, rest = text.split(BEGIN, 1)
    first_line, rest = rest.split("\n", 1)
    after = rest.split(END, 1)[1]
    block = sample(Choice("mysite", "django", ("postgres", "files")))
    return f"{before}{BEGIN}{first_line}\n```yaml\n{block}```\n{END}{after}"


if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text()))
