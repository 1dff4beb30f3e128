"""The local loop: the development server and the project's processes, started anew by what is saved."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from kraftwerk import browser, process, project, requirements, virtualenv, workers
from kraftwerk.deployment import Deployment
from kraftwerk.errors import KraftwerkError
from kraftwerk.ports import free_port
from kraftwerk.serve import embedded, environment, framework, front, interpreter
from kraftwerk.serve.child import Child
from kraftwerk.serve.front import Front
from kraftwerk.serve.log import Log
from kraftwerk.serve.saved import Saved

USUAL = 8000
INSIDE = "127.0.0.1"  # where the development server listens, behind the front
WEB = "web"
HERE = "localhost"  # where a node's name is asked for
# What a browser asks for anew by itself, and what nobody runs: no reason to start anything again.
INERT = (
    *(".css", ".js", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".avif", ".woff", ".woff2"),
    *(".ttf", ".md", ".rst", ".mp4", ".webm", ".pdf"),
)


@dataclass(frozen=True)
class Choice:
    """What was asked for: the environment, where to listen, and variables that lead to services of a node."""

    environment: str = "development"
    host: str = "127.0.0.1"
    port: int | None = None
    browser: bool = True
    services: Mapping[str, str] | None = None
    yes: bool = False


@dataclass
class Local:
    """A project that is served on this computer.

    Attributes:
        inside: the port of the development server, behind the front.
        servers: of services; a save lets them run, with what they know.
        others: the project's processes beside web.
        turning: the others are being started anew, as something was saved.
        beside: does that, in a thread that stays, since what a thread has started is made to end with it.
        stale: what runs must be made anew, as what it was made from changed.
        wrong: why web could not be started.
    """

    root: Path
    choice: Choice
    venv: Path
    folder: Path
    log: Log
    inside: int = field(default_factory=free_port)
    web: Child | None = None
    servers: list[Child] = field(default_factory=list)
    others: list[Child] = field(default_factory=list)
    turning: Future[None] | None = None
    beside: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))
    front: Front | None = None
    given: Deployment = field(default_factory=Deployment)
    wanted: object = None
    stale: bool = False
    wrong: str = ""

    def prepare(self) -> framework.Server:
        """Read what the project says, and make its processes anew; none runs yet.

        Raises:
            KraftwerkError: a file has mistakes, or the development server is missing.
        """
        here = project.parse(self.root)
        given = here.deployment(self.choice.environment)
        wanted = requirements.find(self.root, here.instance(self.choice.environment, HERE))
        server = framework.choose(given, self.root / given.src, wanted.names, INSIDE, self.inside, self.folder)
        interpreter.need(self.venv, server.needs, yes=self.choice.yes)
        for path, text in server.files.items():
            path.write_text(text)
        self.given, self.wanted = given, wanted
        servers, missing = self._embedded()
        said = {name: value for each in servers.values() for name, value in each.environ.items()}
        environ = environment.build(self.root, given, self.venv, {**said, **(self.choice.services or {})})
        environ |= {**server.environ, "PYTHONPATH": _joined(server.environ.get("PYTHONPATH"), environ)}
        if "files" in given.services and "UPLOADS_PATH" in environ:
            with suppress(OSError):
                Path(environ["UPLOADS_PATH"]).mkdir(exist_ok=True)
        self.web = self._child(WEB, [str(self.venv / "bin" / "python"), *server.words], environ)
        others = {name: workers.command(each) for name, each in given.processes.items()}
        self.servers = [self._child(name, each.words, environ) for name, each in servers.items()]
        self.others = [self._child(name, ["bash", "-c", words], environ) for name, words in others.items()]
        for name in missing:
            self.log.say(f"{name} is not here → kraftwerk serve --services NODE uses a node's", fg="yellow")
        if self.front:
            self.front.folders = folders(self.root, given, server, environ)
        return server

    def start(self) -> None:
        """Start all processes that don't run, servers first."""
        for child in [*self.servers, *self._project()]:
            child.start()

    def stop(self) -> None:
        """Stop all processes, servers last."""
        self._settle()
        for child in self._project():
            child.ask()
        for child in [*self._project(), *self.servers]:
            child.stop()

    def again(self) -> None:
        """Start web anew, and the others beside it: a worker takes its time to finish what it is at."""
        try:
            if self.web:
                self.web.stop()
                self.web.start()
        finally:
            self._settle()
            self.turning = self.beside.submit(self._turn)

    def _turn(self) -> None:
        for child in self.others:
            child.ask()
        for child in self.others:
            child.stop()
            child.start()

    def _settle(self) -> None:
        if self.turning:
            self.turning.result()

    def hint(self) -> None:
        """Tell of what a deploy runs before a release goes live; Django itself tells of its migrations."""
        commands = [each for each in self.given.release or () if "manage.py" not in each]
        if commands:
            self.log.say(f"a deploy also runs this, once → kraftwerk serve -- {commands[0]}", fg="yellow")

    def ended(self) -> str | None:
        """Return the last lines of web when it has ended, or why it could not be started, else None."""
        return "\n".join(self.web.said) if self.web and self.web.ended else self.wrong or None

    def take(self, names: Sequence[str]) -> None:
        """Have what runs follow files that were saved; what goes wrong is told, and the next save tries again."""
        if all(name.endswith(INERT) for name in names):
            return
        self.log.say(f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''} saved: starting again", fg="green")
        self.wrong = ""
        try:
            self._follow(names)
        except KraftwerkError as error:
            self.wrong = "" if self.web and self.web.pid else error.cause
            self.log.fail(error.cause)
            self.log.say("the next save tries again", fg="yellow")

    def _follow(self, names: Sequence[str]) -> None:
        self.stale = self.stale or any(name.endswith((".sls", "kraftwerk.yaml")) for name in names)
        instance = project.parse(self.root).instance(self.choice.environment, HERE)
        wanted = requirements.find(self.root, instance)
        if wanted != self.wanted:
            self.log.say(f"installing into {self.venv}, as what is required changed", fg="yellow")
            virtualenv.install(self.root, self.venv, instance)
            self.stale = True
        if not self.stale:
            return self.again()
        self.stop()
        self.prepare()
        self.stale = False
        return self.start()

    def _project(self) -> list[Child]:
        return [*self.others, *([self.web] if self.web else [])]

    def _embedded(self) -> tuple[dict[str, embedded.Embedded], list[str]]:
        if self.choice.services is not None:
            return {}, []
        return embedded.choose(self.given.services, self.folder)

    def _child(self, name: str, words: Sequence[str], environ: Mapping[str, str]) -> Child:
        translate = self._translate if name == WEB else lambda line: line
        folder = self.root / self.given.src
        return Child(name, words, folder=folder, environ=environ, log=self.log, translate=translate)

    def _translate(self, line: str) -> str | None:
        if found := framework.UNAPPLIED.match(line):
            command = "kraftwerk serve -- python manage.py migrate"
            return click.style(f"{found[1]} migrations are not applied → {command}", fg="yellow")
        return framework.translate(line, self.inside, self.front.port if self.front else self.inside)


def folders(root: Path, given: Deployment, server: framework.Server, environ: Mapping[str, str]) -> dict[str, Path]:
    """Return what the front serves by itself, as nginx does on a node: folders by their URL."""
    static = {} if server.serves_static else given.static or {}
    found = {url: root / given.src / folder for url, folder in static.items()}
    if "files" in given.services and "UPLOADS_PATH" in environ:
        found[environment.UPLOADS] = Path(environ["UPLOADS_PATH"])
    return found


@contextmanager
def made(root: Path, choice: Choice) -> Iterator[Local]:
    """Yield a project that is ready to be served; whatever runs of it ends with the block."""
    here = project.parse(root)
    given = here.deployment(choice.environment)
    venv = interpreter.ensure(root, here.instance(choice.environment, HERE))
    folder = Path(tempfile.mkdtemp(prefix="kraftwerk-serve-"))
    local = Local(root, choice, venv, folder, Log([WEB, *given.processes]), given=given)
    try:
        yield local
    finally:
        local.stop()
        if local.front:
            local.front.server_close()
        shutil.rmtree(folder, ignore_errors=True)


def serve(root: Path, choice: Choice) -> None:
    """Serve a project on this computer, until Ctrl-C.

    Raises:
        KraftwerkError: it can't begin; once it runs, mistakes are told in its log.
    """
    with made(root, choice) as local:
        saved = Saved(root)
        local.front = front.listen(choice.host, choice.port, USUAL, (INSIDE, local.inside), local.ended)
        server = local.prepare()
        with suppress(KeyboardInterrupt):
            local.start()
            local.front.begin()
            address = f"http://{shown(choice.host)}:{local.front.port}/"
            what = f"{root.name} ({server.name}, {choice.environment})"
            local.log.say(f"{what} is at {address}    Ctrl-C ends it", fg="green")
            local.hint()
            if choice.browser:
                browser.show(address)
            for names in saved.watch():
                local.take(names)
        local.log.say("stopping")


def run(root: Path, choice: Choice, words: Sequence[str]) -> int:
    """Run a command with the environment of what is served; return its exit code.

    Raises:
        KraftwerkError: the program is missing.
    """
    here = project.parse(root)
    given, instance = here.deployment(choice.environment), here.instance(choice.environment, HERE)
    environ = environment.build(root, given, interpreter.ensure(root, instance), choice.services or {})
    os.environ.update(environ)
    os.chdir(root / given.src)
    return process.foreground(words)


def shown(host: str) -> str:
    """Return where a browser on this computer finds what listens at an address."""
    everywhere = {"0.0.0.0": INSIDE, "::": "[::1]"}  # noqa: S104 - nothing is bound here
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def end_by_signals() -> None:
    """Have what ends us (a closed terminal, a supervisor) be as Ctrl-C: nothing goes on behind our back."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _joined(first: str | None, environ: Mapping[str, str]) -> str:
    return os.pathsep.join(filter(None, [first, environ.get("PYTHONPATH")]))
