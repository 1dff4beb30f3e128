"""What Salt returns of states: parsed, told, and nothing of it lost."""

import pytest

from kraftwerk import highstate
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome
from kraftwerk.node import Node

BLUE = Node("blue", "10.77.0.11", "local")


def returned(identifier, order, **fields):
    entry = {"__id__": identifier, "__sls__": "nginx.config", "__run_num__": order, "duration": 1500.0, "name": "/x"}
    return {f"file_|-{identifier}_|-/x_|-managed": entry | {"result": True, "comment": "", "changes": {}} | fields}


def outcome(*entries, test=False):
    value = {key: entry for each in entries for key, entry in each.items()}
    return Outcome("blue", highstate.parse(BLUE, value), 2.0, test)


def test_results_come_in_the_order_in_which_they_ran():
    results = outcome(returned("b", 1), returned("a", 0)).results
    assert [(each.id, each.function, each.seconds) for each in results] == [
        ("a", "file.managed", 1.5),
        ("b", "file.managed", 1.5),
    ]


def test_a_state_is_changed_unchanged_or_failed():
    found = outcome(
        returned("same", 0),
        returned("done", 1, changes={"diff": "x"}),
        returned("would", 2, result=None),
        returned("bad", 3, result=False, changes={"retcode": 1}),
    )
    names = [[each.id for each in group] for group in (found.changed, found.unchanged, found.failed)]
    assert names == [["done", "would"], ["same"], ["bad"]]


@pytest.mark.parametrize(("value", "said"), [(["a: no such sls", "b"], "a: no such sls; b"), ("oops", "oops")])
def test_states_that_do_not_render_are_an_error(value, said):
    with pytest.raises(KraftwerkError, match=f"blue: the states don't render: {said}"):
        highstate.parse(BLUE, value)


def test_no_state_at_all_is_an_error():
    with pytest.raises(KraftwerkError, match="blue: no state ran"):
        highstate.parse(BLUE, {})


def test_the_report_names_id_file_time_and_sums():
    found = outcome(returned("nginx/config/x", 0, changes={"diff": "+a\n-b"}), returned("same", 1))
    title = "  changed  nginx/config/x  (nginx/config.sls, file.managed)  1.5s"
    sums = "blue: 1 changed, 1 unchanged, 0 failed in 2.0s"
    assert highstate.report(found) == [title, sums]
    assert highstate.report(found, details=True) == [title, "           +a", "           -b", sums]


def test_a_test_shows_the_diff():
    found = outcome(returned("x", 0, result=None, changes={"diff": "+a"}), test=True)
    assert highstate.report(found)[1] == "           +a"


def test_old_and_new_are_shown_side_by_side_and_noise_is_not():
    changes = {"nginx": {"old": "", "new": "1.22"}, "pid": 7, "stderr": ""}
    assert highstate.report(outcome(returned("x", 0, changes=changes)), details=True)[1] == "           nginx: - → 1.22"


def test_the_password_of_an_index_is_not_shown():
    changes = {"global": {"index-url": {"before": None, "after": "https://anna:secret@index.example/simple"}}}
    shown = "\n".join(highstate.report(outcome(returned("x", 0, changes=changes)), details=True))
    assert "https://…@index.example/simple" in shown
    assert "secret" not in shown


def test_a_failure_tells_what_its_program_said_and_hides_those_that_only_needed_it():
    bad = returned(
        "bad", 0, result=False, comment='Command "nginx -t" run', changes={"stderr": "unexpected }", "pid": 1}
    )
    victim = returned("victim", 1, result=False, comment="One or more requisite failed: nginx.bad")
    found = outcome(bad, victim)
    assert highstate.failures(found) == 'bad (nginx.config): Command "nginx -t" run\nunexpected }'
    assert highstate.report(found) == [
        "  failed   bad  (nginx/config.sls, file.managed)  1.5s",
        '           Command "nginx -t" run',
        "           unexpected }",
        "blue: 0 changed, 0 unchanged, 2 failed in 2.0s",
    ]


def test_progress_counts_the_states_that_completed():
    heard = []
    on_line = highstate._progress(heard.append)
    on_line("[INFO    ] Running state [/x] at time 22:55:21.715046")
    on_line("[INFO    ] Completed state [/x] at time 22:55:21.717744 (duration_in_ms=2.698)")
    assert heard == ["1 /x"]


def test_of_a_traceback_the_last_line_is_told():
    comment = (
        'An exception occurred in this state: Traceback (most recent call last):\n  File "state.py", line 1, in call\n'
        "    ret = call()\n          ^^^^^^\nRuntimeError: service mysite-mail doesn't stop\n"
    )
    found = outcome(returned("bad", 0, result=False, comment=comment))
    assert highstate.failures(found) == "bad (nginx.config): RuntimeError: service mysite-mail doesn't stop"


def test_what_a_state_has_to_say_beside_is_told():
    found = outcome(returned("site", 0, warnings=["it was changed by hand"]))
    assert found.notes == ["it was changed by hand"]
    assert "  note     it was changed by hand" in highstate.report(found)
