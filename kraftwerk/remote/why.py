"""Runs on a node, as an argument of python3: what stands between a visitor and the answer of an instance.

why.py QUESTION

QUESTION is JSON: instance, the port that is asked for, and the application as gunicorn is told it. What is found is
printed as one JSON object, for kraftwerk/why/facts.py. Nothing is changed.
"""

from __future__ import annotations  # the node's Python may be older than ours

import fcntl
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

LIST = "/var/lib/kraftwerk/health"  # how services are asked, as health.sh reads it
STEADY = 5  # seconds: who runs for so long has imported the application
PATIENCE, IMPORT = 5, 30  # seconds for an answer, and for an import
TAIL = 1 << 16  # bytes of a log
IMPORTS = "import sys; from gunicorn.util import import_app; import_app(sys.argv[1])"
RULES = ("nft list ruleset", "iptables -S")  # what shows a firewall
NAMES = re.compile(r"^\s*server_name\s+([^;]+);", re.MULTILINE)


def run(words: Sequence[str], timeout: float = PATIENCE) -> tuple[int, str, str]:
    """Run a program; return its exit code, output and errors."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, errors="replace", check=False
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"no answer within {timeout:.0f} s"
    except OSError as error:
        return 127, "", f"{words[0]}: {error.strerror}"
    return done.returncode, done.stdout, done.stderr


def leads_to(path: str) -> str:
    """Return where a link leads; empty for none."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def nginx(port: int) -> dict[str, Any]:
    """Return whether nginx runs and listens, what is wrong with its configuration, and the names that it knows."""
    _, state, _ = run(["systemctl", "show", "-p", "ActiveState", "--value", "nginx"])
    code, configuration, said = run(["nginx", "-T"])
    wrong = [line for line in said.splitlines() if "[emerg]" in line] or said.splitlines() or ["nginx -T failed"]
    names = " ".join(NAMES.findall(configuration)).replace('"', "").split()
    return {
        "state": state.strip(),
        "listens": listens(port),
        "error": wrong[0].partition("[emerg] ")[2] or wrong[0] if code else "",
        "names": sorted(set(names)),
    }


def listens(port: int) -> bool:
    """Tell whether somebody answers on a port, from here."""
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True


def live(instance: str) -> dict[str, Any]:
    """Return what is live, and where nginx is led."""
    run_folder, root = f"/run/kraftwerk/{instance}", f"/web/{instance}"
    release = leads_to(f"{root}/current")
    try:
        exists = stat.S_ISSOCK(os.stat(f"{run_folder}/current.sock").st_mode)
    except OSError:
        exists = False
    return {
        "release": os.path.basename(release) if os.path.isdir(f"{root}/current/") else "",
        "slot": leads_to(f"{root}/slots/live"),
        "link": leads_to(f"{run_folder}/current.sock"),
        "exists": exists,
        "held": held(run_folder),
    }


def held(folder: str) -> bool:
    """Tell whether somebody holds all of the instance, so that requests wait (hold.py)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def maintenance(instance: str) -> dict[str, Any] | None:
    """Return since when visitors are kept out, and what they are told; None where they aren't."""
    folder = f"/web/{instance}/maintenance"
    try:
        since = os.stat(f"{folder}/page.html").st_mtime
        with open(f"{folder}/message", errors="replace") as file:
            return {"since": since, "message": file.read()}
    except OSError:
        return None


def gunicorn(instance: str, slot: str, application: str) -> dict[str, Any]:
    """Return how gunicorn is in the live slot; where it doesn't stay up, how the application imports."""
    service = f"{instance}-web-{slot}"
    said = run(["sv", "status", f"/etc/service/{service}"])[1].partition(";")[0]
    seconds, pid = re.search(r" (\d+)s\b", said), re.search(r"\(pid (\d+)\)", said)
    found: dict[str, Any] = {
        "service": service,
        "state": said.partition(":")[0].strip(),
        "wanted": said.startswith("run:") or "want up" in said,
        "up": int(seconds[1]) if seconds else 0,
        "workers": len(run(["pgrep", "-P", pid[1]])[1].split()) if pid else 0,
    }
    steady = found["state"] == "run" and found["up"] >= STEADY and found["workers"]
    found["imported"] = timed(imported, instance, application) if found["wanted"] and not steady else None
    return found


def as_site(instance: str, words: Sequence[str]) -> list[str]:
    """Return the words that run a program as the instance's own user."""
    user = f"web-{instance}"
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *words]


def imported(instance: str, application: str) -> dict[str, Any]:
    """Return what the application's import says when it fails, as gunicorn would import it."""
    words = [f"/web/{instance}/exec", "-r", f"/web/{instance}/current", "python", "-c", IMPORTS, application]
    code, _, said = run(as_site(instance, words), IMPORT)
    return {"error": (said.strip() or f"exit code {code}") if code else ""}


def checks(instance: str) -> dict[str, str]:
    """Return the commands that ask the instance's services, by their names."""
    try:
        with open(LIST, errors="replace") as file:
            lines = [line.rstrip("\n").split("\t") for line in file]
    except OSError:
        return {}
    return {line[2]: line[3] for line in lines if len(line) > 3 and line[:2] == ["check", instance]}


def check(instance: str, command: str) -> dict[str, Any]:
    """Return what a service complains of."""
    code, printed, said = run(as_site(instance, ["sh", "-c", f"set -a; . '/web/{instance}/env'; {command}"]))
    words = [line for line in (said + printed).splitlines() if line.strip()]
    return {"said": (words or ["no answer"])[0] if code else ""}


def log(instance: str, slot: str) -> list[str]:
    """Return the end of the log of the live slot."""
    time.sleep(0.2)  # what was printed last is on its way through svlogd
    try:
        with open(f"/var/log/kraftwerk/{instance}/web-{slot}/current", "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            return file.read().decode(errors="replace").splitlines()[-200:]
    except OSError:
        return []


def timed(function: Any, *arguments: Any) -> dict[str, Any] | None:
    """Call a function; return what it found, with the seconds that it took."""
    began = time.monotonic()
    found = function(*arguments)
    return None if found is None else {**found, "seconds": time.monotonic() - began}


def main(words: str) -> None:
    """Look at all at the same time, at the log last."""
    question = json.loads(words)
    name, slot = question["instance"], leads_to(f"/web/{question['instance']}/slots/live")
    with ThreadPoolExecutor() as pool:
        asked = {service: pool.submit(timed, check, name, command) for service, command in checks(name).items()}
        web = pool.submit(timed, gunicorn, name, slot, question["application"])
        proxy = pool.submit(timed, nginx, question["port"])
        found = {
            "addresses": run(["hostname", "-I"])[1].split(),
            "rules": next((words for words in RULES if shutil.which(words.split()[0])), ""),
            "live": timed(live, name),
            "maintenance": maintenance(name),
            "nginx": proxy.result(),
            "gunicorn": web.result(),
            "services": {service: future.result() for service, future in asked.items()},
        }
    found["log"] = log(name, slot)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
