"""The command line itself: verbs, common options, errors as cause and next command, exit codes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap

import click
import pytest

from kraftwerk import cli, saltway, screen
from kraftwerk.errors import KraftwerkError

VERB = '''"""A verb."""

import click

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError


@click.command()
def command() -> None:
    """Do it.

    More.
    """
'''
HELP = """
import sys
from kraftwerk import cli
try:
    cli.main(["--help"])
except SystemExit:
    heavy = {"salt", "rich", "yaml", "jinja2", "platformdirs"}
    print([n for n in sys.modules if n in heavy or n.startswith("kraftwerk.commands.")], file=sys.stderr)
"""
WAIT = """
import time, click
from kraftwerk import cli
cli.cli.get_command = lambda *words: click.Command("x", callback=lambda: (print("up", flush=True), time.sleep(60)))
cli.main(["x"])
"""
VERBS = cli.cli.list_commands(click.Context(cli.cli))


@pytest.fixture
def verb(tmp_path, monkeypatch):
    """Return a function that makes a folder of commands with one verb of that body, importable as the real ones are."""
    import kraftwerk.commands

    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setattr(cli, "COMMANDS", folder)
    monkeypatch.setattr(kraftwerk.commands, "__path__", [str(folder)])

    def write(body, name="try_it"):
        file = folder / f"{name}.py"
        lines = textwrap.indent(textwrap.dedent(body), "    ")
        file.write_text(VERB + lines)
        monkeypatch.delitem(sys.modules, f"kraftwerk.commands.{name}", raising=False)

    return write


@pytest.fixture
def run(capsys):
    """Return a function that runs a command line and returns its exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def kraftwerk(*arguments, **options):
    command = [sys.executable, "-m", "kraftwerk", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def test_a_file_is_a_verb_and_its_docstring_the_help(verb, run):
    verb("screen.say('done')")
    code, out, _ = run("--help")
    assert code == 0
    assert "  try-it  Do it." in out
    assert run("try-it") == (0, "done\n", "")
    assert "More." in run("try-it", "--help")[1]


def test_nothing_at_all_is_help(run):
    assert run() == run("--help") == run("-h")


@pytest.mark.parametrize("name", VERBS)
def test_short_help_is_the_first_line_of_the_real_help(name):
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert command.help.splitlines()[0] == cli.short_help(name) != ""
    assert len(cli.short_help(name)) <= 100


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_prints_its_help(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: kraftwerk {name}" in out


def test_help_imports_no_command_and_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "[]\n"


def test_an_error_is_cause_and_next_command(verb, run):
    verb("raise KraftwerkError('no such thing', next_command='kraftwerk nodes', code=2)")
    assert run("try-it") == (2, "", "Error: no such thing\n→ kraftwerk nodes\n")


def test_several_causes_stand_below_each_other(verb, run):
    verb("raise KraftwerkError('a: one\\nb: two')")
    assert run("try-it")[2] == "Error: a: one\n       b: two\n"


def test_what_nobody_expected_is_one_line_too(verb, run):
    verb("{}['x']")
    assert run("try-it") == (1, "", "Error: KeyError: 'x'\n→ the same command with --debug shows where\n")


@pytest.mark.parametrize("where", [("--debug", "try-it"), ("try-it", "--debug")])
def test_a_traceback_only_with_debug(verb, run, where):
    verb("raise KraftwerkError('no such thing')")
    code, _, err = run(*where)
    assert code == 1
    assert "Traceback" in err
    assert err.endswith("Error: no such thing\n")


@pytest.mark.parametrize("words", [("-q", "try-it"), ("try-it", "--quiet")])
def test_quiet_before_and_after_the_verb(verb, run, words):
    verb("screen.say('done')")
    assert run(*words) == (0, "", "")


@pytest.mark.parametrize("words", [("-vv", "try-it"), ("try-it", "-v", "-v"), ("-v", "try-it", "-v")])
def test_verbose_adds_up(verb, run, words):
    verb("print(screen.settings.verbosity)")
    assert run(*words)[1] == "2\n"


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", "raise click.Abort"])
def test_interrupted(verb, run, body):
    verb(body)
    code, _, err = run("try-it")
    assert code == 130
    assert err.strip() == "Interrupted."


def test_ctrl_c_in_a_real_process():
    pipe = subprocess.PIPE
    started = subprocess.Popen([sys.executable, "-c", WAIT], stdout=pipe, stderr=pipe, text=True)
    assert started.stdout.readline() == "up\n"
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=30)
    assert (started.returncode, err.strip()) == (130, "Interrupted.")


@pytest.mark.parametrize(
    ("words", "code", "err"),
    [
        (["evn"], 2, "Error: no command is called evn; did you mean env?\n→ kraftwerk --help\n"),
        (["../../etc/passwd"], 2, "Error: no command is called ../../etc/passwd\n→ kraftwerk --help\n"),
        (["env", "--jso"], 2, "Error: No such option '--jso'. Did you mean '--json'?\n→ kraftwerk env --help\n"),
        (["env", "more"], 2, "Error: Got unexpected extra argument (more)\n→ kraftwerk env --help\n"),
        (["--nope"], 2, "Error: No such option '--nope'.\n→ kraftwerk --help\n"),
    ],
)
def test_bad_usage(run, words, code, err):
    assert run(*words) == (code, "", err)


def test_a_verbs_own_exit_code_is_passed_on(verb, run):
    verb("return 42")
    assert run("try-it")[0] == 42
    verb("click.get_current_context().exit(7)")
    assert run("try-it")[0] == 7
    verb("raise SystemExit(9)")
    assert run("try-it")[0] == 9


def test_common_options_reach_the_verbs_below_a_verb(run, tmp_path):
    (tmp_path / "broken.kw").write_bytes(b"no archive")
    code, _, err = run("archive", "show", str(tmp_path / "broken.kw"), "--debug")
    assert code == 1
    assert "Traceback" in err


def test_version(run):
    assert run("--version") == (0, f"kraftwerk {cli.__version__}\n", "")


def test_a_reader_that_has_gone_is_no_news():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "kraftwerk", "--help"], stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.stderr == b""


def test_colour_only_on_a_terminal(verb, run, monkeypatch):
    verb("raise KraftwerkError('x')")
    assert "\x1b" not in run("try-it")[2]


def test_no_color_holds_for_errors_on_a_terminal():
    def printed(**variables):
        reader, terminal = os.openpty()
        clean = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        command = [sys.executable, "-m", "kraftwerk", "try-it"]
        subprocess.run(command, stdout=terminal, stderr=terminal, env=clean | variables, timeout=60, check=False)
        os.close(terminal)
        return os.read(reader, 1000)

    assert printed().startswith(b"\x1b[31mError: ")
    assert printed(NO_COLOR="1").startswith(b"Error: ")


def test_a_line_stands_above_the_spinner_that_turns():
    master, slave = os.openpty()
    code = "from kraftwerk import screen\nwith screen.working('Dumping'):\n    screen.say('files 4 ok')"
    environ = {**os.environ, "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", code], stdout=slave, env=environ, timeout=60, check=True)
    printed = os.read(master, 1 << 16).decode()
    os.close(slave)
    os.close(master)
    assert "Dumping" in printed
    assert re.search(r"(\x1b\[2K|\x1b\[\?25l)files 4 ok\r\n", printed), "on a line of its own"


def test_one_exception_for_what_the_user_met():
    error = KraftwerkError("cause", next_command="kraftwerk nodes")
    assert (str(error), error.code) == ("cause → kraftwerk nodes", 1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run, shell):
    if shell == "bash" and not shutil.which("bash"):
        pytest.skip("no bash")
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_KRAFTWERK_COMPLETE" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [("kraftwerk comp", ["completion"]), ("kraftwerk env --env s", ["staging"]), ("kraftwerk env --j", ["--json"])],
)
def test_completion_itself(words, expected, tmp_path):
    (tmp_path / "kraftwerk.yaml").write_text("wsgi: x\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "kraftwerk.yaml").write_text("wsgi: x\n")
    environ = {"_KRAFTWERK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = kraftwerk(cwd=tmp_path / "shop", env={**os.environ, **environ})
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == expected


def test_env_says_where_each_value_comes_from(run, tmp_path, monkeypatch):
    root = tmp_path / "shop"
    (root / "pillar").mkdir(parents=True)
    (root / "kraftwerk.yaml").write_text(
        "wsgi: shop.wsgi\nenviron: {TOKEN: secret}\nenvironments: {production: {nodes: blue}}\n"
    )
    (root / "pillar" / "base.sls").write_text("workers: 3\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KRAFTWERK_HOSTS", "never")
    monkeypatch.setenv("KRAFTWERK_INDEX_URL", "https://me:secret@packages.example.com/simple")
    code, out, _ = run("env", "--json")
    found = {each["name"]: (each["value"], each["source"]) for each in json.loads(out)}
    assert code == 0
    assert found["folders.config"] == (str(tmp_path / "home"), "KRAFTWERK_HOME")
    assert found["hosts"] == ("never", "KRAFTWERK_HOSTS")
    assert found["provider"] == ("local", "shipped")
    assert found["workers"] == (3, "pillar/base.sls")
    assert found["wsgi"] == ("shop.wsgi:application", "kraftwerk.yaml")
    assert found["node"] == ("blue", "kraftwerk.yaml")
    assert found["domain"] == (["shop.blue"], "shipped")
    assert found["environ"] == (["TOKEN"], "kraftwerk.yaml")
    assert "secret" not in out + run("env")[1]
    assert found["environment"] == ("production", "shipped")
    assert ["environment", "staging", "--env"] in [
        line.split() for line in run("env", "--env", "staging")[1].splitlines()
    ]


def test_env_outside_a_project(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("env")
    assert code == 0
    assert "folders.config" in out
    assert "\nproject " not in out


def test_eject_copies_and_never_overwrites(run, tmp_path, monkeypatch):
    root = tmp_path / "shop"
    root.mkdir()
    (root / "kraftwerk.yaml").write_text("wsgi: x\n")
    monkeypatch.chdir(root)
    assert run("eject", "salt/nginx/init.sls") == (0, "salt/nginx/init.sls is yours to edit\n", "")
    (root / "salt/nginx/init.sls").write_text("mine")
    code, out, err = run("eject", "salt/nginx")
    assert code == 0
    assert "salt/nginx/map.jinja is yours to edit" in out
    assert "salt/nginx/init.sls is there already and stays as it is" in err
    assert (root / "salt/nginx/init.sls").read_text() == "mine"


def test_eject_for_all_projects(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    assert run("eject", "templates/django", "--admin")[0] == 0
    assert (tmp_path / "home" / "templates" / "django" / "manage.py.jinja").is_file()


@pytest.mark.parametrize("path", ["salt/ngnx", "../pyproject.toml", "kraftwerk/cli.py", "/etc/passwd", ""])
def test_eject_knows_only_what_is_shipped(run, tmp_path, monkeypatch, path):
    (tmp_path / "kraftwerk.yaml").write_text("wsgi: x\n")
    monkeypatch.chdir(tmp_path)
    code, _, err = run("eject", path)
    assert code == 2
    assert "nothing shipped is called" in err
    assert [child.name for child in tmp_path.iterdir()] == ["kraftwerk.yaml"]


def test_eject_without_a_path_lists(run):
    assert "salt/nginx/init.sls" in run("eject")[1].splitlines()


def test_screen_is_plain_in_a_pipe(capsys):
    with screen.step("Working") as this:
        this.note = "noted"
    out = capsys.readouterr().out
    assert out.startswith("Working … ok 0.")
    assert out.endswith("s     noted\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dump", "--to", "local", "--freeze"], "--to local makes a copy and no archive"),
        (["dump", "--to", "local", "--json"], "--to local makes a copy and no archive"),
        (["migrate", "--from", "blue", "--to", "green", "--json"], "--json asks no question"),
        (["clean-node", "blue", "--json"], "--json asks no question"),
        (["archive", "fetch", "today.kw"], "today.kw is not NODE:/PATH"),
        (["archive", "show", "blue:/web/today.kw"], "kraftwerk archive fetch blue:/web/today.kw"),
    ],
)
def test_what_does_not_go_together_is_told_with_the_next_command(run, words, told):
    code, _, err = run(*words)
    assert (code, len(err.splitlines())) == (2, 2)
    assert told in err
    assert err.splitlines()[1].startswith("→ ")


def test_deploys_json_is_the_plans(run):
    code, out, err = run("deploy", "--json", "--yes")
    assert (code, out) == (2, "")
    assert "→ kraftwerk deploy --plan --json" in err


def test_what_others_wrote_gives_a_terminal_no_orders(capsys):
    screen.say("\x1b]0;title\x07 table\x9b2J \x1b[31mred\x1b[0m ümläut ☃\nline\ttab\r")
    assert capsys.readouterr().out == "\\x1b]0;title\\x07 table\\x9b2J red ümläut ☃\nline\ttab\\r\n"
    screen.warn("left out: \x1bc")
    assert "\x1bc" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--transport", "salt", "nodes"), ("nodes", "--transport", "salt")])
def test_the_transport_is_taken_before_or_after_the_verb(monkeypatch, words):
    monkeypatch.setenv(saltway.VARIABLE, saltway.ENGINE)  # is what it was again afterwards
    assert cli._run(list(words)) == 0 and saltway.is_stock()


def test_an_unknown_transport_is_bad_usage(monkeypatch, capsys):
    monkeypatch.setenv(saltway.VARIABLE, "pigeon")
    assert cli._run(["nodes"]) == 2 and "'pigeon' is not one of" in capsys.readouterr().err
