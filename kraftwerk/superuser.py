"""Superusers of a Django project: declared in its pillar, made by a deploy where they are missing."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk import argv, keypath, leash, secret
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import program
from kraftwerk.schema import Value, Wrong, foreign, given, setting, text
from kraftwerk.transport import Connection

ERROR_LINES = 15
MARK = "kraftwerk-superusers:"  # before what the program on the node answers; a project may print more
FIELD = r"[a-z_][a-z0-9_]*"
NAME = r"[\w.@+-]{1,150}"
NAME_MEANING = "a user's name: letters, digits and @ . + - _"


def encrypted(value: Value) -> str:
    """Parse a password: encrypted, since these files are committed."""
    written = text(r"[\s\S]*", "an encrypted password")(value)
    if not secret.is_encrypted(written):
        environment = value.file.stem if value.file.suffix == ".sls" else "production"
        command = _set(value.key.removeprefix("superusers.").removesuffix(".password"), "--secret", environment)
        raise Wrong(f"is plain text, and so is read by whoever reads this file; encrypted by: {command}")
    return written


@dataclass(frozen=True)
class Superuser:
    """What is known of a superuser; any other field of the project's own user model may stand beside."""

    email: str = setting(text(r"[^\s@]+@[^\s@]+", "a mail address"), default="")
    password: str = setting(encrypted, default="")


def parse(value: Value) -> dict[str, str]:
    """Parse what a file says of a superuser: the keys that it gives, so that those of several files merge."""
    others = {name: str(field) for name, field in foreign(Superuser, value).items()}
    for name in others:
        if not re.fullmatch(FIELD, name):
            value.wrong(f"{name!r} is not the name of a field: lower-case letters, digits and _")
    return {**others, **given(Superuser, value, foreign=True)}


def check(instance: Instance, is_django: bool) -> None:
    """See that all declared superusers can be made.

    Raises:
        KraftwerkError: the project isn't Django, or one has no password (code 2).
    """
    if instance.superusers and not is_django:
        raise KraftwerkError(
            f"superusers: {instance.project} has no manage.py, and only Django knows superusers",
            next_command="kraftwerk config unset superusers, and kraftwerk run -- COMMAND for what makes users there",
            code=2,
        )
    for name, fields in instance.superusers.items():
        if not fields.get("password"):
            command = _set(name, "--generate", instance.environment)
            raise KraftwerkError(f"superusers.{name}: has no password", next_command=command, code=2)


def create(connection: Connection, instance: Instance, number: int) -> int:
    """Make an instance's superusers that are missing, by the project's own createsuperuser; return how many.

    Those that exist stay untouched. What is made goes over stdin: it stands in no argument, file or environment.

    Raises:
        KraftwerkError: one couldn't be made, or is missing and its password isn't encrypted for this admin.
    """
    people = {name: _plain(fields) for name, fields in instance.superusers.items()}
    release = str(instance.release_folder(number))
    words = ["python", "manage.py", "shell", "--verbosity=0", "--command", program("superusers")]
    command = argv.as_user(instance.user, [f"{instance.root}/exec", "-r", release, *words])
    done = connection.run(leash.words(command), input=json.dumps(people).encode(), check=False)
    printed = done.stdout.decode(errors="replace")
    answer = next((line[len(MARK) :] for line in printed.splitlines() if line.startswith(MARK)), "")
    if done.returncode or not answer:
        raise KraftwerkError(failure(printed + done.stderr.decode(errors="replace"), people))
    if lacking := json.loads(answer)["unreadable"]:
        cause = f"{', '.join(lacking)}: missing there, and the password isn't encrypted for you"
        raise KraftwerkError(cause, next_command="ask a colleague for: kraftwerk config rekey")
    return len(json.loads(answer)["created"])


def failure(printed: str, people: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the error of a program that failed: its last lines, and no password in them."""
    for fields in people.values():
        if password := fields.get("password"):
            printed = printed.replace(password, "…")
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    return "\n".join(["superusers can't be made:", *(f"  {line}" for line in lines[-ERROR_LINES:])])


def _set(name: str, option: str, environment: str) -> str:
    """Return the command that gives a superuser a password."""
    key = shlex.quote(keypath.text(("superusers", name, "password")))
    where = "--base" if environment == "base" else f"--env {environment}"
    return f"kraftwerk config set {key} {option} {where}"


def _plain(fields: Mapping[str, str]) -> dict[str, str | None]:
    """Return a superuser's fields decrypted; None is one that we can't decrypt."""
    found, unreadable = secret.reveal(fields)
    return {**fields, **found, **dict.fromkeys(unreadable)}
