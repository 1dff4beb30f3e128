"""What a project of somebody else's template lacks: kraftwerk.yaml, and pillar/ with its samples."""

from pathlib import Path

from kraftwerk.newproject.choice import Choice


def complete(choice: Choice, folder: Path) -> tuple[str, list[str]]:
    """Add to a project what kraftwerk needs and its template didn't bring.

    Returns:
        The project's framework, empty where none was recognized; and what would break in production.
    """
    return "", []
