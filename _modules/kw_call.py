"""
Runs functions of these modules without Salt: for kraftwerk, which sends them along, and for cron, from a folder.

Starting Salt costs most of a second and its return values may not be large; data wants neither. The modules are the
same ones that Salt loads, with ``__salt__`` reaching the others of them (and nothing of Salt's own). Three ways in:

- ``python3 kw_call.py kw_backup.create mysite`` in a folder of them: prints what the function returns as JSON;
- ``_serve``, called by kraftwerk/remote/nodeprogram.py: one call, read from stdin; messages go to stderr;
- ``salt '*' kw_call.progress``: what a function reports is logged where Salt runs it.
"""

import contextlib
import importlib
import json
import logging
import os
import platform
import pwd
import signal
import sys
import threading
from collections.abc import Mapping

__virtualname__ = "kw_call"
MARK = "\x1e"  # begins each message (RFC 7464), so that none is mistaken for what programs say on the same stderr
GRACE = 10  # seconds between asking everything here to stop, and making it
_mode = "salt"  # or "served", or "folder"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_call: instances run on Linux nodes only"
    return __virtualname__


def progress(text):
    """
    Tell whoever waits what is being done right now.

    text
        A few words: ``postgres 120 MB``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_call.progress 'counting rows'
    """
    if _mode == "served":
        _tell(progress=text)
    elif _mode == "folder":
        print(text, file=sys.stderr, flush=True)
    else:
        logging.getLogger(__name__).info("%s", text)


def report(value):
    """
    Hand a result over before the function ends; only kraftwerk, when it waits, takes it.

    value
        Anything that JSON knows.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_call.report '{"service": "postgres"}'
    """
    if _mode == "served":
        _tell(report=value)


class _Functions(Mapping):
    """``__salt__``: the public functions of the modules beside this one, each loaded when it is first asked for."""

    def __init__(self, names):
        self.names = frozenset(names)
        self.loaded = {}

    def __getitem__(self, key):
        name, _, function = key.partition(".")
        if name not in self.names:
            raise KeyError(key)
        if name not in self.loaded:
            self.loaded[name] = self._load(name)
        return self.loaded[name][function]

    def __iter__(self):
        for name in sorted(self.names):
            self.get(f"{name}.")
            yield from (f"{name}.{function}" for function in self.loaded.get(name, ()))

    def __len__(self):
        return sum(1 for _ in self)

    def _load(self, name):
        module = importlib.import_module(name)
        extra = {"__salt__": self, "__pillar__": {}, "__grains__": {}, "__opts__": {}, "__context__": {}}
        vars(module).update(extra)
        virtual = module.__virtual__() if hasattr(module, "__virtual__") else name
        if not virtual or isinstance(virtual, tuple):
            reason = virtual[1] if isinstance(virtual, tuple) else f"{name} can't be used on this node"
            raise RuntimeError(reason)
        alias = getattr(module, "__func_alias__", {})
        public = {key: value for key, value in vars(module).items() if callable(value) and not key.startswith("_")}
        own = {key: value for key, value in public.items() if getattr(value, "__module__", name) in (name, "__main__")}
        return {alias.get(key, key): value for key, value in own.items()}


def _find(function, names):
    """A function of the modules of these names; this very module is one of them."""
    sys.modules["kw_call"] = sys.modules[__name__]
    found = _Functions(name for name in names if name.startswith("kw_")).get(function)
    if found is None:
        raise RuntimeError(f"there is no function {function} here")
    return found


def _serve(request):
    """
    Make one call for kraftwerk, and return the exit code.

    Messages go to stderr: progress and reports, last ``return`` or ``error``. stdout is for a stream of bytes.

    request
        JSON: ``modules`` (names that can be imported), ``function``, ``arguments``, ``keywords``, ``feeds``, which
        tells that stdin is the function's own, and ``user``, who the function runs as.
    """
    global _mode
    _mode = "served"
    wanted = json.loads(request)
    leash = None if wanted["feeds"] else _Leash()
    try:
        function = _find(wanted["function"], wanted["modules"])
        if wanted["user"]:
            _become(wanted["user"])
        _tell(**{"return": function(*wanted["arguments"], **wanted["keywords"])})
        return 0
    except (Exception, _Gone) as error:
        _tell(error=_words(error), kind=type(error).__name__)
        return 1
    finally:
        if leash is not None and leash.pulled:
            os.killpg(0, signal.SIGKILL)  # our caller is gone: what we started and didn't end in time ends here


def _become(name):
    """Go on as another user, for good. Nobody reads the memory of a process that did so, not even that user."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise RuntimeError(f"there is no user {name} on this node") from None
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _tell(**message):
    """Send a message; nobody may be there any more."""
    data = (MARK + json.dumps(message) + "\n").encode()
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(2, data) :]


def _words(error):
    """An error in one message: what the modules raise says all; anything else is told with its kind."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    known = isinstance(error, RuntimeError | ValueError | OSError | _Gone)
    return str(error) if known else f"{type(error).__name__}: {error}"


class _Gone(BaseException):
    """Raised in the midst of the work when our caller is gone, so that it undoes what is half done."""


class _Leash:
    """Stops us, and all that we started, when stdin ends: our caller holds its other end."""

    def __init__(self):
        self.pulled = False
        with contextlib.suppress(PermissionError):  # sshd made us the first of a session already
            os.setpgid(0, 0)  # so that it can be ended as one
        signal.signal(signal.SIGTERM, self._interrupt)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while os.read(0, 1000):
            pass
        self.pulled = True
        os.killpg(0, signal.SIGTERM)
        threading.Event().wait(GRACE)
        os.killpg(0, signal.SIGKILL)

    def _interrupt(self, number, frame):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.pulled = True  # whoever asks us to stop means what we started, too
        raise _Gone("the connection to the one who asked for it broke")


def _keyword(word):
    """A word of the command line as (name, value) where it is a keyword: ``detail=true``."""
    name, sign, value = word.partition("=")
    if not sign or not name.isidentifier():
        return None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _from_folder(function, *words):
    """Make one call for a command line, print what it returns, and return the exit code."""
    global _mode
    _mode = "folder"
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, folder)
    names = [os.path.splitext(name)[0] for name in os.listdir(folder) if name.endswith(".py")]
    keywords = dict(filter(None, map(_keyword, words)))
    arguments = [word for word in words if not _keyword(word)]
    try:
        answer = _find(function, names)(*arguments, **keywords)
    except (RuntimeError, ValueError, OSError) as error:
        print(f"{function}: {_words(error)}", file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: kw_call.py MODULE.FUNCTION [ARGUMENT…] [NAME=VALUE…]")
    sys.exit(_from_folder(*sys.argv[1:]))
