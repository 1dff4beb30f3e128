"""Salt's own loaders over the shipped trees, as they are loaded on a node."""

import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
import salt.config
import salt.loader
from saltfactories.utils.functional import Loaders

from tests import couchdb_server

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def minion_opts(tmp_path_factory):
    """The configuration that states run with on a node; nothing of it touches this machine's own."""
    root = tmp_path_factory.mktemp("minion")
    extensions = root / "ext"
    extensions.mkdir()
    for folder in ("_modules", "_states"):
        (extensions / folder).symlink_to(TOP / folder)
    opts = salt.config.minion_config(None)
    return {
        **opts,
        "id": "blue",
        "root_dir": str(root),
        "cachedir": str(root / "cache"),
        "file_client": "local",
        "file_roots": {"base": [str(TOP / "salt")]},
        "pillar_roots": {"base": [str(TOP / "pillar")]},
        "module_dirs": [str(extensions)],
        "enable_fqdns_grains": False,
        "enable_gpu_grains": False,
    }


@pytest.fixture(scope="session")
def loaders(minion_opts):
    """The loaders; execution functions are `loaders.modules.kw_files.dump` and so on."""
    return Loaders(minion_opts)


@pytest.fixture
def patch_module(loaders, monkeypatch):
    """Point a constant of an execution module somewhere else: `patch_module("kw_files", ROOT=tmp_path)`."""

    def patch(module, **values):
        loaded = next(loaders.modules[name] for name in loaders.modules if name.startswith(f"{module}."))
        for key, value in values.items():
            monkeypatch.setitem(loaded.func.__globals__, key, value)

    return patch


@pytest.fixture
def options_of_services(loaders):
    """Have all services of all instances find some options: `options_of_services({"url": …})`."""
    name = "kw_service.options"
    function = loaders.modules[name].func  # itself: the loader must not be given back what wraps it

    def patch(options):
        loaders.modules[name] = lambda instance, service: options

    yield patch
    loaders.modules[name] = function


@pytest.fixture
def state(loaders, minion_opts):
    """Run a state function over execution modules as `patch_module` left them: `state("kw_runit.dead", name=…)`."""

    def run(function, test=False, **arguments):
        opts = {**minion_opts, "test": test, "grains": loaders.grains}
        states = salt.loader.states(opts, loaders.modules, loaders.utils, loaders.serializers)
        return states[function](**arguments)

    return run


@pytest.fixture(scope="session")
def greeting():
    """The port of something that greets as sshd does, at every address of loopback."""

    def serve(server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with closing(connection):
                connection.sendall(b"SSH-2.0-here\r\n")

    with socket.create_server(("0.0.0.0", 0)) as server:
        threading.Thread(target=serve, args=[server], daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture(scope="session")
def couchdb_url(tmp_path_factory):
    """The URL of a server that speaks CouchDB's API, with an admin's name and password."""
    if couchdb_server.REAL:
        yield couchdb_server.REAL
    else:
        with couchdb_server.running(tmp_path_factory.mktemp("couchdb")) as found:
            yield found
