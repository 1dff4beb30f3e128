"""Release commands: what runs once per deploy, in the new release, before it goes live. Migrations, most of all."""

import re

from kraftwerk import argv, leash
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection

APPLIED = re.compile(r"^\s*Applying \S+\.\.\..*OK", re.MULTILINE)  # a line of Django's `migrate`
OUTPUT_LINES = 25


def run(connection: Connection, instance: Instance, number: int) -> int:
    """Run an instance's release commands in a release; return how many migrations they applied.

    They run as the instance's user: the database knows that one only, and may not write the code.

    Raises:
        KraftwerkError: one failed; its last lines are part of it, and the commands after it did not run.
    """
    applied = 0
    for command in instance.release:
        words = [f"{instance.root}/exec", "-r", str(instance.release_folder(number)), "sh", "-c", command]
        done = leash.run(connection, argv.as_user(instance.user, words))
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            errors = done.stderr.decode(errors="replace")
            raise KraftwerkError(failure(command, done.returncode, f"{output}\n{errors}"))
        applied += count(output)
    return applied


def seal(connection: Connection, instance: Instance, number: int) -> None:
    """Take what release commands collected from the user that the application runs as."""
    if instance.static:
        connection.script(script("seal"), instance.name, str(number), instance.src, *instance.static.values())


def count(output: str) -> int:
    """Return how many migrations Django says it applied."""
    return len(APPLIED.findall(output))


def failure(command: str, code: int, output: str) -> str:
    """Return the error for a release command that failed, with the last lines it printed."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return "\n".join([f"`{command}` failed with exit code {code}:", *(f"  {line}" for line in lines[-OUTPUT_LINES:])])
