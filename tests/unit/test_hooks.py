"""Which programs of a project are its hooks, and what becomes of a deploy when one of them fails."""

from types import SimpleNamespace

import pytest

from kraftwerk import cutover, hooks, rollout, upload
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.release import History, Release
from kraftwerk.rollout import Rollout
from kraftwerk.tokens import Tokens

PHASES = ("lock", "upload", "configure", "boot", "switch", "drain", "unlock")


@pytest.fixture
def project(tmp_path):
    """A project's folder, and a function that writes a hook into it."""

    def write(name, text="exit 0", mode=0o755):
        path = tmp_path / "hooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)

    return SimpleNamespace(root=tmp_path, write=write, name="shop")


def run_of(project, **state):
    instance = Instance("shop", "shop", "staging", "shop:app", domains=("shop.test",), environ={"COLOUR": "blue"})
    there = SimpleNamespace(node=SimpleNamespace(name="blue", host="10.0.0.1"), instance=instance, connection=None)
    run = Rollout(project, there, release=Release(8, commit="c0ffee"), history=History(live=7), **state)
    run.programs = hooks.find(project.root, PHASES)
    return run


def go(run, *phases):
    with Tokens() as tokens:
        rollout.go(run, phases, tokens)


def boot(run):
    return ""


def switch(run):
    run.switched = True
    return ""


def test_hooks_are_found_by_their_names_and_all_else_in_the_folder_is_left_alone(project):
    for name in ("before-boot", "after-boot", "node/before-boot", "library.sh", "after-boot.sample", "before-drain~"):
        project.write(name)
    found = hooks.find(project.root, PHASES)
    assert {moment: [hook.name for hook in given] for moment, given in found.items()} == {
        "before-boot": ["hooks/before-boot", "hooks/node/before-boot"],
        "after-boot": ["hooks/after-boot"],
    }


def test_no_hooks_are_none(tmp_path):
    assert hooks.find(tmp_path, PHASES) == {}


@pytest.mark.parametrize(
    ("name", "mode", "cause"),
    [
        ("before-swich", 0o755, "hooks/before-swich is named after no phase; did you mean before-switch?"),
        (
            "before-dinner-is-served",
            0o755,
            "hooks/before-dinner-is-served is named after no phase; phases are lock, upload",
        ),
        ("before-boot", 0o644, "hooks/before-boot can't be executed"),
        ("node/before-configure", 0o755, "no release on the node can run it"),
        ("node/after-failure", 0o755, "no release on the node can run it"),
    ],
)
def test_a_hook_that_would_never_run_is_refused(project, name, mode, cause):
    project.write(name, mode=mode)
    with pytest.raises(KraftwerkError, match=cause.replace("?", r"\?")) as refused:
        hooks.find(project.root, PHASES)
    assert refused.value.code == 2


def test_what_runs_here_is_no_part_of_the_release_and_what_runs_there_is(project):
    for name in ("before-boot", "node/before-boot", "library.py"):
        project.write(name)
    assert upload.files(project.root) == ["hooks/library.py", "hooks/node/before-boot"]


def test_a_hook_for_the_node_that_git_ignores_is_refused_as_it_would_never_run(project):
    for name in ("before-boot", "node/before-boot"):
        project.write(name)
    found = hooks.find(project.root, PHASES)
    hooks.check_sent(found, upload.files(project.root))
    (project.root / ".gitignore").write_text("/hooks\n")
    (project.root / "shop.py").touch()
    with pytest.raises(KraftwerkError, match="hooks/node/before-boot is not uploaded"):
        hooks.check_sent(found, upload.files(project.root))


def test_a_hook_knows_what_is_deployed_where_and_its_output_is_shown(project, capsys):
    project.write("before-boot", 'echo "$KRAFTWERK_ACTION $KRAFTWERK_NODE $KRAFTWERK_RELEASE $COLOUR"; pwd >&2')
    go(run_of(project), boot)
    assert capsys.readouterr().out.splitlines() == [
        "  before-boot: deploy blue 8 blue",
        f"  before-boot: {project.root}",
        "boot ✓",
    ]


def test_a_hook_that_fails_ends_the_deploy_with_its_last_lines(project, capsys):
    project.write("before-boot", "seq 30; exit 3")
    project.write("after-failure", 'echo "$KRAFTWERK_PHASE: $KRAFTWERK_ERROR"')
    with pytest.raises(KraftwerkError) as failed:
        go(run_of(project, landed=False), boot, switch)
    lines = failed.value.cause.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("hooks/before-boot failed with exit code 3:", "  6", "  30")
    assert "  after-failure: boot: hooks/before-boot failed with exit code 3:" in capsys.readouterr().out


def test_one_that_fails_after_the_switch_leads_visitors_back_while_that_can_be_done(project):
    project.write("after-switch", "exit 1")

    def undo(run):
        run.switched = False

    run, seen = run_of(project, undo=undo), []

    def drain(run):
        seen.append("never")

    with pytest.raises(KraftwerkError, match=r"hooks/after-switch failed with exit code 1$"):
        go(run, switch, drain)
    assert seen == []


def test_one_that_fails_later_stops_nothing_and_is_told_in_the_end(project):
    project.write("after-drain", "exit 1")
    seen = []

    def drain(run):
        return ""

    def unlock(run):
        seen.append("unlocked")

    with pytest.raises(KraftwerkError, match="after-drain failed with exit code 1\nrelease 8 is live all the same"):
        go(run_of(project), switch, drain, unlock)
    assert seen == ["unlocked"]


def test_one_that_is_no_program_is_told(project):
    project.write("before-boot")
    (project.root / "hooks/before-boot").write_bytes(b"\x7fELF nothing")
    with pytest.raises(KraftwerkError, match="hooks/before-boot"):
        go(run_of(project), boot)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((), "whether release 8 is live by now can't be told from here"),
        (("stop",), "release 7 serves on, untouched"),  # nothing that is live is stopped
    ],
)
def test_a_connection_that_breaks_at_the_switch_leaves_open_who_serves_unless_it_is_seen(project, answers, told):
    def script(text, *_, **__):
        if not any(text == cutover.slot.script(name) for name in answers):
            raise KraftwerkError("the connection broke")

    run = run_of(project, slot="b", booted=True)
    run.target.connection = SimpleNamespace(script=script)
    with pytest.raises(KraftwerkError) as failed:
        go(run, cutover.switch)
    assert failed.value.cause == f"the connection broke\n{told}"


@pytest.mark.parametrize(("phase", "start"), [("switch", "workers"), ("drain", "drain")])
def test_what_is_interrupted_after_the_switch_says_how_to_do_the_rest(project, capsys, phase, start):
    def interrupted(run):
        run.switched = True
        raise KeyboardInterrupt

    interrupted.__name__ = phase
    with pytest.raises(KeyboardInterrupt):
        go(run_of(project), interrupted)
    said = capsys.readouterr().err
    assert f"{phase} was interrupted\nrelease 8 is live, but not all was cleaned up" in said
    assert f"→ kraftwerk deploy blue --env staging --from {start}" in " ".join(said.split())
