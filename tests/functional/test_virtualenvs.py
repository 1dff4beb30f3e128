"""Virtualenvs changed by the very programs that run on their hosts: what stays, and what comes back, to the inode."""

import contextlib
import getpass
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.paths import PACKAGE
from kraftwerk.virtualenvs import change, layout, reading
from kraftwerk.virtualenvs.virtualenv import Virtualenv
from kraftwerk.wheels import wheel
from tests.waiting import wait_for
from tests.wheel_files import make_wheel

STATE = ".kraftwerk-change"


class Here:
    """A connection to no node: words are run here, as ssh would run them there."""

    node = Node(name="blue", host="127.0.0.1", provider="ssh")

    def run(self, words, *, timeout=None, check=True):
        """Run a program to its end."""
        return process.run(words, timeout=timeout, check=check)

    def popen(self, words, **streams):
        """Start a program."""
        self.started = process.popen(words, **streams)
        return self.started


class Shop:
    """A virtualenv that somebody made by hand, and a folder for wheels."""

    def __init__(self, folder):
        self.folder, self.root, self.here = folder, folder / "venv", Here()
        self.told = []
        self.virtualenv = Virtualenv(host="blue", path=str(self.root), user=getpass.getuser())
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.root], check=True)

    def wheel(self, name, version, *, files=None, scripts=None):
        """Return a wheel that was just made: a package whose main() says its version."""
        body, files = "\ndef main():\n    print(VERSION)\n", {f"{name}/more.py": "", **(files or {})}
        path = make_wheel(self.folder, name, version, body=body, files=files, scripts=scripts)
        return replace(wheel.parse(path), sha256=wheel.sha256(path))

    @contextlib.contextmanager
    def changed(self, *wheels, leaving=()):
        """Have wheels installed and packages gone while the body runs; what fails in it takes them back."""
        with tempfile.TemporaryDirectory() as folder:
            files = layout.make(wheels, self.state, Path(folder))
            with change.made(self.here, self.virtualenv, files, leaving, self.told.append):
                yield

    def change(self, *wheels, leaving=()):
        """Install wheels and take packages away, for good."""
        with self.changed(*wheels, leaving=leaving):
            pass

    @property
    def state(self):
        """What it is."""
        return reading.read(self.here, self.virtualenv)

    @property
    def versions(self):
        """What is installed."""
        return {name: package.version for name, package in self.state.packages.items()}

    @property
    def site(self):
        """The folder of packages."""
        return self.root / self.state.schemes["purelib"]

    def says(self, *words):
        """Run a program of it."""
        return subprocess.run([self.root / "bin" / words[0], *words[1:]], capture_output=True, text=True).stdout.strip()

    def files(self):
        """Return all that is known of each file in it; of folders not when something in them was changed."""
        found = {}
        for path in [self.root, *self.root.rglob("*")]:
            status = path.lstat()
            facts = (status.st_mode, status.st_uid, status.st_gid)
            if path.is_symlink() or not path.is_dir():
                content = os.readlink(path) if path.is_symlink() else path.read_bytes()
                facts += (status.st_ino, status.st_mtime_ns, content)
            found[str(path.relative_to(self.root))] = facts
        return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A virtualenv that tests take turns with; each leaves it as it was."""
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(bare):
    """The virtualenv with hello 1 (as a command, too) and old 1 in it, compiled by use."""
    bare.change(bare.wheel("hello", "1", scripts={"hello": "hello:main"}), bare.wheel("old", "1"))
    assert bare.says("hello") == "1"
    yield bare
    bare.change(leaving=list(bare.versions))
    assert bare.versions == {}


def test_what_it_is_and_has(shop):
    state = shop.state
    assert state.path == str(shop.root.resolve())
    assert state.target.python == ".".join(map(str, sys.version_info[:3]))
    assert shop.versions == {"hello": "1", "old": "1"}
    assert {package.kind for package in state.packages.values()} == {"wheel"}
    assert not state.project
    assert not state.interrupted


def test_packages_go_up_and_down_come_and_go(shop):
    shop.change(shop.wheel("hello", "2", scripts={"hello": "hello:main", "hi": "hello:main"}), leaving=["hello", "old"])
    assert shop.versions == {"hello": "2"}
    assert (shop.says("hello"), shop.says("hi")) == ("2", "2")
    assert not (shop.site / "old").exists()
    shop.change(shop.wheel("hello", "1"), leaving=["hello"])
    assert shop.says("python", "-c", "import hello; hello.main()") == "1"
    assert not (shop.root / "bin" / "hi").exists()
    assert not (shop.root / STATE).exists()


def test_what_is_installed_is_recorded_and_compiled(shop):
    record = (shop.site / "hello-1.dist-info" / "RECORD").read_text()
    assert "hello/__init__.py,sha256=" in record
    assert "../../../bin/hello,sha256=" in record
    assert (shop.site / "hello-1.dist-info" / "INSTALLER").read_text() == "kraftwerk\n"
    assert list((shop.site / "hello" / "__pycache__").glob("*.pyc"))
    assert shop.told[-2:] == ["unpacking", "compiling 4 files"]


def test_an_error_takes_it_all_back(shop):
    before = shop.files()
    with pytest.raises(RuntimeError), shop.changed(shop.wheel("hello", "2"), shop.wheel("new", "1"), leaving=["hello"]):
        assert shop.says("python", "-c", "import hello, new; hello.main()") == "2"  # and compiles what it uses
        assert not (shop.site / "hello-1.dist-info").exists()
        raise RuntimeError
    assert shop.files() == before
    assert shop.says("hello") == "1"


def test_it_takes_itself_back_when_its_caller_is_gone(shop):
    before = shop.files()
    with pytest.raises(KraftwerkError), shop.changed(shop.wheel("hello", "2"), leaving=["hello", "old"]):
        assert shop.files() != before
        shop.here.started.stdin.close()
    assert wait_for(lambda: shop.files() == before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_takes_itself_back_when_it_is_stopped(shop, number):
    before = shop.files()
    with pytest.raises(KraftwerkError), shop.changed(shop.wheel("hello", "2"), leaving=["hello"]):
        os.kill(shop.here.started.pid, number)
    assert shop.files() == before


def test_one_that_was_killed_is_put_back_before_the_next(shop):
    before = shop.files()
    with pytest.raises(KraftwerkError), shop.changed(shop.wheel("hello", "2"), leaving=["hello"]):
        os.kill(shop.here.started.pid, signal.SIGKILL)
    assert shop.state.interrupted
    assert change.recover(shop.here, shop.virtualenv)
    assert shop.files() == before
    assert not change.recover(shop.here, shop.virtualenv)


def test_power_may_fail_between_any_two_steps(shop, monkeypatch, tmp_path):
    """Every rename, and every making or removing of a folder, is the last thing that happens; then another start."""
    before, steps = shop.files(), 0
    files = {"hello/most/__init__.py": "", "hello/more.py": "VERSION = 22\n"}
    hello = shop.wheel("hello", "2", files=files, scripts={"hello": "hello:main"})
    archive = layout.make([hello, shop.wheel("new", "1")], shop.state, tmp_path).archive
    while dies(shop, monkeypatch, archive, steps):
        program = remote()
        monkeypatch.chdir(shop.root)
        program.recover()
        assert shop.files() == before, f"after {steps} steps"
        steps += 1
    assert steps > 20
    assert shop.files() == before


def dies(shop, monkeypatch, archive, steps):
    """Change it and take it back with the program in this process, which ends after some steps; tell if it didn't."""
    program, left = remote(), [steps]
    with tarfile.open(archive) as tar:  # to where the program would have received it
        tar.extractall(shop.root / program.NEW)

    def counted(function):
        def call(*arguments, **keywords):
            if not left[0]:
                raise Power
            left[0] -= 1
            return function(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        patch.chdir(shop.root)
        for name in ("rename", "mkdir", "rmdir", "unlink"):
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            journal = program.plan(["hello"])
            program.write(program.JOURNAL, journal)
            program.move(journal)
            program.back(journal)
        except Power:
            return True
    with monkeypatch.context() as patch:
        patch.chdir(shop.root)
        program.recover()
    return False


class Power(BaseException):
    """It is off."""


def remote():
    """Return the program that runs on a host, as a module."""
    spec = importlib.util.spec_from_file_location("venvchange", PACKAGE / "remote" / "venvchange.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_one_changes_it_at_a_time(shop):
    with shop.changed(shop.wheel("new", "1")):
        assert shop.state.interrupted
        with pytest.raises(KraftwerkError, match="somebody else is changing it"):
            change.recover(shop.here, shop.virtualenv)
        with pytest.raises(KraftwerkError, match="somebody else is changing it"):
            shop.change(shop.wheel("new", "2"))
    assert shop.versions["new"] == "1"


def test_an_archive_that_was_cut_or_altered_touches_nothing(shop):
    before = shop.files()
    with tempfile.TemporaryDirectory() as folder:
        files = layout.make([shop.wheel("new", "1")], shop.state, Path(folder))
        words = [shop.root / "bin" / "python", "-ISc", (PACKAGE / "remote" / "venvchange.py").read_text()]
        sent = files.archive.read_bytes()
        order = {"remove": [], "size": len(sent), "sha256": "0" * 64, "needed": 1, "python": []}
        for content, reason in ((sent[:-1], "the connection broke"), (sent, "is not what was sent")):
            told = subprocess.run(
                words, input=json.dumps(order).encode() + b"\n" + content, cwd=shop.root, capture_output=True
            )
            assert reason in json.loads(told.stdout.splitlines()[-1])["refused"]
    assert shop.files() == before


def test_what_leads_out_of_it_is_refused(shop):
    program = remote()
    with contextlib.chdir(shop.root):
        for path in ("../x", "/etc/x", "lib/../../x"):
            with pytest.raises(program.Refused, match="leads out"):
                program.inside(path)
        program.inside("lib/x")


def test_a_file_of_nobody_comes_back_too(shop):
    (shop.site / "new").mkdir()
    (shop.site / "new" / "__init__.py").write_text("mine = True\n")
    before = shop.files()
    with pytest.raises(RuntimeError), shop.changed(shop.wheel("new", "1")):
        raise RuntimeError
    assert shop.files() == before
    shop.change(shop.wheel("new", "1"))
    assert shop.says("python", "-c", "import new; new.main()") == "1"


def test_modes_are_those_of_the_virtualenv(shop):
    shop.site.chmod(0o2770)
    try:
        shop.change(shop.wheel("new", "1", scripts={"new": "new:main"}))
        assert oct((shop.site / "new" / "__init__.py").stat().st_mode & 0o777) == "0o660"
        assert oct((shop.site / "new").stat().st_mode & 0o777) == "0o770"
        assert oct((shop.root / "bin" / "new").stat().st_mode & 0o777) == "0o770"
    finally:
        shop.site.chmod(0o755)


@pytest.mark.parametrize(
    ("path", "user", "reason"),
    [
        ("/nowhere/venv", "root", "there is no folder /nowhere/venv"),
        ("/usr", "root", "/usr is no virtualenv"),
        ("{root}", "games", "belongs to {user}, not to games"),
    ],
)
def test_what_is_no_virtualenv_of_that_user_is_refused(shop, path, user, reason):
    there = Virtualenv(host="blue", path=path.format(root=shop.root), user=user)
    with pytest.raises(KraftwerkError, match=reason.format(user=getpass.getuser())):
        reading.read(shop.here, there)


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes others")
def test_root_runs_nothing_of_its_own_that_others_lead_to(shop, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(shop.root)
    there = Virtualenv(host="blue", path=str(link))
    assert reading.read(shop.here, there).path == str(shop.root)
    os.lchown(link, 65534, 65534)
    with pytest.raises(KraftwerkError, match=r"others may change link .*; nothing of it is run as root"):
        reading.read(shop.here, there)
    (shop.root / "bin").chmod(0o777)
    try:
        with pytest.raises(KraftwerkError, match=r"others may change bin \(drwxrwxrwx root\)"):
            reading.read(shop.here, shop.virtualenv)
    finally:
        (shop.root / "bin").chmod(0o755)


class Teller:
    """A host whose virtualenv says whatever its owner likes."""

    def __init__(self, told):
        self.told = told

    def run(self, words, **options):
        """Answer at once."""
        return subprocess.CompletedProcess(words, 0, json.dumps(self.told).encode(), b"")


@pytest.mark.parametrize(
    "lie",
    [
        {"path": "/../../../../home/anna"},
        {"path": "/srv/venv", "schemes": {"purelib": "../../../anna"}},
        {"path": "/srv/venv", "schemes": {"purelib": "/home/anna"}},
        {"path": "/"},
        {"packages": [1]},
    ],
)
def test_what_a_virtualenv_tells_of_itself_names_no_place_here(lie):
    honest = {"path": "/srv/venv", "schemes": {"purelib": "lib", "data": "."}, "implementation": "cpython"}
    honest |= {"python": "3.11.2", "machine": "x86_64", "libc": "glibc 2.36", "stale": False, "packages": {}}
    honest |= {"project": False, "interrupted": False}
    there = Virtualenv(host="blue", path="/srv/venv", user="shop")
    plain = {"version": "1", "kind": "wheel", "requires": [], "extras": []}
    named = {**honest, "packages": {"../../till": plain, "till": plain}}
    assert list(reading.read(Teller(named), there).packages) == ["till"]
    with pytest.raises(KraftwerkError, match="answer can't be understood"):
        reading.read(Teller({**honest, **lie}), there)


def test_an_egg_of_former_tools_goes_by_its_list(shop):
    egg = shop.site / "ancient-0.9-py3.egg-info"
    egg.mkdir()
    (shop.site / "ancient.py").write_text("")
    (egg / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: ancient\nVersion: 0.9\n")
    (egg / "installed-files.txt").write_text("../ancient.py\nPKG-INFO\n")
    assert shop.state.packages["ancient"].kind == "egg"
    shop.change(leaving=["ancient"])
    assert "ancient" not in shop.versions
    assert not (shop.site / "ancient.py").exists()
    assert not egg.exists()


def test_one_for_another_python_is_told(shop):
    site = shop.site
    site.rename(site.with_name("away"))
    try:
        with pytest.raises(KraftwerkError, match="was made for another Python than 3"):
            reading.read(shop.here, shop.virtualenv)
    finally:
        site.with_name("away").rename(site)


def test_what_its_machine_has_is_covered_and_never_taken_away(tmp_path):
    shop = Shop(tmp_path)
    config = shop.root / "pyvenv.cfg"
    config.write_text(config.read_text().replace("= false", "= true"))
    kinds = {name: package.kind for name, package in shop.state.packages.items()}
    assert set(kinds.values()) <= {"system"}
    name = next(iter(kinds), "")
    if name:
        shop.change(shop.wheel(name.replace("-", "_"), "99.0"), leaving=[name])
        assert shop.state.packages[name].version == "99.0"
        shop.change(leaving=[name])
        assert shop.state.packages[name].kind == "system"
