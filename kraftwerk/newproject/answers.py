"""Answers to a whole template's questions: what is known already, and what is suggested."""

from dataclasses import dataclass
from typing import Any

from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject.choice import Choice
from kraftwerk.newproject.questions import Contents
from kraftwerk.schema import suggestion

# What templates mostly call a project's name, and its package's. One that follows from other answers is left so.
NAMES = ("project_name", "name", "repo_name", "project", "repository_name")
PACKAGES = ("project_slug", "package", "package_name", "python_package", "module_name", "app_name", "slug")


@dataclass(frozen=True)
class Answers:
    """What a template is told: answers that are given, and defaults that are asked for."""

    given: dict[str, Any]
    suggested: dict[str, Any]


def prepare(choice: Choice, contents: Contents) -> Answers:
    """Return the answers that a choice gives to a template's questions.

    Our variables answer questions of the same name where they were asked for in so many words, and are there beside
    the questions otherwise.

    Raises:
        KraftwerkError: the template doesn't ask what --data answers (code 2).
    """
    questions = contents.questions
    for key in choice.data:
        if key not in questions and contents.complete:
            near = suggestion(key, questions) or f"; it asks: {', '.join(questions) or 'nothing'}"
            raise KraftwerkError(f"--data {key}: the template doesn't ask that{near}", code=2)
    ours = choice.variables()
    asked_for = {*choice.wanted, *choice.services, *(("services",) if choice.wanted else ())}
    if choice.python:
        asked_for |= {"python", "python_version"}
        ours["python_version"] = choice.python
    given = {key: value for key, value in ours.items() if key not in questions or key in asked_for}
    named = {**dict.fromkeys(NAMES, choice.name), **dict.fromkeys(PACKAGES, choice.package)}
    suggested = {key: name for key, name in named.items() if key in questions and not _follows(questions[key])}
    return Answers({**given, **choice.data}, suggested)


def _follows(question: Any) -> bool:
    """Tell whether a question's default is made of other answers."""
    default = question.get("default") if isinstance(question, dict) else question
    return isinstance(default, str) and ("{{" in default or "[[" in default)
