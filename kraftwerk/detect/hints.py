"""What other ways to run a project say of it: Procfile, Dockerfile, package.json, app.json, crontab."""

import json
import re
import shlex

from kraftwerk.detect.finding import Detection
from kraftwerk.detect.tree import Place, Tree

CALLABLE = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_]\w*(\([^()]*\))?)?")
VALUED = (
    "-c",
    "-b",
    "-w",
    "-k",
    "-t",
    "-n",
    "--bind",
    "--workers",
    "--worker-class",
    "--config",
    "--timeout",
    "--chdir",
)
ASYNCHRONOUS = re.compile(r"\b(uvicorn|daphne|hypercorn|UvicornWorker|UvicornH11Worker)\b|asgi")
ENTRY = re.compile(r"(?P<name>[\w-]+):\s*(?P<command>.+)")
JOB = re.compile(r"\s*(?P<at>@\w+|[\d*/,-]+(?:\s+[\d*/,-]+){4})\s+(?P<run>\S.*)")


def detect(tree: Tree, found: Detection) -> tuple[str, str]:
    """Note what they say; return the callable that the project itself starts (empty: none is named), and its kind."""
    command = _procfile(tree, found) or _dockerfile(tree, found)
    _package_json(tree, found)
    _crontab(tree, found)
    return target(command), "asgi" if ASYNCHRONOUS.search(command) else "wsgi"


def target(command: str) -> str:
    """Return the callable in a command line of gunicorn, uvicorn and the like."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    server = next(
        (i for i, word in enumerate(words) if re.search(r"(gunicorn|uvicorn|daphne|hypercorn|granian)$", word)), None
    )
    if server is None:
        return ""
    rest = words[server + 1 :]
    plain = [
        word
        for word, before in zip(rest, ["", *rest], strict=False)
        if not word.startswith("-") and before not in VALUED
    ]
    named = [word for word in plain if CALLABLE.fullmatch(word) and (":" in word or "." in word)]
    return next((word for word in named if ":" in word), named[0] if named else "")


def _procfile(tree: Tree, found: Detection) -> str:
    """Return the command of web, where it is one of a server that is known."""
    web = ""
    for number, line in enumerate(tree.text("Procfile").splitlines(), 1):
        match = ENTRY.fullmatch(line.strip())
        if not match or line.startswith("#"):
            continue
        name, command, place = match["name"].lower(), match["command"].strip(), Place("Procfile", number)
        if name == "web":
            web = command if target(command) else ""
            if not web:
                found.beware("web isn't started by a server of WSGI or ASGI that is known", place=place)
        elif name == "release":
            found.note("release", [command], "Procfile's release", place)
        else:
            found.note(f"processes.{name.replace('_', '-')}", command, "Procfile", place)
    return web


def _dockerfile(tree: Tree, found: Detection) -> str:
    """Note the packages of the system; return the command that starts web, where it is one that is known."""
    for file in tree.named("Dockerfile")[:1]:
        if "/" in file:
            continue
        text = re.sub(r"\\\n", " ", tree.text(file))
        packages = re.findall(r"apt(?:-get)?\s+(?:-\S+\s+)*install\s+([^&|;\n]*)", text)
        named = [word for each in packages for word in each.split() if re.fullmatch(r"[a-z][a-z0-9.+-]+", word)]
        if named:
            mend = "states of your own in salt/, where pip's wheels don't bring them"
            found.beware(
                f"its Dockerfile installs {', '.join(dict.fromkeys(named))}", mend, tree.line_of(file, "install")
            )
        for match in re.finditer(r"(?m)^(?:CMD|ENTRYPOINT)\s+(.+)$", text):
            command = match[1]
            try:
                command = shlex.join(json.loads(command)) if command.startswith("[") else command
            except ValueError:
                continue
            if target(command):
                return command
    return ""


def _package_json(tree: Tree, found: Detection) -> None:
    for file in [file for file in tree.named("package.json") if file.count("/") < 2]:
        try:
            scripts = json.loads(tree.text(file)).get("scripts", {})
        except (ValueError, AttributeError):
            continue
        if "build" in scripts:
            text = f"`npm run build` makes what browsers get ({scripts['build']}); nodes have no npm"
            mend = "run it before a deploy, and let .gitignore allow what it makes"
            found.beware(text, mend, tree.line_of(file, r'"build"'))


def _crontab(tree: Tree, found: Detection) -> None:
    """Jobs are told, once for each file: whose they are and where they would run isn't known."""
    for file in tree.named("crontab", "crontab.txt"):
        jobs = [line for line in tree.text(file).splitlines() if JOB.fullmatch(line)]
        if jobs:
            mend = 'cron: {NAME: {at: "17 3 * * *", run: COMMAND}}'
            found.beware(f"{len(jobs)} jobs of cron, such as {' '.join(jobs[0].split())}", mend, Place(file))
