"""What expressions of settings come to, without running them: constants, paths below the project, environment reads."""

import ast
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

Names = Mapping[str, Any]  # name: what it was found to be
UNKNOWN = type("Unknown", (), {"__repr__": lambda self: "UNKNOWN", "__bool__": lambda self: False})()
SAME = ("resolve", "absolute", "expanduser", "as_posix", "strip", "__str__")  # methods that lead to the same place
SAME_CALLS = ("Path", "PurePath", "str", "abspath", "realpath", "normpath", "fspath")
ANCHOR = "\0root"  # stands for the project's folder, so that paths in it are known from others


def evaluate(node: ast.expr | None, names: Names, file: str = "") -> Any:
    """Return the value of an expression, UNKNOWN where only running it would tell.

    A path in the project begins with ANCHOR. A read of the environment is its default.

    Args:
        names: what other names are.
        file: the file that it stands in, for `__file__`.
    """
    rule = _RULES.get(type(node))
    return rule(node, names, file) if rule else UNKNOWN


def inside(value: Any, src: str = ".") -> str | None:
    """Return a path as seen from a folder of the project; None for one that isn't in there."""
    if not isinstance(value, str):
        return None
    if not value.startswith(ANCHOR):
        return None if value.startswith("/") or not value else posixpath.normpath(value)
    path = posixpath.relpath(value[len(ANCHOR) :].lstrip("/") or ".", src)
    return None if path == ".." or path.startswith("../") else path


def called(node: ast.expr) -> str:
    """Return the dotted name of what a call calls; empty where it has none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = called(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


def keyword(node: ast.Call, *names: str) -> ast.expr | None:
    """Return an argument of a call by its name."""
    return next((each.value for each in node.keywords if each.arg in names), None)


def _constant(node: Any, names: Names, file: str) -> Any:
    return node.value


def _name(node: Any, names: Names, file: str) -> Any:
    return f"{ANCHOR}/{file}" if node.id == "__file__" else names.get(node.id, UNKNOWN)


def _list(node: Any, names: Names, file: str) -> Any:
    return [evaluate(each, names, file) for each in node.elts]


def _dict(node: Any, names: Names, file: str) -> Any:
    found: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        known = evaluate(value, names, file)
        if key is None:
            found |= known if isinstance(known, dict) else {}
        elif isinstance(name := evaluate(key, names, file), str):
            found[name] = known
    return found


def _joined(node: Any, names: Names, file: str) -> Any:
    parts = [evaluate(getattr(each, "value", each), names, file) for each in node.values]
    return UNKNOWN if UNKNOWN in parts else "".join(map(str, parts))


def _operation(node: Any, names: Names, file: str) -> Any:
    left, right = evaluate(node.left, names, file), evaluate(node.right, names, file)
    if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
        return posixpath.normpath(posixpath.join(left, right))
    if isinstance(node.op, ast.Add):
        if isinstance(left, list) or isinstance(right, list):
            return [each for side in (left, right) for each in (side if isinstance(side, list) else [UNKNOWN])]
        if isinstance(left, str) and isinstance(right, str):
            return left + right
    return UNKNOWN


def _either(node: Any, names: Names, file: str) -> Any:
    values = [evaluate(each, names, file) for each in node.values]
    if isinstance(node.op, ast.Or):
        return next((value for value in values if value), values[-1])
    return values[-1] if UNKNOWN not in values else UNKNOWN


def _not(node: Any, names: Names, file: str) -> Any:
    value = evaluate(node.operand, names, file)
    return not value if isinstance(node.op, ast.Not) and value is not UNKNOWN else UNKNOWN


def _comparison(node: Any, names: Names, file: str) -> Any:
    from kraftwerk.detect.variables import read_of

    if read_of(node, names, file):  # "X" in os.environ, which it isn't
        return isinstance(node.ops[0], ast.NotIn)
    left, right = evaluate(node.left, names, file), evaluate(node.comparators[0], names, file)
    if UNKNOWN in (left, right) or len(node.ops) > 1:
        return UNKNOWN
    if isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return (left == right) is isinstance(node.ops[0], ast.Eq)
    if isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(right, list | dict):
        return (left in right) is isinstance(node.ops[0], ast.In)
    return UNKNOWN


def _attribute(node: Any, names: Names, file: str) -> Any:
    value = evaluate(node.value, names, file)
    if node.attr == "parent" and isinstance(value, str):
        return posixpath.dirname(value)
    return UNKNOWN


def _subscript(node: Any, names: Names, file: str) -> Any:
    if isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
        value, index = evaluate(node.value.value, names, file), evaluate(node.slice, names, file)
        if isinstance(value, str) and isinstance(index, int):
            for _ in range(index + 1):
                value = posixpath.dirname(value)
            return value
    value, key = evaluate(node.value, names, file), evaluate(node.slice, names, file)
    return value.get(key, UNKNOWN) if isinstance(value, dict) and isinstance(key, str) else UNKNOWN


def _call(node: Any, names: Names, file: str) -> Any:
    name = called(node.func)
    last = name.rpartition(".")[2]
    arguments = [evaluate(each, names, file) for each in node.args if not isinstance(each, ast.Starred)]
    if last in SAME and isinstance(node.func, ast.Attribute) and not arguments:
        return evaluate(node.func.value, names, file)
    if last == "dirname" and arguments and isinstance(arguments[0], str):
        return posixpath.dirname(arguments[0])
    if last in ("join", "joinpath"):
        start = [evaluate(node.func.value, names, file)] if last == "joinpath" else []
        parts = [*start, *arguments]
        whole = parts and all(isinstance(part, str) for part in parts) and name != "str.join"
        return posixpath.normpath(posixpath.join(*parts)) if whole else UNKNOWN
    if last in ("bool", "int") and len(arguments) == 1:
        return arguments[0] if arguments[0] is UNKNOWN else bool(arguments[0] and arguments[0] != "0")
    if last in SAME_CALLS and len(arguments) == 1 and (name == last or name.startswith(("os.", "path.", "pathlib."))):
        return arguments[0]
    from kraftwerk.detect.variables import read_of

    variable = read_of(node, names, file)
    return variable.default if variable else UNKNOWN


_RULES: dict[type | None, Callable[[Any, Names, str], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.BinOp: _operation,
    ast.BoolOp: _either,
    ast.UnaryOp: _not,
    ast.Compare: _comparison,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
}
