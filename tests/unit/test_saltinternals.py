"""The guard of what leans on Salt's non-public parts: when a release of Salt changes one, it is named here.

Those parts are used in kraftwerk/transport/saltinternals.py, and on nodes in kraftwerk/remote/saltparts.py and
saltengine.py.
"""

import ast
import importlib
import inspect
import os
import subprocess
import sys

import pytest

from kraftwerk.remote import saltparts
from kraftwerk.transport import enginefile, saltinternals

# Each function that is called or replaced, with the first arguments that it must take.
PARTS = {
    "salt.cli.caller:Caller.factory": ["opts"],
    "salt.cli.caller:ZeroMQCaller.call": ["self"],
    "salt.client.ssh.client:SSHClient._prep_ssh": ["self", "tgt", "fun", "arg", "timeout", "tgt_type", "kwarg"],
    "salt.client.ssh.shell:Shell._run_cmd": ["self", "cmd"],
    "salt.client.ssh.shell:Shell._split_cmd": ["self", "cmd"],
    "salt.client.ssh.shell:Shell.send": ["self", "local", "remote", "makedirs"],
    "salt.client.ssh.state:prep_trans_tar": ["file_client", "chunks", "file_refs", "pillar", "id_", "roster_grains"],
    "salt.client.ssh.wrapper:parse_ret": ["stdout", "stderr", "retcode", "result_only"],
    "salt.client.ssh.wrapper:SSHException.to_ret": ["self"],
    "salt.client.ssh:Single.__init__": ["self", "opts", "argv", "id_"],
    "salt.client.ssh:Single.cmd_block": ["self", "is_retry"],
    "salt.client.ssh:Single.run": ["self", "deploy_attempted"],
    "salt.client.ssh:_convert_args": ["args"],
    "salt.client.ssh:mod_data": ["fsclient"],
    "salt.config:apply_minion_config": ["overrides", "defaults"],
    "salt.fileclient:FSClient.get_file": ["self", "path", "dest", "makedirs", "saltenv"],
    "salt.fileserver:FSChan.__init__": ["self", "opts"],
    "salt.fileserver:FSChan.close": ["self"],
    "salt.fileserver:FSChan.send": ["self", "load"],
    "salt.loader.lazy:LazyLoader._iter_files": ["self", "mod_name"],
    "salt.loader.lazy:LazyLoader._load": ["self", "key"],
    "salt.loader.lazy:LazyLoader._load_module": ["self", "name"],
    "salt.loader.lazy:LazyLoader._refresh_file_mapping": ["self"],
    "salt.loader:utils": ["opts", "whitelist"],
    "salt.modules.systemd_service:_systemctl_cmd": ["action"],
    "salt.modules.systemd_service:_systemctl_status": ["name"],
    "salt.state:State._gather_pillar": ["self"],
    "salt.utils.entrypoints:iter_entry_points": ["group", "name"],
    "salt.utils.jinja:SerializerExtension.load_yaml": ["self", "value"],
    "salt.utils.optsdict:OptsDict._get_all_keys": ["self"],
    "jinja2:Environment.compile": ["self", "source", "name", "filename", "raw"],
}
# What stands in the text of a function that our ways count on.
WORDS = {
    "salt.client.ssh.wrapper:SSHException.__init__": ["self.retcode ="],
    "salt.client.ssh:SSH.__init__": [f"self.{name} =" for name in ("targets", "defaults", "fsclient", "thin", "mods")],
    "salt.client.ssh:Single.__init__": [
        f"self.{name}" for name in ("argv =", "fun,", "id =", "mods =", "fsclient =", "minion_opts =", "wfuncs =")
    ],
    "salt.client.ssh:Single._run_wfunc_thin": ['["test.opts_pkg"]()'],
    "salt.client.ssh.state:prep_trans_tar": ["tempfile.mkdtemp()", "mkstemp()"],
    "salt.cli.caller:BaseCaller.__init__": ["self.opts = opts"],
    "salt.cli.caller:BaseCaller.call": ['self.opts["fun"]', 'self.opts["arg"]', 'ret["retcode"] ='],
    "salt.loader.lazy:LazyLoader.__init__": [
        f"self.{name} =" for name in ("whitelist", "loaded_modules", "loaded_files", "_lock")
    ],
    "salt.loader.lazy:LazyLoader._refresh_file_mapping": [
        *("self.file_mapping = {}", "self.module_dirs", "self.static_modules", "self.disabled", "self.suffix_map["),
        "self.suffix_order.append(",
    ],
    "salt.client.ssh.wrapper.state:highstate": ["{}/salt_state.tgz", "single.shell.send(trans_tar", "cmd_block()"],
    "salt.client.ssh.wrapper.state:sls": ["{}/salt_state.tgz", "single.shell.send(trans_tar", "cmd_block()"],
    "salt.state:State.__init__": ["self._pillar_override,", "dictupdate.merge("],
    "salt.modules.systemd_service:_systemctl_status": ['_systemctl_cmd("status", name)'],
    "salt.modules.systemd_service:systemctl_reload": ["_systemctl_cmd("],
    "salt.state:State.call_chunk": ["self.call(low"],
    "salt.loader.lazy:LazyLoader._load_module": ["self.loaded_modules.add(tgt_mod)", "self.loaded_files.add("],
}


def part(name):
    """Return what stands under a name in Salt."""
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for each in path.split("."):
        assert hasattr(found, each), f"this release of Salt has no {name}; see kraftwerk/transport/saltinternals.py"
        found = getattr(found, each)
    return found


@pytest.mark.parametrize("name", PARTS)
def test_salt_has_what_is_leant_on(name):
    taken = list(inspect.signature(part(name)).parameters)
    wanted = PARTS[name][1:] if name.endswith(".factory") else PARTS[name]
    assert taken[: len(wanted)] == wanted or taken == PARTS[name], f"{name} takes other arguments now: {taken}"


@pytest.mark.parametrize("name", WORDS)
def test_salt_does_what_is_leant_on(name):
    text = inspect.getsource(part(name))
    assert [words for words in WORDS[name] if words not in text] == [], f"{name} works otherwise now"


def test_options_have_no_truth_of_their_own():
    assert "__bool__" not in vars(part("salt.utils.optsdict:OptsDict")), "saltparts.has_any is needed no more"


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("service", ["web", "db", "daemon-reload", "web"]), ("file", ["web", "web", "db", "daemon-reload", "web"])],
)
def test_a_unit_s_status_is_asked_once_in_a_state_of_a_service(state, wanted):
    asked = []

    def status(name):
        asked.append(name)
        return {"stdout": f"{name} {len(asked)}"}

    def reload(action, name=None):
        asked.append(action)

    module = {"_systemctl_status": status, "_systemctl_cmd": reload}
    saltparts.ask_once(module)

    def run(self, low):
        first = module["_systemctl_status"]("web")
        module["_systemctl_status"]("web")
        module["_systemctl_status"]("db")
        module["_systemctl_cmd"]("daemon-reload")
        assert module["_systemctl_status"]("web") != first

    call = saltparts.with_units_forgotten(run)
    call(None, {"state": state})
    assert asked == wanted
    call(None, {"state": state})
    assert asked == wanted * 2


MEANWHILE = """
import sys, threading
from kraftwerk.transport import saltinternals
saltinternals.warm_meanwhile()
saltinternals._warmed()
print("salt.client.ssh.client" in sys.modules, threading.active_count())
"""


def test_salt_is_imported_meanwhile_and_waited_for():
    answer = subprocess.run([sys.executable, "-c", MEANWHILE], capture_output=True, text=True, check=False, timeout=100)
    assert (answer.stdout, answer.stderr) == ("True 1\n", "")


def test_a_function_of_ours_is_not_looked_for_in_others_modules(tmp_path):
    """Templates ask for `kw_nginxconf.directives`, which nodes have; first among Salt's functions of this computer."""
    from salt.loader.lazy import LazyLoader

    for name in ("kw_here", "other"):
        (tmp_path / f"{name}.py").write_text("def answer():\n    return 42\n")
    loader = LazyLoader([str(tmp_path)], {"cachedir": str(tmp_path)}, tag="test")
    load = saltparts.only_what_may_be(LazyLoader._load)
    assert not load(loader, "kw_there.answer")
    assert not loader.loaded_files
    assert load(loader, "kw_here.answer")
    assert loader["kw_here.answer"]() == 42


def test_a_module_that_goes_away_takes_no_other_with_it(tmp_path):
    """Salt takes a name for missing once a module that stands for it on other systems was seen."""
    from salt.loader.lazy import LazyLoader

    elsewhere = "__virtualname__ = 'thing'\n\n\ndef __virtual__():\n    return False, 'another system'\n"
    (tmp_path / "thing_a.py").write_text(elsewhere)
    (tmp_path / "thing_b.py").write_text("gone")
    (tmp_path / "thing_c.py").write_text(
        "__virtualname__ = 'thing'\n\n\ndef __virtual__():\n    return 'thing'\n\n\ndef answer():\n    return 42\n"
    )
    loader = LazyLoader([str(tmp_path)], {"cachedir": str(tmp_path)}, tag="test")
    (tmp_path / "thing_b.py").unlink()
    assert saltparts.only_what_may_be(LazyLoader._load)(loader, "thing.answer")
    assert loader._dict["thing.answer"]() == 42


def test_folders_of_modules_are_listed_again_when_they_changed(tmp_path):
    from salt.loader.lazy import LazyLoader

    asked = []

    def stock(self):
        asked.append(self)
        LazyLoader._refresh_file_mapping(self)

    (tmp_path / "one.py").write_text("")
    refresh = saltparts.listed_once(stock)
    opts = {"cachedir": str(tmp_path / "cache"), "optimization_order": [0, 1, 2]}
    first, second = (LazyLoader([str(tmp_path)], opts, tag="test") for _ in range(2))
    refresh(first)
    second.file_mapping = {}
    refresh(second)
    assert asked == [first]
    assert second.file_mapping == first.file_mapping == {"one": (str(tmp_path / "one.py"), ".py", 0)}
    assert second.file_mapping is not first.file_mapping
    (tmp_path / "two.py").write_text("")
    os.utime(tmp_path, ns=(1, 1))  # however coarse the clock of the file system is
    refresh(second)
    assert (asked, set(second.file_mapping)) == ([first, second], {"one", "two"})


def test_a_file_of_the_state_trees_is_looked_at_once(tmp_path):
    import salt.config
    import salt.fileclient

    tree, cache = tmp_path / "tree", tmp_path / "cache"
    tree.mkdir()
    (tree / "a.sls").write_text("first")
    roots = {"file_roots": {"base": [str(tree)]}, "cachedir": str(cache)}
    opts = {**salt.config.DEFAULT_MASTER_OPTS, **roots, "file_client": "local", "fileserver_backend": ["roots"]}
    client = salt.fileclient.FSClient(opts)
    asked = []

    def stock(self, path, *more, **named):
        asked.append(path)
        return type(client).get_file(self, path, *more, **named)

    get_file = saltinternals._get_file(stock)
    kept = get_file(client, "salt://a.sls", "", True, "base")
    assert get_file(client, "salt://a.sls", "", True, "base") == kept
    with open(kept) as file:
        assert file.read() == "first"
    assert not get_file(client, "salt://b.sls", "", True, "base")
    (tree / "b.sls").write_text("second")  # what isn't there may come
    assert get_file(client, "salt://b.sls", "", True, "base")
    get_file(client, "salt://a.sls", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_text() == "first"
    assert asked == ["salt://a.sls", "salt://b.sls", "salt://b.sls", "salt://a.sls"]


def test_the_hash_of_a_file_is_asked_once_where_there_is_one(tmp_path):
    import salt.config
    import salt.fileserver

    asked = []

    class Stock(salt.fileserver.FSChan):
        def send(self, load, tries=None, timeout=None, raw=False):
            asked.append(load["path"])
            return super().send(load)

    roots = {"file_roots": {"base": [str(tmp_path)]}, "cachedir": str(tmp_path / "cache")}
    opts = {**salt.config.DEFAULT_MASTER_OPTS, **roots, "file_client": "local", "fileserver_backend": ["roots"]}
    channel = saltinternals._channels(Stock)(opts)

    def look(path):
        return channel.send({"path": path, "saltenv": "base", "cmd": "_file_hash"})

    assert not look("a.sls")
    (tmp_path / "a.sls").write_text("first")  # what isn't there may come
    found = look("a.sls")
    assert found["hsum"]
    assert look("a.sls") == found
    assert asked == ["a.sls", "a.sls"]


def test_the_same_yaml_is_read_once_and_each_reader_has_its_own():
    from jinja2 import Undefined

    read = []
    load = saltinternals._load_yaml(lambda self, value: read.append(value) or {"caching": {"pages": {}}})
    first, second = load(None, "caching: {pages: {}}"), load(None, "caching: {pages: {}}")
    first["caching"]["pages"]["/"] = "10s"
    assert second == {"caching": {"pages": {}}}
    assert read == ["caching: {pages: {}}"]
    load(None, Undefined(name="caching"))  # which Salt answers in its own way
    assert len(read) == 2


LOAD = """
import json, sys
sys.path.insert(0, sys.argv[1])
import salt.config, salt.loader
opts = salt.config.apply_minion_config({"file_client": "local", "root_dir": sys.argv[2], "id": "x"})
opts["grains"] = {"os": "Debian", "os_family": "Debian", "kernel": "Linux", "osmajorrelease": 12, "virtual": "physical"}
mods = salt.loader.minion_mods(opts)
states = salt.loader.states(opts, mods, None, None)
found = {}
for loader, kind in ((mods, "modules"), (states, "states")):
    loader._load_all()
    for name, function in loader._dict.items():
        found.setdefault(f"{kind} {name.split('.')[0]}", set()).add(function.__module__.rpartition(".")[2])
print(json.dumps({name: sorted(files) for name, files in found.items()}))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Return what a node's Python loads from the engine's archive: modules and states, with the files they are in."""
    import io
    import json
    import tarfile

    folder = tmp_path_factory.mktemp("engine")
    with tarfile.open(fileobj=io.BytesIO(enginefile._tar({}))) as archive:
        archive.extractall(folder, filter="data")
    words = [sys.executable, "-IS", "-c", LOAD, str(folder / "code"), str(folder / "root")]
    answer = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_the_engine_has_all_that_states_need(loaded):
    wanted = [
        "file",
        "pkg",
        "cmd",
        "user",
        "group",
        "service",
        "git",
        "pip",
        "state",
        "cp",
        "saltutil",
        "slsutil",
    ]
    assert [name for name in wanted if f"modules {name}" not in loaded] == []
    wanted = ["file", "pkg", "cmd", "user", "group", "service", "git", "pip", "module", "postgres_user"]
    assert [name for name in wanted if f"states {name}" not in loaded] == []


def test_no_two_of_salts_modules_stand_for_one_name(loaded):
    """So `only_what_may_be` needn't look into others, once one is loaded."""
    several = {name for name, files in loaded.items() if len(files) > 1}
    assert several <= {"modules service"}  # one is for systemd, which may not run here


def test_the_engine_s_programs_need_nothing_but_python():
    for name in ("saltdoor", "saltengine", "saltparts", "saltlock"):
        tree = ast.parse(enginefile.program(name))
        names = {
            alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        assert names <= {*sys.stdlib_module_names, "salt", *enginefile.PROGRAMS}
