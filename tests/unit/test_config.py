"""`kraftwerk config`: shown with file and line, compared, set and removed with a plan, edited, encrypted anew."""

import io
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from pyrage import x25519

from kraftwerk import (
    admin,
    cli,
    configdiff,
    configedit,
    configfile,
    configset,
    keypath,
    process,
    project,
    recipients,
    rekey,
    secret,
)
from kraftwerk.errors import KraftwerkError
from kraftwerk.localproc import wait_until

PRODUCTION = """\
# The live site.
workers:   2   # small
environ: {DEBUG: "no"}
nginx: {x: y}   # a state of our own
"""


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Return the folder of a project, which is the current one."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    admin.ensure()
    folder = tmp_path / "shop"
    (folder / "pillar").mkdir(parents=True)
    (folder / "kraftwerk.yaml").write_text(
        "wsgi: shop.wsgi\nenviron:\n  DEBUG: x\n  COLOUR: blue\nenvironments:\n  production: {nodes: web1}\n"
        "  staging: {domain: s.example.com}\n"
    )
    (folder / "pillar" / "production.sls").write_text(PRODUCTION)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs `kraftwerk config …` and returns its exit code, stdout and stderr."""

    def call(*words, text=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main(["config", *words])
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def file(root, name="production"):
    return root / "pillar" / f"{name}.sls"


def rows(printed):
    return [line.split() for line in printed.splitlines()[1:]]


def test_show_tells_each_value_with_its_file_and_line(run):
    code, printed, _ = run("show")
    assert code == 0
    assert [row for row in rows(printed) if row[0] in ("workers", "environ.DEBUG")] == [
        ["workers", "2", "pillar/production.sls:2"],
        ["environ.DEBUG", "no", "pillar/production.sls:3"],
    ]
    assert ["environ.COLOUR", "blue", "kraftwerk.yaml:4"] in rows(printed)
    assert ["domain", "s.example.com", "kraftwerk.yaml:7"] in rows(run("show", "--env", "staging")[1])


def test_a_secret_is_never_shown_unasked(root, run):
    assert run("set", "environ.TOKEN", "--secret", text="hush\n")[0] == 0
    everything = "".join(
        "".join(map(str, run(*words)))
        for words in [
            ("show",),
            ("show", "--json"),
            ("get", "environ"),
            ("get", "environ.TOKEN"),
            ("diff", "--with", "staging"),
        ]
    )
    assert "hush" not in everything + file(root).read_text()
    assert "environ.TOKEN" in everything and "(encrypted)" in everything
    assert "AGE" not in everything
    found = {row["key"]: row for row in json.loads(run("show", "--json")[1])}
    assert found["environ.TOKEN"] == {
        "key": "environ.TOKEN", "value": "(encrypted)", "encrypted": True, "from": "pillar/production.sls:5",
    }  # fmt: skip
    assert found["workers"]["value"] == 2
    assert run("get", "environ.TOKEN", "--reveal") == (0, "hush\n", "")
    assert json.loads(run("get", "environ", "--reveal")[1])["TOKEN"] == "hush"


def test_get_is_for_scripts(run):
    assert run("get", "workers")[:2] == (0, "2\n")
    assert run("get", "workers", "--json")[:2] == (0, "2\n")
    code, printed, error = run("get", "environ.NOTHING")
    assert (code, printed) == (1, "")
    assert "no file of shop says environ.NOTHING for production" in error


def test_set_changes_one_line_and_tells_its_plan(root, run):
    code, printed, _ = run("set", "workers", "4")
    assert code == 0
    assert printed.splitlines()[0] == "pillar/production.sls: workers 2 → 4"
    assert file(root).read_text() == PRODUCTION.replace("workers:   2 ", "workers:   4 ")
    assert run("set", "workers", "4")[1] == "pillar/production.sls: workers is 4 already\n"


def test_a_test_writes_nothing(root, run):
    for words in (["workers", "4"], ["environ.A", "--generate"]):
        code, printed, _ = run("set", *words, "--test")
        assert code == 0
        assert printed.endswith("Nothing was written.\n")
    assert file(root).read_text() == PRODUCTION
    assert not recipients.file(root).exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("workers", "many"), "pillar/production.sls:2: workers: must be a whole number, not 'many'"),
        (("wrokers", "4"), "pillar/production.sls:5: wrokers: unknown key; did you mean workers?"),
        (("services", "[postgres, mongo]"), "services[1]: unknown service mongo"),
        (("environments.x", "{}"), "environments stand in kraftwerk.yaml only"),
        (("workers.a", "1"), "workers is no mapping"),
        (("workers", "4", "--secret"), "a secret isn't given as VALUE"),
        (("workers",), "VALUE is missing"),
        (("workers", "--secret"), "must be a whole number"),
        (("health", "--env", "stagin", "/"), "shop has no environment stagin; did you mean staging?"),
        (("a..b", "1"), "is no key"),
    ],
)
def test_a_mistake_leaves_the_file_alone(root, run, words, told):
    code, printed, error = run("set", *words, text="x\n")
    assert (code, printed) == (2, "")
    assert told in error
    assert file(root).read_text() == PRODUCTION
    assert not recipients.file(root).exists()


def test_all_mistakes_are_told_at_once(root, run):
    (root / "kraftwerk.yaml").write_text("wsgi: [x]\nhelth: /\n")
    code, _, error = run("set", "workers", "many")
    assert code == 2
    assert len([line for line in error.splitlines() if ".sls:" in line or ".yaml:" in line]) >= 3


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("a: b", "a: b"), ("@home", "@home"), ("x # y", "x # y"), ("", ""), ("*", "*"), ("it's", "it's"), ("4", "4"),
        ("&a", "&a"), ("!x y", "!x y"), ("yes", "yes"), ("- a", "- a"), ("{", "{"), ("two\nlines", "two\nlines"),
        ('"quoted"', "quoted"), ("[a", "[a"), ("%d", "%d"), ("`x`", "`x`"), ("a,b", "a,b"), (" x ", " x "),
    ],
)  # fmt: skip
def test_whatever_is_typed_arrives_as_text_where_text_is_wanted(root, run, typed, value):
    assert run("set", "environ.GREETING", "--", typed)[0] == 0
    assert project.parse(root).deployment("production").environ["GREETING"] == value


def test_lists_and_mappings_are_typed_as_yaml(root, run):
    assert run("set", "aliases", "[a.example,  b.example]")[0] == 0
    assert run("set", "nginx.deep.er", "{a: 1}")[0] == 0
    assert file(root).read_text() == PRODUCTION.replace("{x: y}", "{x: y, deep: {er: {a: 1}}}") + (
        "aliases: [a.example,  b.example]\n"
    )


def test_base_is_for_all_environments_and_what_wins_over_it_is_told(root, run):
    code, printed, _ = run("set", "workers", "3", "--base")
    assert code == 0
    assert "pillar/base.sls: workers not set → 3" in printed
    assert "pillar/production.sls:2 says 2, and wins in production" in printed
    assert run("get", "workers", "--env", "staging")[1] == "3\n"


def test_what_looks_like_a_secret_is_told(run):
    assert "environ.STRIPE_TOKEN looks like a secret" in run("set", "environ.STRIPE_TOKEN", "x")[1]
    assert "looks like" not in run("set", "environ.COLOUR", "red")[1]


def test_unset(root, run):
    assert run("unset", "environ.DEBUG")[1].startswith("pillar/production.sls: environ.DEBUG no → not set")
    assert file(root).read_text() == PRODUCTION.replace('environ: {DEBUG: "no"}\n', "")
    assert run("get", "environ.DEBUG")[1] == "x\n"
    code, _, error = run("unset", "environ.DEBUG")
    assert code == 2
    assert "pillar/production.sls doesn't say environ.DEBUG" in error


def test_the_mode_of_the_file_and_links_to_it_stay(root, run):
    kept = root.parent / "elsewhere.sls"
    file(root).rename(kept)
    file(root).symlink_to(kept)
    kept.chmod(0o664)
    run("set", "workers", "4")
    assert file(root).is_symlink()
    assert "4" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o664


def test_somebody_else_s_change_meanwhile_is_not_lost(root):
    found = configfile.read(root, base=False, environment="production")
    change = configset.plain(found, ("workers",), "4")
    file(root).write_text("workers: 7\n")
    with pytest.raises(KraftwerkError, match="changed meanwhile"):
        configset.carry_out(change)
    assert file(root).read_text() == "workers: 7\n"


def test_a_generated_secret_is_made_once(root, run):
    assert run("set", "SECRET_KEY", "--generate")[1].splitlines()[:2] == [
        "pillar/production.sls: environ.SECRET_KEY not set → (encrypted)",
        "encrypted for you (made pillar/recipients.txt)",
    ]
    first = run("get", "SECRET_KEY", "--reveal")[1]
    code, _, error = run("set", "SECRET_KEY", "--generate")
    assert code == 2
    assert "environ.SECRET_KEY has a value already" in error
    assert run("set", "SECRET_KEY", "--generate", "--force")[0] == 1, "nobody answered the question"
    assert run("get", "SECRET_KEY", "--reveal")[1] == first
    assert run("set", "SECRET_KEY", "--generate", "--force", "--yes")[0] == 0
    assert run("get", "SECRET_KEY", "--reveal")[1] != first


def test_a_value_in_plain_text_is_not_replaced_by_a_generated_one(root, run):
    assert run("set", "environ.DEBUG", "--generate")[0] == 2
    assert run("set", "environ.COLOUR", "--generate")[0] == 2, "kraftwerk.yaml gives it"
    assert file(root).read_text() == PRODUCTION


def test_a_secret_of_base_is_not_generated_again_below(run):
    run("set", "SECRET_KEY", "--generate", "--base")
    assert run("set", "SECRET_KEY", "--generate")[0] == 2


def test_an_encrypted_value_becomes_plain_only_by_force(run):
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    assert run("set", "environ.TOKEN", "plain")[0] == 2
    assert run("set", "environ.TOKEN", "plain", "--force")[0] == 0


def test_a_secret_keeps_its_lines_and_odd_characters(run):
    value = "-----BEGIN KEY-----\n'\"$ü\n-----END KEY-----"
    run("set", "environ.PEM", "--secret", text=f"{value}\n")
    assert run("get", "environ.PEM", "--reveal")[1] == f"{value}\n"
    assert run("set", "environ.PEM", "--secret", text="")[0] == 2


def test_a_typed_secret_is_asked_for_twice_and_not_shown(root):
    command = [sys.executable, "-m", "kraftwerk", "config", "set", "environ.TOKEN", "--secret"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as running:
        os.close(theirs)
        shown = b""
        for prompt in (b"environ.TOKEN: ", b"Repeat for confirmation: "):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1024)
            os.write(ours, b"hush\n")
        while b"encrypted for you" not in shown:
            shown += os.read(ours, 1024)
        assert running.wait(timeout=20) == 0
    os.close(ours)
    assert b"hush" not in shown
    found = secret.reveal(yaml.safe_load(file(root).read_text()))
    assert found == ({"environ.TOKEN": "hush"}, [])


def test_environments_are_compared(run):
    code, printed, _ = run("diff", "--with", "staging", "--exit-code")
    assert code == 1
    assert printed.splitlines() == [
        "staging → production here",
        "  domain: s.example.com → not set",
        "  environ.DEBUG: x → no",
        "  nginx.x: not set → y",
        "  workers: not set → 2",
    ]
    assert run("diff", "--with", "staging")[0] == 0
    assert run("diff", "--with", "production", "--exit-code")[:2] == (0, "production has what production says here\n")


def test_what_is_deployed_is_compared_by_what_secrets_hold(root, run):
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    there = project.parse(root).instance("production", "blue")
    rekey.carry_out(root)
    here = project.parse(root).instance("production", "blue")
    assert there.environ != here.environ
    assert configdiff.deployed(there, here) == []
    run("set", "environ.TOKEN", "--secret", text="other\n")
    run("set", "domain", "www.example.com")
    changed = configdiff.deployed(there, project.parse(root).instance("production", "blue"))
    assert [each.line() for each in changed] == [
        "domain: shop.blue → www.example.com",
        "environ.TOKEN: (encrypted) → (encrypted) (another value)",
    ]
    assert changed[1].as_dict() == {"key": "environ.TOKEN", "old": "(encrypted)", "new": "(encrypted)"}
    assert all(each.old is configdiff.ABSENT for each in configdiff.deployed(None, here))


def test_a_project_that_is_nowhere_has_nothing_to_compare(root, run):
    (root / "kraftwerk.yaml").write_text("wsgi: shop.wsgi\n")
    code, _, error = run("diff")
    assert code == 1
    assert "shop isn't deployed anywhere in production" in error


def test_rekey_lets_a_colleague_in_and_keeps_the_rest_of_the_file(root, run):
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    run("set", "nginx.password", "--secret", text="other\n")
    before = file(root).read_text()
    colleague = x25519.Identity.generate()
    with recipients.file(root).open("a") as stream:
        stream.write(f"# ada\n{colleague.to_public()}\n")
    assert "would be encrypted for you and ada" in run("rekey", "--test")[1]
    assert file(root).read_text() == before
    code, printed, _ = run("rekey")
    assert code == 0
    assert printed.splitlines()[:2] == [
        "pillar/production.sls: environ.TOKEN, nginx.password", "encrypted for you and ada",
    ]  # fmt: skip
    theirs = root.parent / "ada.txt"
    theirs.write_text(f"{colleague}\n")
    found = secret.reveal(yaml.safe_load(file(root).read_text()), theirs)
    assert found == ({"environ.TOKEN": "hush", "nginx.password": "other"}, [])
    plain = [line for line in before.splitlines() if "#" in line]
    assert [line for line in file(root).read_text().splitlines() if "#" in line] == plain


def test_rekey_names_what_it_can_t_read_and_changes_nothing(root, run):
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    before = file(root).read_text()
    secret.identity_file().unlink()
    admin.ensure()
    recipients.file(root).write_text(secret.public_key())
    code, _, error = run("rekey")
    assert code == 2
    assert "pillar/production.sls:5: environ.TOKEN: this secret isn't encrypted for you" in error
    assert file(root).read_text() == before


def test_nobody_locks_themselves_out(root, run):
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    before = file(root).read_text()
    recipients.file(root).write_text(f"# ada\n{x25519.Identity.generate().to_public()}\n")
    code, _, error = run("rekey")
    assert code == 2
    assert "recipients.txt doesn't name you" in error and secret.public_key() in error
    assert file(root).read_text() == before
    assert "encrypted for ada; not for you" in run("set", "environ.OTHER", "--generate")[1]


def test_recipients_tell_who_reads_and_one_s_own_key(root, run):
    assert run("recipients")[1].splitlines()[-1] == secret.public_key()
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    assert run("recipients")[1] == f"you  {secret.public_key()}\n"
    found = json.loads(run("recipients", "--json")[1])
    assert [each["key"] for each in found["recipients"]] == [found["own"]] == [secret.public_key()]
    recipients.file(root).write_text("age1nonsense\n")
    code, _, error = run("recipients")
    assert code == 2
    assert "pillar/recipients.txt:1: 'age1nonsense' is no key to encrypt for" in error


def test_recipients_have_names(root):
    ssh = root.parent / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob@laptop", "-f", ssh], check=True)
    ada = x25519.Identity.generate().to_public()
    recipients.file(root).write_text(f"# ada\n{ada}\n\n{ssh.with_suffix('.pub').read_text()}{secret.public_key()}\n")
    assert recipients.names(recipients.read(root)) == "you, ada and bob@laptop"


@pytest.fixture
def editor(root, monkeypatch):
    """Make `$EDITOR` a program that runs Python on the text: `editor("text = text.replace('a', 'b')")`."""
    program = root.parent / "editor.py"

    def write(*steps):
        count = root.parent / "count"
        count.write_text("0")
        program.write_text(
            "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n"
            f"count = pathlib.Path({str(count)!r})\nturn = int(count.read_text())\ncount.write_text(str(turn + 1))\n"
            f"text = path.read_text()\nprint(text, path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)\n"
            f"scope = dict(text=text)\nexec({list(steps)!r}[turn], scope)\npath.write_text(scope['text'])\n"
        )
        monkeypatch.setenv("EDITOR", f"{sys.executable} {program}")
        monkeypatch.delenv("VISUAL", raising=False)

    return write


def test_edit_checks_and_tells_what_changed(root, run, editor):
    editor("text = text.replace('2', '4')")
    assert run("edit")[1] == "pillar/production.sls: workers: 2 → 4\n"
    assert file(root).read_text() == PRODUCTION.replace("2", "4")
    editor("pass")
    assert run("edit")[1] == "Nothing was changed.\n"


def test_edit_keeps_the_draft_when_it_is_left_with_mistakes(root, run, editor, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root.parent))
    editor("text = text.replace('2', 'many')")
    monkeypatch.setattr("kraftwerk.screen.confirm", lambda *_, **__: False)
    code, _, error = run("edit")
    assert code == 2
    assert "workers: must be a whole number" in error
    assert file(root).read_text() == PRODUCTION
    draft = error.partition("your draft is kept in ")[2].strip()
    assert "many" in Path(draft).read_text()
    assert file(root).read_text() == PRODUCTION and "plain text" not in error


def test_an_editor_that_fails_in_a_script_is_not_opened_for_ever(root, run, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root.parent))
    monkeypatch.setenv("VISUAL", "false")
    code, _, error = run("edit")
    assert code == 1 and error.count("false failed with exit code 1") == 1 and "your draft is kept" in error


def test_a_draft_with_secrets_is_told_as_one(root, run, editor, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root.parent))
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    editor("text = text.replace('2', 'many')")
    monkeypatch.setattr("kraftwerk.screen.confirm", lambda *_, **__: False)
    assert ", with its secrets in plain text: remove it soon" in run("edit", "--secrets")[2]
    editor("pass")
    (kept,) = root.parent.glob("kraftwerk-*")
    run("edit")
    assert (kept / "production.sls").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_no_draft_is_left_by_who_was_ended(root, run, editor, monkeypatch, number):
    """A lost terminal and a shutdown remove it; what a kill leaves, the next edit removes."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root.parent))
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    editor("open('opened', 'w').close(); import time; time.sleep(15)")
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, by whom we start, too
    editing = process.popen([sys.executable, "-m", "kraftwerk", "config", "edit", "--secrets"], cwd=root)
    signal.signal(signal.SIGHUP, before)
    assert wait_until((root / "opened").exists, timeout=20)
    (draft,) = root.parent.glob("kraftwerk-*/production.sls")
    assert "hush" in draft.read_text()
    editor("pass", "pass")
    run("edit")
    assert draft.exists(), "it isn't swept while somebody edits it"
    editing.send_signal(number)
    editing.wait(20)
    assert draft.exists() == (number == signal.SIGKILL)
    run("edit")
    assert not list(root.parent.glob("kraftwerk-*"))


def test_an_edit_that_begins_beside_another_does_not_sweep_its_draft_away(root, run, editor, monkeypatch):
    """Between its folder and the lock of that, a draft looks as what a kill left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root))
    editor("text = text.replace('2', '4')")
    made = tempfile.mkdtemp

    def swept(**options):
        folder = made(**options)
        configedit._sweep(root)
        assert not Path(folder).exists()
        return folder

    monkeypatch.setattr(configedit.tempfile, "mkdtemp", swept)
    assert run("edit")[:2] == (0, "pillar/production.sls: workers: 2 → 4\n")


def test_edit_again_after_a_mistake(root, run, editor, monkeypatch):
    editor("text = text.replace('2', 'many')", "text = text.replace('many', '3')")
    monkeypatch.setattr("kraftwerk.screen.confirm", lambda *_, **__: True)
    assert run("edit")[1] == "pillar/production.sls: workers: 2 → 3\n"


def test_edit_with_secrets_encrypts_what_is_new_and_leaves_what_is_old(root, run, editor, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root.parent))
    run("set", "environ.TOKEN", "--secret", text="hush\n")
    run("set", "environ.PEM", "--secret", text="two\nlines\n")
    before = file(root).read_text()
    editor("text = text + 'mail: {password: !secret new}\\n'")
    code, printed, _ = run("edit", "--secrets")
    assert code == 0
    assert "new" not in printed and "mail.password: not set → (encrypted)" in printed
    assert file(root).read_text().startswith(before)
    assert run("get", "environ.PEM", "--reveal")[1] == "two\nlines\n"
    assert not list(root.parent.glob("kraftwerk-*")), "no draft is left"
    editor("text = text.replace(\"!secret 'hush'\", '!secret louder')")
    run("edit", "--secrets")
    assert run("get", "environ.TOKEN", "--reveal")[1] == "louder\n"
    editor("pass")
    now = file(root).read_text()
    assert run("edit", "--secrets")[1] == "Nothing was changed.\n"
    assert file(root).read_text() == now


def test_keys_are_completed(root):
    from kraftwerk import configleaf

    known = [keypath.text(keys) for keys in configleaf.known(project.find(), "production")]
    assert {"environ.DEBUG", "nginx.x", "services", "health"} <= set(known)
