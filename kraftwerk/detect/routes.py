"""A URL that answers: the front page where there is one, else one made to be asked, else whatever asks nothing."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kraftwerk.detect.evaluate import called, evaluate, keyword
from kraftwerk.detect.settings import Settings
from kraftwerk.detect.tree import Place, Tree, file_of

HEALTH = re.compile(
    r"/(-/)?(health|healthz|healthcheck|health-check|ping|status|up|livez|readyz|__heartbeat__|heartbeat)/?"
)
MADE = "made to be asked"
PATTERN = re.compile(r"[\^$]")


@dataclass(frozen=True)
class Route:
    """A path that the application knows."""

    path: str
    reason: str
    place: Place


def django(tree: Tree, settings: Settings, src: str) -> Route | None:
    """Return the URL to ask of a Django site, None for /."""
    module = settings.value("ROOT_URLCONF")
    file = file_of(tree, module, src) if isinstance(module, str) else ""
    known = list(_patterns(tree, file, src, "/", [])) if file else []
    return _chosen(known)


def decorated(tree: Tree, files: list[str]) -> Route | None:
    """Return the URL to ask of an application with routes by decorators, None for /."""
    known = [route for file in files for route in _decorators(tree, file)]
    return _chosen(known)


def _chosen(known: list[Route]) -> Route | None:
    plain = [route for route in known if re.fullmatch(r"[\w./~@-]*", route.path)]
    if not plain or any(route.path == "/" for route in plain):
        return None
    for test, reason in ((HEALTH.fullmatch, MADE), (None, "/ is no page of it")):
        for route in sorted(plain, key=lambda route: (len(route.path), route.path)):
            if test is None or test(route.path):
                path = f"{route.path}login/" if re.fullmatch(r".*admin/", route.path) else route.path
                return Route(path, reason, route.place)
    return None


def _patterns(tree: Tree, file: str, src: str, before: str, seen: list[str]) -> Iterator[Route]:
    """Yield the routes of a URL configuration, with those that it includes, as far as they are written out."""
    module = tree.module(file)
    if module is None or file in seen or len(seen) > 20:
        return
    for node in ast.walk(module):
        if not isinstance(node, ast.Call) or called(node.func).rpartition(".")[2] not in ("path", "re_path", "url"):
            continue
        given = evaluate(node.args[0], {}, file) if node.args else None
        if not isinstance(given, str):
            continue
        path = before + PATTERN.sub("", given)
        target = node.args[1] if len(node.args) > 1 else None
        if isinstance(target, ast.Call) and called(target.func) == "include":
            inner = evaluate(target.args[0], {}, file) if target.args else None
            inner = inner[0] if isinstance(inner, list) and inner else inner
            below = file_of(tree, inner, src) if isinstance(inner, str) else ""
            if below:
                yield from _patterns(tree, below, src, path, [*seen, file])
            elif not isinstance(inner, str) or path == "/":
                yield Route(path, "", Place(file, node.lineno))
        else:
            yield Route(path, "", Place(file, node.lineno))


def _decorators(tree: Tree, file: str) -> Iterator[Route]:
    module = tree.module(file)
    for node in ast.walk(module) if module else ():
        for each in getattr(node, "decorator_list", []):
            if isinstance(each, ast.Call) and called(each.func).rpartition(".")[2] in ("route", "get", "api_route"):
                methods = keyword(each, "methods")
                given = evaluate(each.args[0], {}, file) if each.args else None
                if isinstance(given, str) and (methods is None or "GET" in ast.unparse(methods)):
                    yield Route(given or "/", "", Place(file, each.lineno))
