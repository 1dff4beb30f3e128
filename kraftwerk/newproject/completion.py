"""What a project of somebody else's template lacks: kraftwerk.yaml and pillar/, by what `adopt` finds in it."""

from pathlib import Path

from kraftwerk.deployment import FILE
from kraftwerk.detect import overlay
from kraftwerk.detect.finding import Detection
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject.choice import Choice


def complete(choice: Choice, folder: Path) -> tuple[str, list[str]]:
    """Add to a project what kraftwerk needs and its template didn't bring.

    Args:
        choice: its services and Python are added to what is found.
        folder: the project's.

    Returns:
        The project's framework, empty where none was recognized; and what is missing or would break in production.
    """
    folder = folder.resolve()
    if (folder / FILE).exists():
        return "", []
    from kraftwerk.adoption import adopting, changes  # other templates needn't wait for them

    try:
        found, planned, name = adopting.prepare(folder, choice.name)
        if not planned:
            cause = f"no application was found in {name}, so it has no {FILE} yet"
            return found.framework, [f"{cause} → cd {name} && kraftwerk adopt --set wsgi=MODULE:CALLABLE"]
        if "files" in choice.services and ("services", "files") not in found.findings:
            _keep_uploads(found)
        for service in choice.services:
            found.note(f"services.{service}", {}, "--with")
        if choice.python:
            found.note("python", choice.python, "--python")
        planned = changes.plan(found, folder, name)
        if outside := [each.path for each in planned if not (folder / each.path).resolve().is_relative_to(folder)]:
            raise KraftwerkError(f"{outside[0]} is a link that leads out of the project")
    except KraftwerkError as error:
        return "", [f"{choice.name} has no {FILE} yet: {error}"]
    for change in planned:
        (folder / change.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / change.path).write_text(change.after)
    return found.framework, [_said(each.text, each.place, each.mend) for each in found.cautions if not each.solved]


def _keep_uploads(found: Detection) -> None:
    """Have a Django project that says nothing of uploads keep them where the node does."""
    for path, code in found.additions.items():
        if found.framework == "django" and Path(path).stem == overlay.MODULE:
            found.additions[path] = "\n".join([code.rstrip(), *overlay.UPLOADS, ""])


def _said(text: str, place: object, mend: str) -> str:
    return f"{text}{f' ({place})' if place else ''}{f' → {mend}' if mend else ''}"
