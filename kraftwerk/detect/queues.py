"""Queues: the workers of Celery, RQ, Huey and Dramatiq, and their beat, with the redis that they need."""

import ast
import posixpath
import re
from dataclasses import replace

from kraftwerk.detect import names, variables
from kraftwerk.detect.evaluate import called
from kraftwerk.detect.finding import Detection
from kraftwerk.detect.packages import Packages
from kraftwerk.detect.tree import Tree, dotted, import_root

TAKEN = r"""^(?:celery|celery_app|app)\s*=\s*(?:\w+\.extensions\[["']celery["']\]|(?:create|make|init)_celery\()"""
BROKER = re.compile(r"(CELERY_)?BROKER(_URL)?|CELERY_RESULT_BACKEND|RESULT_BACKEND|(RQ|HUEY|CELERY)_\w*URL|REDIS_URL")


def detect(tree: Tree, packages: Packages, found: Detection) -> None:
    """Note the workers that a project needs beside web."""
    if packages.any_of("celery", "django-celery-beat"):
        _celery(tree, packages, found)
    if packages.any_of("django-rq"):
        _add(found, "worker", "python manage.py rqworker default", "django-rq", packages)
    elif packages.any_of("rq", "flask-rq2"):
        _rq(tree, packages, found)
    if packages.any_of("huey"):
        _huey(tree, packages, found)
    if packages.any_of("django-q", "django-q2"):
        _add(found, "worker", "python manage.py qcluster", packages.any_of("django-q", "django-q2"), packages)
    if packages.any_of("dramatiq", "django-dramatiq"):
        command = "python manage.py rundramatiq" if packages.any_of("django-dramatiq") else ""
        if command:
            _add(found, "worker", command, "django-dramatiq", packages)
        else:
            found.beware(
                "dramatiq's workers aren't known", "processes: {worker: dramatiq MODULE}", packages.place("dramatiq")
            )
    if packages.any_of("channels-redis"):
        found.note(
            "services.redis", {}, "channels_redis carries messages between workers", packages.place("channels-redis")
        )


def _celery(tree: Tree, packages: Packages, found: Detection) -> None:
    """Celery's application, where a module makes it, or takes what a function made."""
    made = [file for file in tree.python("Celery(") if _makes(tree.module(file), whole=True)]
    if not made:
        return
    top = [file for file in made if _makes(tree.module(file), whole=False)]
    taken = [file for file in tree.python("celery") if re.search(TAKEN, tree.text(file), re.MULTILINE)]
    file = next(iter([*top, *taken, *made]))
    place = tree.line_of(file, rf"Celery\(|{TAKEN}")
    root = import_root(tree, file)
    celery = f"celery --app {dotted(file, root)}"
    if root != found.src:  # outside of the source, which it imports all the same
        aside = posixpath.relpath(root, found.src)
        celery = f'env PYTHONPATH="$PWD" celery --workdir {aside} --app {dotted(file, root)}'
    found.note("services.redis", {}, "Celery's queue", place)
    redis = found.services["redis"]  # maybe noted before, as a cache
    found.findings[redis.keys] = replace(redis, value={**redis.value, "celery": "yes"})
    found.note("processes.worker", f"{celery} worker --loglevel info", "Celery's worker", place)
    _beat(tree, packages, celery, found)
    _brokers(tree, found)


def _makes(module: ast.Module | None, *, whole: bool) -> bool:
    """Tell whether a module makes an application of Celery's: anywhere, or at its top."""
    for statement in module.body if module else ():
        if not whole and isinstance(statement, ast.FunctionDef | ast.ClassDef):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and called(node.func).rpartition(".")[2] == "Celery":
                return True
    return False


def _beat(tree: Tree, packages: Packages, celery: str, found: Detection) -> None:
    database = packages.any_of("django-celery-beat")
    for file in tree.python("beat_schedule", "BEAT_SCHEDULE", "crontab(", "add_periodic_task", "periodic_task"):
        place = tree.line_of(file, r"(?i)beat_schedule|crontab\(|periodic_task")
        break
    else:
        if not database:
            return
        place = packages.place(database) or tree.line_of("pyproject.toml", "celery")
    how = "--scheduler django" if database else "--scheduler celery.beat:Scheduler"
    found.note("processes.beat", f"{celery} beat --loglevel info {how}", "periodic tasks", place)


def _brokers(tree: Tree, found: Detection) -> None:
    """Note where Celery's addresses are read: by variables, or by the prefix that Flask knows."""
    for file in tree.python("from_prefixed_env"):
        for name in ("broker_url", "result_backend") if re.search(r"CELERY\s*=|CELERY[\"']", tree.text(file)) else ():
            place = tree.line_of(file, name)
            found.note(f"environ.FLASK_CELERY__{name}", "${CELERY_BROKER_URL}", "config.from_prefixed_env", place)
    for name, several in variables.find(tree).items():
        if BROKER.fullmatch(name) and name not in ("REDIS_URL", "CELERY_BROKER_URL"):
            reference = "${CELERY_BROKER_URL}" if "BROKER" in name else "${REDIS_URL}"
            found.note(f"environ.{name}", reference, "Celery's queue", several[0].place)
        elif names.REDIS_PART.fullmatch(name):
            names.unreachable(several[0], found)


def _rq(tree: Tree, packages: Packages, found: Detection) -> None:
    for file in tree.python("from rq import", "import rq", "rq.Queue"):
        found.note("services.redis", {}, "RQ's queue", tree.line_of(file, r"\brq\b"))
        found.note("processes.worker", 'rq worker --url "$REDIS_URL"', "RQ's worker", tree.line_of(file, r"\brq\b"))
        return


def _huey(tree: Tree, packages: Packages, found: Detection) -> None:
    for file in tree.python("huey"):
        if re.search(r"\b(Redis|PriorityRedis|RedisExpire)\w*Huey\(|RedisHuey", tree.text(file)):
            found.note("services.redis", {}, "Huey's queue", tree.line_of(file, "Huey"))
        made = re.search(r"(?m)^(\w+)\s*=\s*\w*Huey\(", tree.text(file))
        if "huey.contrib.djhuey" in tree.text(file):
            return _add(found, "worker", "python manage.py run_huey", "huey", packages)
        if made:
            command = f"huey_consumer {dotted(file, found.src)}.{made[1]}"
            return found.note("processes.worker", command, "Huey's worker", tree.line_of(file, r"Huey\("))
    return None


def _add(found: Detection, name: str, command: str, package: str, packages: Packages) -> None:
    found.note("services.redis", {}, f"{package}'s queue", packages.place(package))
    found.note(f"processes.{name}", command, f"{package}'s worker", packages.place(package))
