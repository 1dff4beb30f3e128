"""The way on the node: from nginx to the application and what it needs, by what was found there."""

import re
from collections.abc import Iterator

from kraftwerk import cause, moment, screen, service, slot
from kraftwerk.why.case import Case, Step
from kraftwerk.why.facts import Facts
from kraftwerk.why.outside import Answer

OURS = re.compile(r"/etc/nginx/(kraftwerk/|conf\.d/kraftwerk\.conf)")  # what a highstate writes anew
SHOWN = 6  # lines of a traceback
CAUSES = {
    400: "does it refuse the name (ALLOWED_HOSTS)?",
    401: "it wants a password",
    403: "it refuses",
    404: "it has no such page",
}


def steps(case: Case, facts: Facts) -> Iterator[Step]:
    """Yield the steps from nginx to the services; those after a break have no meaning."""
    if not facts.live.release:
        text = f"nothing of {case.instance.name} is live on {case.node.name}"
        yield Step("release", text, False, case.command("deploy"))
    yield nginx(case, facts)
    if facts.maintenance is not None:
        yield maintenance(case, facts)
    yield socket(case, facts)
    yield gunicorn(case, facts)
    yield application(case, facts)
    for name in facts.services:
        yield data(case, facts, name)


def nginx(case: Case, facts: Facts) -> Step:
    """Return how nginx is."""
    seen = facts.nginx
    if not seen.runs:
        text = f"it does not run, and something else answers on port {case.port}"
        return Step("nginx", text, False, case.command("highstate"), seen.seconds)
    if seen.error:
        look = f"kraftwerk run --node {case.node.name} --as root -- nginx -t"
        then = case.command("highstate") if OURS.search(seen.error) else look
        text = f"its configuration is broken (what it loaded before goes on, until it restarts): {seen.error}"
        return Step("nginx", text, False, then, seen.seconds)
    if not seen.knows(case.host):
        text = f"its configuration has no site {case.host}"
        return Step("nginx", text, False, case.command("highstate"), seen.seconds)
    return Step("nginx", f"runs, and its configuration is valid and has {case.host}", seconds=seen.seconds)


def maintenance(case: Case, facts: Facts) -> Step:
    """Return that visitors are kept out on purpose."""
    kept = facts.maintenance or {}
    message = f": {' '.join(kept['message'].split())}" if kept["message"].strip() else ""
    text = f"visitors get 503 since {moment.shown(kept['since'])}{message}"
    return Step("maintenance", text, False, case.command("maintenance off"))


def socket(case: Case, facts: Facts) -> Step:
    """Return whether nginx is led to the live release."""
    live, folder = facts.live, f"/run/kraftwerk/{case.instance.name}"
    if live.held:
        text = "requests wait while data is dumped, loaded or moved"
        return Step("socket", text, False, case.command("lock"), live.seconds)
    wanted = f"{live.slot}.sock"
    mend = case.command("restart web", by="--node")
    if live.link != wanted:
        leads = f"leads to {live.link}, and release {live.release} is at {wanted}" if live.link else "is not there"
        text = f"{folder}/current.sock {leads}"
        return Step("socket", text, False, mend, live.seconds)
    if not live.exists and facts.gunicorn.workers and facts.gunicorn.imported is None:
        text = f"{folder}/{wanted} is not there, and gunicorn runs"
        return Step("socket", text, False, mend, live.seconds)
    return Step("socket", f"leads to release {live.release} (slot {live.slot})", seconds=live.seconds)


def gunicorn(case: Case, facts: Facts) -> Step:
    """Return whether gunicorn runs, or runit tries to have it run."""
    seen = facts.gunicorn
    spent = seen.seconds - (seen.imported or {}).get("seconds", 0.0)
    if seen.state not in ("run", "down", "finish"):
        text = f"runit does not supervise {seen.service}"
        return Step("gunicorn", text, False, case.command("highstate"), spent)
    if not seen.wanted:
        text = f"{seen.service} is down: somebody stopped it"
        return Step("gunicorn", text, False, case.command("restart web", by="--node"), spent)
    if seen.state != "run" or not seen.workers:
        return Step("gunicorn", "runit starts it again and again", seconds=spent)
    many = f"{seen.workers} worker{'s' if seen.workers > 1 else ''}"
    return Step("gunicorn", f"{many}, up for {screen.duration(seen.up)}", seconds=spent)


def application(case: Case, facts: Facts) -> Step:
    """Return whether the application imports; where it doesn't, services that don't answer may be why."""
    seen = facts.gunicorn
    if seen.imported is None:
        return Step("application", f"{case.instance.application} is loaded")
    spent, said = seen.imported["seconds"], seen.imported["error"]
    if said:
        found = cause.find(said)
        lame = [f"; {name} does not answer, either" for name, each in facts.services.items() if each["said"]]
        text = f"it can't be imported: {found.text or said.splitlines()[-1]}{''.join(lame)}"
        then = found.next_command or case.command("deploy")
        return Step("application", text, False, then, spent, _last(said.splitlines()))
    if seen.state != "run" or not seen.workers:
        log = slot.telling("\n".join(facts.log))
        found = cause.find(log)
        text = f"it can be imported, and gunicorn does not stay up{': ' + found.text if found.text else ''}"
        then = found.next_command or case.logs("web")
        return Step("application", text, False, then, spent, _last(log.splitlines()))
    return Step("application", f"{case.instance.application} is imported", seconds=spent)


def data(case: Case, facts: Facts, name: str) -> Step:
    """Return whether a service answers the site."""
    said, seconds = facts.services[name]["said"], facts.services[name]["seconds"]
    if not said:
        return Step(name, "answers", seconds=seconds)
    home = service.places(case.instance.options).get(name, case.node.name)
    return Step(name, said, False, f"kraftwerk highstate {home}", seconds)


def answer(case: Case, given: Answer, facts: Facts) -> Step:
    """Return what came back in the end; of an error, the end of the traceback that was logged meanwhile."""
    title = f"GET {case.path}"
    if given.status and case.accepts(given.status):
        leads = f" → {given.location}" if given.location else ""
        return Step("answer", f"{title} {given.status}{leads}", seconds=given.seconds)
    if not given.status:
        return Step("answer", f"{title}: {given.error}", False, case.logs("nginx"), given.seconds)
    meant = [line for line in facts.log if given.since and line >= given.since]
    log = slot.telling("\n".join(meant))
    found = cause.find(log) if given.status >= 500 else cause.Cause()
    why = found.text or CAUSES.get(given.status, "")
    then = found.next_command or case.logs("web" if given.status != 502 or found.text else "nginx")
    text = f"{title} {given.status}{': ' + why if why else ''}"
    return Step("answer", text, False, then, given.seconds, _last(log.splitlines()) if found.text else ())


def _last(lines: list[str]) -> tuple[str, ...]:
    """Return the end of the last traceback of a log, with the line that says what was raised."""
    starts = [number for number, line in enumerate(lines) if line == cause.TRACEBACK]
    if not starts:
        return tuple(lines[-SHOWN:])
    told = lines[starts[-1] + 1 :]
    end = next((number for number, line in enumerate(told) if not line.startswith((" ", "\t"))), len(told))
    return tuple(told[max(0, end + 1 - SHOWN) : end + 1])
