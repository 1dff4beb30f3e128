"""The state kw_program.present: no-op, test run and change, with the real execution module below it."""

from pathlib import Path

MODULES = {path.name for path in (Path(__file__).parents[2] / "_modules").glob("kw_*.py")}


def test_changes_then_nothing_to_do(state, tmp_path):
    folder = tmp_path / "program"
    ret = state("kw_program.present", name=str(folder))
    assert ret["result"] is True and ret["changes"] == dict.fromkeys(MODULES, "added")
    assert {path.name for path in folder.iterdir()} == MODULES
    assert state("kw_program.present", name=str(folder))["changes"] == {}


def test_what_differs_and_what_is_too_much(state, tmp_path):
    state("kw_program.present", name=str(tmp_path))
    (tmp_path / "kw_files.py").write_text("old")
    (tmp_path / "kw_gone.py").write_text("of another version")
    ret = state("kw_program.present", name=str(tmp_path))
    assert ret["changes"] == {"kw_files.py": "changed", "kw_gone.py": "removed"}
    assert {path.name for path in tmp_path.glob("*.py")} == MODULES


def test_a_test_run_changes_nothing(state, tmp_path):
    ret = state("kw_program.present", test=True, name=str(tmp_path / "program"))
    assert ret["result"] is None and "kw_call.py" in ret["changes"]
    assert not (tmp_path / "program").exists()


def test_a_folder_that_can_t_be_made(state, tmp_path):
    (tmp_path / "file").write_text("")
    assert state("kw_program.present", name=str(tmp_path / "file" / "program"))["result"] is False
