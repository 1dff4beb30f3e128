"""What a release is made of on its node: its files, its virtualenv, its environment; and its CDN's files."""

from dataclasses import replace
from pathlib import PurePosixPath

from kraftwerk import cdn as delivery
from kraftwerk import content, nodevenv, screen
from kraftwerk import release as releases
from kraftwerk import upload as uploads
from kraftwerk.remote import script
from kraftwerk.requirements import READY
from kraftwerk.rollout import SECONDS, Rollout


def upload(run: Rollout) -> str:
    """Send the project's files into the new release's folder."""
    connection, instance, number = run.target.connection, run.instance, str(run.release.number)
    connection.script(script("prepare"), instance.name, number)
    before = instance.release_folder(run.history.live) if run.history.live else None
    part = PurePosixPath(f"{instance.root}/releases/{number}.part")
    if run.copy is None and not run.served:  # files may have been edited since the plan: the record says what is sent
        held = content.digest(content.again(run.folder, run.hashes, run.looked))
        run.release = replace(run.release, content=held, dirty=run.release.dirty or held != run.release.content)
    uploads.send(connection, run.folder, run.files, part, before)
    words = (instance.name, number, run.release.as_json(), run.release.virtualenv, READY)
    run.ready = connection.script(script("land"), *words).stdout.decode().strip()
    run.landed = True
    return SECONDS


def virtualenv(run: Rollout) -> str:
    """Make the virtualenv, unless an earlier release needed the same."""
    connection, instance, number = run.target.connection, run.instance, run.release.number
    pins = run.lead.limits(run.history.python) if run.lead and run.cargo is None else ()
    if not pins and run.ready == run.release.virtualenv:
        return "as it is"
    if pins and (name := nodevenv.held(connection, instance, run.release.virtualenv, pins)) != run.release.virtualenv:
        run.release = replace(run.release, virtualenv=name)
        releases.write(connection, instance, [run.release])
    made = nodevenv.build(connection, instance, run.requirements, number, run.release.virtualenv, run.cargo, pins)
    return SECONDS if made else "as it is"


def configure(run: Rollout) -> None:
    """Give the release its virtualenv, its environment and a place for static files."""
    nodevenv.give(run.target.connection, run.instance, run.release.number, run.release.virtualenv)


def cdn(run: Rollout) -> str | None:
    """Bring static files into the bucket of the CDN; those of earlier releases stay there."""
    if not run.instance.cdn.get("bucket"):
        return None
    if run.lead is not None and run.follows:
        return f"as on {run.lead.node}"
    pushed = delivery.push(run.project, run.target, run.release.number, run.progress)
    if pushed.warning and run.history.live:
        screen.warn(pushed.warning)
    return f"{pushed.words} in {SECONDS}"
