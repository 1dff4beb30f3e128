"""What runs beside web on a real node: how many, how each one stops, those that don't stay up, and cron jobs."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from kraftwerk.node import get_node
from kraftwerk.remote import script
from kraftwerk.transport import Connection
from tests import visitors
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NAME = "proc-one", "desk"
HOST = f"{NAME}.{NODE}"
LOG = f"/var/log/kraftwerk/{NAME}"
YAML = """\
wsgi: shop
workers: 2
processes:
  mail: {run: exec python mail.py, count: 2, stop: {signal: INT, seconds: 60}}
  mule: {run: "trap '' TERM; while :; do sleep 0.1; done", stop: {seconds: 1}}
cron:
  bad: {at: "17 3 * * *", run: "echo counted; exit 3"}
  long: {at: "18 3 * * *", run: "echo begun; until [ -e go ]; do sleep 0.1; done; echo over"}
"""
MAIL = """\
import signal, time
signal.signal(signal.SIGINT, lambda *_: (print("asked by INT", flush=True), exit()))
print("here", flush=True)
while True:
    time.sleep(1)
"""


def on(words):
    return Connection(get_node(NODE)).script(words, check=False).stdout.decode().strip()


def pid(unit):
    return on(f"cat /etc/service/{NAME}-{unit}/supervise/pid")


def beside():
    """Return what stands on the node of workers and cron jobs: their commands, and when they run."""
    return on(
        f"tail -n +1 /etc/sv/{NAME}-*/run /etc/sv/{NAME}-*/stop /etc/cron.d/kraftwerk-{NAME} /etc/kraftwerk/cron/*"
    )


def running():
    """Return how many run of what was deployed later, and of the mails and mules that were there before."""
    return [on(f"pgrep -fcu web-{NAME} '{each}'") for each in ("^python post.py", "^python mail.py", "[t]rap")]


@pytest.fixture(scope="module")
def root(make_shared_node, converged, tmp_path_factory, kraftwerk):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    (root / "shop.py").write_text(visitors.SITE)
    (root / "mail.py").write_text(MAIL)
    (root / "kraftwerk.yaml").write_text(YAML.replace("[ -e go ]", f"[ -e /tmp/{NAME}-go ]"))
    (root / "requirements.txt").write_text("gunicorn\n")
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    return root


def test_each_is_asked_to_stop_in_its_own_way_and_no_request_fails(root, kraftwerk):
    before = {unit: pid(unit) for unit in ("mail", "mail.2", "mule")}
    with visitors.visiting(get_node(NODE).host, HOST) as seen:
        wait_for(lambda: seen.answers > 20)
        kraftwerk("restart", cwd=root)
        count = seen.answers
        wait_for(lambda: seen.answers > count + 20)
    assert not seen.failed
    wait_for(lambda: all(pid(unit) not in ("", before[unit]) for unit in before))  # the mule was made to
    for unit in ("mail", "mail.2"):
        assert on(f"tail -n 3 {LOG}/{unit}/current | cut -d ' ' -f 2-") == "here\nasked by INT\nhere"
    assert on(f"ls /etc/service/{NAME}-*/supervise/exits") == ""  # nobody ended by itself


def test_a_cron_job_outlives_a_deploy_and_never_overlaps(root, kraftwerk):
    running = subprocess.Popen(
        [sys.executable, "-m", "kraftwerk", "cron", "run", "long"],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "begun\n"
    assert on(f"/etc/kraftwerk/cron/{NAME} long || echo $?") == "75"
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    jobs = {job["name"]: job for job in json.loads(kraftwerk("cron", "list", "--json", cwd=root).stdout)}
    assert (jobs["long"]["running"], jobs["long"]["skipped"], jobs["bad"]["began"]) == (True, 1, 0)
    its = on(f"readlink /proc/$(pgrep -fu web-{NAME} '[b]egun' | head -n 1)/cwd")
    Connection(get_node(NODE)).script(script("prune"), NAME, "0", its.rpartition("/")[2])
    assert on(f"ls -d {its}") == its != on(f"readlink -f /web/{NAME}/current")
    on(f"touch /tmp/{NAME}-go")
    assert (running.communicate(timeout=30)[0], running.returncode) == ("over\n", 0)
    assert "over" in kraftwerk("logs", "--process", "cron.long", cwd=root).stdout


def test_what_became_of_a_job_is_told(root, kraftwerk):
    assert kraftwerk("cron", "run", "bad", cwd=root, check=False).returncode == 3
    listed = kraftwerk("cron", "list", "--json", cwd=root, check=False)
    assert (listed.returncode, json.loads(listed.stdout)[0]["code"]) == (1, 3)
    status = kraftwerk("status", cwd=root, check=False).stdout
    assert "cron bad ✗ exit code 3" in status
    assert status.endswith("kraftwerk logs --process cron.bad\n")
    assert on(f"rm /var/lib/kraftwerk/cron/{NAME}/bad") == ""


def test_a_worker_that_does_not_stay_up_takes_the_release_back(root, kraftwerk):
    live, before, yaml = on(f"readlink /web/{NAME}/current"), beside(), (root / "kraftwerk.yaml").read_text()
    (root / "mail.py").write_text("raise RuntimeError('no such queue')\n")
    (root / "kraftwerk.yaml").write_text(re.sub(r"  (mule|bad|long): .*\n", "", yaml).replace("cron:\n", ""))
    failed = kraftwerk("deploy", NODE, "--yes", cwd=root, check=False)
    (root / "mail.py").write_text(MAIL)
    (root / "kraftwerk.yaml").write_text(yaml)
    assert failed.returncode == 1
    assert beside() == before  # the mule, which the release had no more, and cron jobs are there again
    assert "mail, mail.2 don't stay up (exit code 1): RuntimeError: no such queue" in failed.stderr
    assert "kraftwerk logs --process mail" in failed.stderr
    assert on(f"readlink /web/{NAME}/current") == live
    status = kraftwerk("status", cwd=root).stdout
    assert "web 2/2 · mail 2/2 ✓ · mule ✓" in status
    assert on(f"pgrep -fcu web-{NAME} '[g]unicorn'") == "3"  # nothing of the new release is left


def test_what_was_scaled_stays_so_and_what_has_to_go_may_finish(root, kraftwerk):
    kraftwerk("scale", "web=3", "mail=1", "mule=0", "--yes", cwd=root)
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    rows = json.loads(kraftwerk("scale", "--json", cwd=root).stdout)
    assert [(row["name"], row["running"], row["wanted"], row["scaled"]) for row in rows] == [
        ("web", 3, 3, True),
        ("mail", 1, 1, True),
        ("mule", 0, 0, True),
    ]
    assert "asked by INT" in on(f"tail -n 1 {LOG}/mail.2/current")
    said = {each["name"]: each for each in json.loads(kraftwerk("env", "--json", cwd=root).stdout)}
    assert (said["scale.web"]["value"], said["scale.web"]["source"]) == (3, f"kraftwerk scale, on {NODE}")


def test_a_worker_that_ends_again_and_again_is_stopped_until_it_is_restarted(root, kraftwerk):
    # As if it had ended five times within these two minutes: to wait for that takes half a minute.
    on(f"for i in 1 2 3 4 5; do echo $(date +%s) 7 0; done >/etc/service/{NAME}-mail/supervise/exits")
    on(f"kill -KILL {pid('mail')}")
    wait_for(lambda: on(f"sv status /etc/service/{NAME}-mail").startswith("down:"))
    status = kraftwerk("status", cwd=root, check=False)
    assert status.returncode == 1
    assert "mail ✗ ended 6 times (signal 9), stopped: here" in status.stdout
    assert "kraftwerk logs --process mail, then kraftwerk restart mail" in status.stdout
    kraftwerk("restart", "mail", cwd=root)
    assert "· mail ✓ ·" in kraftwerk("status", cwd=root).stdout


def test_workers_that_a_killed_deploy_left_behind_follow_even_if_the_next_one_fails(root, kraftwerk):
    hook = root / "hooks" / "before-workers"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    assert kraftwerk("deploy", NODE, "--yes", cwd=root, check=False).returncode == -9
    shutil.rmtree(hook.parent)
    live = on(f"readlink -f /web/{NAME}/current")
    works_in = lambda: on(f"readlink /proc/{pid('mail')}/cwd")  # noqa: E731
    assert works_in() != live
    told = "what made it live was cut off after the switch: workers may run other code"
    wait_for(lambda: told in kraftwerk("status", cwd=root, check=False).stdout)  # once the node has noticed the kill

    (root / "shop.py").write_text("raise RuntimeError('no such shop')\n")
    assert kraftwerk("deploy", NODE, "--yes", "--wait", "15", cwd=root, check=False).returncode == 1
    assert on(f"readlink -f /web/{NAME}/current") == live
    wait_for(lambda: works_in() == live)
    (root / "shop.py").write_text(visitors.SITE)
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    kraftwerk("status", cwd=root)


def test_workers_and_cron_jobs_are_those_of_the_live_release(root, kraftwerk):
    kraftwerk("scale", "mule=1", "--yes", cwd=root)
    live, before, pids = on(f"readlink /web/{NAME}/current"), beside(), [pid("mail"), pid("mule")]
    ran = running()
    assert "0" not in ran[1:]
    (root / "kraftwerk.yaml").write_text("wsgi: shop\nworkers: 2\nprocesses: {mail: exec python post.py}\n")
    (root / "post.py").write_text(MAIL)
    (root / "shop.py").write_text("raise RuntimeError('no such shop')\n")
    failed = kraftwerk("deploy", NODE, "--yes", cwd=root, check=False)
    assert (failed.returncode, "no such shop" in failed.stderr) == (1, True)
    assert beside() == before
    assert [pid("mail"), pid("mule")] == pids  # what the release would change or drop never stopped

    (root / "shop.py").write_text(visitors.SITE)
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    assert running() == [*"100"]
    assert on(f"ls -d /etc/cron.d/*-{NAME} /etc/sv/{NAME}-mule") == ""

    kraftwerk("rollback", cwd=root)  # the release before has no post.py
    assert on(f"readlink /web/{NAME}/current") == live
    assert beside() == before
    wait_for(lambda: running() == ran)
