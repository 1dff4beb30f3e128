"""Workers: what kraftwerk.yaml may say of them, how many there are, and what is told of those that don't stay up."""

import subprocess
import time
from dataclasses import replace

import pytest

from kraftwerk import beside, handover, health, node, problem, project, registry, scale, steady, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.jobs import Run, parse
from kraftwerk.paths import share
from kraftwerk.release import History, Release
from kraftwerk.remote import script
from kraftwerk.rollout import Rollout

MAIL = {"run": "python mail.py", "count": 2, "stop": {"signal": "INT", "seconds": 60}}
SHOP = Instance("shop", "shop", "production", "shop:app", processes={"clock": "tick", "mail": MAIL})


@pytest.fixture
def root(tmp_path):
    """Return the folder of a project."""
    (tmp_path / "shop" / "pillar").mkdir(parents=True)
    return tmp_path / "shop"


def processes(root, text, environment="production"):
    (root / "kraftwerk.yaml").write_text(f"wsgi: shop\n{text}\n")
    return project.parse(root).instance(environment, "blue").processes


def test_a_worker_is_a_command_or_says_more(root):
    text = "processes: {clock: tick, mail: {run: python mail.py, count: 2, stop: {signal: INT, seconds: 60}}}"
    assert processes(root, text) == SHOP.processes
    assert processes(root, "processes: {mail: {run: python mail.py}}") == {"mail": "python mail.py"}


def test_an_environment_says_how_many_of_what_runs_everywhere(root):
    (root / "pillar" / "production.sls").write_text("processes: {mail: {count: 4}}\n")
    assert processes(root, "processes: {mail: python mail.py}") == {"mail": {"run": "python mail.py", "count": 4}}
    assert processes(root, "processes: {mail: python mail.py}", "staging") == {"mail": "python mail.py"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("processes: {mail: {count: 4}}", "processes.mail of shop says nothing to run"),
        ("processes: {mail: {run: x, count: 65}}", "processes.mail.count: must be between 0 and 64"),
        ("processes: {mail: {run: x, stop: {signal: KILL}}}", "processes.mail.stop.signal: 'KILL' is not one of TERM"),
        ("processes: {mail: {run: x, stop: {second: 3}}}", "unknown key; did you mean seconds?"),
        ("processes: {mail: {run: x, counts: 3}}", "unknown key; did you mean count?"),
        ("processes: {web-a: {run: x}}", "web-a is what kraftwerk calls the web process"),
    ],
)
def test_mistakes_are_named(root, text, said):
    with pytest.raises(KraftwerkError, match=said.replace("?", r"\?")) as caught:
        processes(root, text)
    assert caught.value.code == 2


def test_of_several_each_has_a_name_and_what_was_scaled_counts(root):
    assert SHOP.units == ("clock", "mail", "mail.2")
    scaled = scale.wanted(SHOP, {"mail": 1, "clock": 0, "web": 4})
    assert scaled.units == ("mail",)
    assert scale.wanted(scaled, {"mail": None, "clock": 3}).scale == {"clock": 3, "web": 4}


@pytest.mark.parametrize("word", ["mail", "mail=", "mail=-1", "mail=65", "web=0", "web=many"])
def test_a_count_that_makes_no_sense_is_refused(word):
    with pytest.raises(KraftwerkError, match=r"must be (mail|web)=NUMBER, [01] to"):
        scale.parse([word], SHOP)


def test_counts_are_parsed_and_unknown_names_refused():
    assert scale.parse(["web=4", "mail=0", "clock=auto"], SHOP) == {"web": 4, "mail": 0, "clock": None}
    with pytest.raises(KraftwerkError, match="no process is called post; there are web, clock, mail"):
        scale.parse(["post=1"], SHOP)


def test_a_node_keeps_how_it_was_scaled_but_not_for_what_is_gone(root, monkeypatch, tmp_path):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    blue = node.Node("blue", "192.0.2.7", "ssh")
    registry.record(blue, scale.wanted(SHOP, {"web": 4, "mail": 3}))
    (root / "kraftwerk.yaml").write_text("wsgi: shop\nprocesses: {clock: tick}\n")
    assert target.instance_on(project.parse(root), "production", blue).scale == {"web": 4}


def test_one_node_runs_the_cron_jobs(root, monkeypatch, tmp_path):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    blue, green = (node.Node(name, "192.0.2.7", "ssh") for name in ("blue", "green"))
    for each in (blue, green):
        node.save_node(each)
    text = 'wsgi: shop\ncron: {tidy: {at: "@daily", run: tidy}}\n'
    (root / "kraftwerk.yaml").write_text(text)
    here = project.parse(root)

    def having():
        return [each.name for each in (blue, green) if target.instance_on(here, "production", each).cron]

    assert having() == ["blue", "green"]  # whichever comes first
    registry.record(green, target.instance_on(here, "production", green))
    assert (having(), target.cron_node(here, "production")) == (["green"], "green")
    registry.record(
        blue, project.parse(root).instance("production", "blue")
    )  # by an older kraftwerk, which had it run on all
    assert having() == ["blue"]
    registry.forget(blue, "shop")
    (root / "kraftwerk.yaml").write_text(f"{text}environments: {{production: {{nodes: [blue, green]}}}}\n")
    here = project.parse(root)
    assert (having(), target.cron_node(here, "production")) == (["blue"], "blue")


PRINTED = """\
mail\texit code 1
 2026-11-21_19:00:00.1 Traceback (most recent call last):
 2026-11-21_19:00:00.1   File "mail.py", line 3, in <module>
 2026-11-21_19:00:00.1 RuntimeError: no queue 1
 2026-11-21_19:00:01.1 Traceback (most recent call last):
 2026-11-21_19:00:01.1   File "mail.py", line 3, in <module>
 2026-11-21_19:00:01.1 RuntimeError: no queue 2
mail.2\texit code 1
clock\tsignal 11
"""
TOLD = """\
clock doesn't stay up (signal 11)
mail, mail.2 don't stay up (exit code 1): RuntimeError: no queue 2
  Traceback (most recent call last):
    File "mail.py", line 3, in <module>
  RuntimeError: no queue 1"""


def test_of_those_that_do_not_stay_up_one_of_a_kind_is_told_with_its_cause():
    assert steady.told(steady.parse(PRINTED)) == TOLD
    assert steady.parse("") == []


def test_the_last_run_of_a_job():
    ok = '{"began": 1795290398.5, "ended": 1795290400.0, "code": 0, "pid": 7, "by": "hand"}'
    assert (parse(["", "0", ok]).words, parse(["", "0", ok]).took) == ("ok", "1.5s")
    assert parse(["", "0", ok.replace('"code": 0', '"code": 3')]).words == "exit code 3"
    begun = ok.replace("1795290400.0", "null").replace('"code": 0', '"code": null')
    assert (parse(["", "3", begun]).words, parse(["", "3", begun]).failed) == ("interrupted", True)
    assert parse(["running", "3", begun]).words.endswith("s, skipped 3 times meanwhile")
    assert parse(["", "0", ""]) == Run()
    assert (Run().words, Run().failed) == ("has not run yet", False)
    assert parse(["", "0", '{"began": 17952']) == Run()  # the disk was full


def test_times_of_a_job_are_numbers_in_every_language():
    template = share("salt", "project", "files", "job.jinja").read_text()
    (now,) = (line for line in template.splitlines() if line.startswith("now()"))
    for said in ("1795290398,123456", "1795290398.123456"):  # German has a comma there
        script = f"unset EPOCHREALTIME; EPOCHREALTIME={said}; {now.partition(' # ')[0]}; now"
        assert subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout == b"1795290398.123456\n"


# Stand-ins for runit's programs; sv notes what it was told.
STUBS = 'sv() { case $1 in status) echo run: ;; *) echo "$*" >>ROOT/told ;; esac; }\npkill() { :; }\n'


def test_only_what_ended_lately_again_and_again_did_not_stay_up_before(tmp_path):
    now = int(time.time())
    ends = {"steady": [now - 9000, now - 8999], "once": [now - 3], "flaps": [now - 60, now - 9], "stopped": [now - 900]}
    for unit, times in ends.items():
        folder = tmp_path / "sv" / f"shop-{unit}" / "supervise"
        folder.mkdir(parents=True)
        (tmp_path / "service").mkdir(exist_ok=True)
        (tmp_path / "service" / f"shop-{unit}").symlink_to(folder.parent)
        (folder / "exits").write_text("".join(f"{each} 1 0\n" for each in times))
    stopped = tmp_path / "sv" / "shop-stopped" / "supervise"
    (stopped / "stopped").touch()
    text = STUBS.replace("ROOT", str(tmp_path)) + script("workers").replace("/etc/", f"{tmp_path}/")
    units = [*ends, "fresh"]
    done = subprocess.run(["sh", "-seu", "--", "shop", *units], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["unsteady flaps", "unsteady stopped", "new fresh"]
    assert sorted(path.name for path in stopped.iterdir()) == ["asked", "logged"]  # all else is forgotten
    told = (tmp_path / "told").read_text().splitlines()
    assert told[:2] == [
        f"up {tmp_path}/service/shop-steady",
        f"term {tmp_path}/service/shop-steady",
    ]


STATES = """\
sv() {
  case $2 in
    *-up | *-flaps) echo "run: $2: (pid 7) 3s; run: log: (pid 8) 9s" ;;
    *-young) echo "run: $2: (pid 7) 1s, normally down" ;;
    *-busy) echo "run: $2: (pid 7) 9000s, got TERM" ;;
    *) echo "fail: $2: unable to change to service directory" ;;
  esac
}
"""


def test_who_is_not_up_or_ends_again_does_not_stay_up(tmp_path):
    units = ("up", "young", "flaps", "busy", "lost")
    folders = {unit: tmp_path / "etc" / "sv" / f"shop-{unit}" / "supervise" for unit in units}
    for folder in folders.values():
        folder.mkdir(parents=True)
    (folders["flaps"] / "exits").write_text("1 3 0\n2 -1 11\n")
    (folders["busy"] / "asked").touch()  # it finishes what it does
    log = tmp_path / "log" / "shop" / "flaps" / "current"
    log.parent.mkdir(parents=True)
    log.write_text("2026-11-21_19:00:00.1 before\n2026-11-21_19:00:01.1 no queue\n")
    (folders["flaps"] / "logged").write_text("29\n")
    text = script("steady").replace("/etc/", f"{tmp_path}/etc/").replace("/var/log/kraftwerk", f"{tmp_path}/log")
    command = ["sh", "-seu", "--", "shop", "0", "10", *units]
    done = subprocess.run(command, input=STATES + text, capture_output=True, text=True, check=True)
    assert steady.parse(done.stdout) == [
        steady.Unsteady("flaps", "signal 11", ("no queue",)),
        steady.Unsteady("lost", "", ()),
    ]


def test_what_is_halted_is_started_by_the_next_deploy_alone(tmp_path):
    folder = tmp_path / "sv" / "shop-mail"
    folder.mkdir(parents=True)
    (tmp_path / "service").mkdir()
    link = tmp_path / "service" / "shop-mail"

    def run(name):
        text = STUBS.replace("ROOT", str(tmp_path)) + script(name).replace("/etc/", f"{tmp_path}/")
        subprocess.run(["sh", "-seu", "--", "shop", "mail"], input=text, text=True, check=True)
        return link.is_symlink(), (folder / "down").exists()

    assert [run("workers"), run("halt"), run("workers")] == [(True, False), (False, True), (True, False)]
    assert (tmp_path / "told").read_text() == f"-w 10 force-shutdown {folder}\n"


def test_a_site_without_workers_waits_for_none():
    there = target.Target(node.Node("blue", "192.0.2.7", "ssh"), replace(SHOP, processes={}), None)
    assert steady.workers(Rollout(None, there)) is None  # and the node isn't asked: there is no connection


def test_what_a_worker_said_last_is_part_of_the_problem():
    printed = "process\tshop\tmail\tshop-mail\tdown\t9\tup\nends\tshop\tmail\t6\t-1 11\tstopped\tno such queue\n"
    (seen,) = problem.found(health.parse("blue", printed))
    assert (seen.name, seen.detail) == (
        "process/shop-mail",
        "mail of shop ended 6 times (signal 11), stopped: no such queue",
    )


class There:
    """A node that notes which scripts it was told to run, and says something."""

    def __init__(self, *says):
        self.says, self.told = [*says], []

    def script(self, text, *arguments, **_):
        name = next(name for name in ("workers", "steady", "switch", "halt") if text == script(name))
        self.told.append((name, *arguments[1:]))
        return subprocess.CompletedProcess((), 0, self.says.pop(0).encode() if self.says else b"", b"")


def run_on(there, **state):
    at = target.Target(node.Node("blue", "192.0.2.7", "ssh"), SHOP, there)
    return Rollout(None, at, history=History(live=3, live_slot="a"), **state)


def test_who_goes_back_waits_for_no_worker():
    there = There()
    assert steady.workers(run_on(there, back=True)) == ""
    assert there.told == [("workers", "clock", "mail", "mail.2")]


def test_a_release_that_is_taken_back_takes_its_new_workers_along():
    there = There("new mail\nnew mail.2\n", "mail\texit code 1\n")
    run = run_on(there, switched=True, undo=steady.go_back)
    with pytest.raises(KraftwerkError, match="mail doesn't stay up"):
        steady.workers(run)
    assert not run.switched
    assert there.told[2:] == [("switch", "a", "3", "again"), ("halt", "mail", "mail.2"), ("workers", "clock")]


def test_a_rollback_that_is_over_stays_where_it_is():
    there = There("mail\texit code 1\n")
    with pytest.raises(KraftwerkError, match=r"mail doesn't stay up .*\nrelease 0 is live all the same"):
        steady.stay(run_on(there, back=True, switched=True))
    assert [name for name, *_ in there.told] == ["steady"]


EARLIER = replace(SHOP, processes={"mail": "old", "tidy": "tidy"}, scale={"tidy": 2}, cron={"daily": {"run": "x"}})


def test_workers_and_cron_jobs_wait_for_the_switch():
    run = run_on(There())
    assert (handover.before(run), handover.is_due(run)) == (SHOP, False)  # nothing of it is on the node
    run.history = replace(run.history, hosted={"shop": EARLIER})
    run.target = replace(run.target, instance=replace(SHOP, timeout=7))
    assert handover.before(run) == replace(EARLIER, timeout=7)  # all else is new
    assert handover.is_due(run)
    run.history = replace(run.history, live=None)  # an interrupted first deploy: nobody waits
    assert not handover.is_due(run)


def test_static_urls_of_both_releases_are_known_until_the_switch():
    run = run_on(There())
    run.history = replace(run.history, hosted={"shop": replace(SHOP, static={"/old/": "old", "/static/": "before"})})
    run.target = replace(run.target, instance=replace(SHOP, static={"/static/": "after", "/new/": "new"}))
    known = handover.before(run)
    assert (known.static, known.static_before) == (run.instance.static, {"/old/": "old"})
    assert handover.is_due(run)  # one goes after the switch
    run.history = replace(run.history, hosted={"shop": known})  # a deploy that failed before this one
    assert handover.before(run) == known
    run.history = replace(run.history, hosted={"shop": replace(SHOP, static={"/static/": "before"})})
    assert not handover.is_due(run)


def test_a_rollback_has_the_static_files_of_its_release():
    run = run_on(There(), back=True, release=Release(2, beside=beside.of(replace(SHOP, static={"/old/": "old"}))))
    run.history = replace(run.history, hosted={"shop": replace(SHOP, static={"/new/": "new"})})
    back = handover.going_back(run)
    assert (back.static, back.static_before) == ({"/old/": "old"}, {})
    run.target = replace(run.target, instance=replace(back, static={"/new/": "new", "/old/": "old"}))
    assert handover.is_due(run)  # the node hasn't been converged to it


def test_a_rollback_has_the_workers_and_cron_jobs_of_its_release():
    run = run_on(There(), back=True, release=Release(2))
    run.history = replace(run.history, hosted={"shop": replace(EARLIER, timeout=7)})
    kept = replace(SHOP, processes=EARLIER.processes, scale=EARLIER.scale, cron=EARLIER.cron)
    assert handover.going_back(run) == kept  # nobody wrote down what it had
    run.release = Release.from_json(replace(run.release, beside=beside.of(SHOP)).as_json())
    moved = replace(run.history, hosted={"shop": replace(EARLIER, present=False)})
    assert handover.going_back(replace(run, history=moved)) == SHOP  # what has left the node isn't converged to that
    gone = handover.going_back(run)
    assert gone == replace(EARLIER, timeout=7, processes=SHOP.processes, cron=SHOP.cron, scale={})  # not the file's
    run.target = replace(run.target, instance=gone)
    assert handover.is_due(run)
    run.history = replace(run.history, live=2)  # a restart
    assert handover.going_back(run) == replace(
        gone, processes=EARLIER.processes, scale=EARLIER.scale, cron=EARLIER.cron
    )


def test_what_a_rollback_cannot_hand_over_is_said(monkeypatch):
    there = There()
    run = run_on(there, back=True, switched=True, undo=steady.go_back)
    run.history = replace(run.history, hosted={"shop": EARLIER})

    def converge(_, instance):
        raise KraftwerkError("no space left", next_command="kraftwerk highstate blue")

    monkeypatch.setattr(handover, "converge", converge)
    assert steady.workers(run) == ""
    assert (run.switched, run.complaints, there.told) == (True, ["no space left\n→ kraftwerk highstate blue"], [])


def test_what_was_handed_over_is_given_back(monkeypatch):
    there = There("new clock\n", "mail\texit code 1\n")
    run = run_on(there, switched=True, undo=steady.go_back)
    run.history = replace(run.history, hosted={"shop": EARLIER})
    monkeypatch.setattr(handover, "converge", lambda _, instance: there.told.append(instance))
    with pytest.raises(KraftwerkError, match="mail doesn't stay up"):
        steady.workers(run)
    assert there.told == [
        SHOP,
        ("workers", "clock", "mail", "mail.2"),
        ("steady", "20", "100", "clock", "mail", "mail.2"),
        ("switch", "a", "3", "again"),
        ("halt", "clock"),
        EARLIER,
        ("workers", "mail", "tidy", "tidy.2"),
    ]


def test_what_cannot_be_handed_over_leads_back(monkeypatch):
    there = There()
    run = run_on(there, switched=True, undo=steady.go_back)
    run.history = replace(run.history, hosted={"shop": EARLIER})

    def converge(_, instance):
        there.told.append(instance)
        raise KraftwerkError("no space left")

    monkeypatch.setattr(handover, "converge", converge)
    with pytest.raises(KraftwerkError, match="no space left"):
        steady.workers(run)
    assert not run.switched
    assert there.told == [SHOP, ("switch", "a", "3", "again"), EARLIER, ("workers", "mail", "tidy", "tidy.2")]


def test_workers_that_never_followed_are_left_alone():
    there = There()
    run = run_on(there, switched=True)
    steady.go_back(run)  # a hook failed just after the switch
    assert there.told == [("switch", "a", "3", "again")]
