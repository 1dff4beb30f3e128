"""A small WSGI site on a real node: it is deployed, broken in many ways, gone back with, looked at and removed."""

import http.client
import json
import os
import pty
import select
import signal
import subprocess
import sys

import pytest

from kraftwerk import lock
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "deploy-one"

GOOD = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s"]
"""
REDIRECTS = """\
def application(environ, start_response):
    where = %r.get(environ["PATH_INFO"])
    start_response("302 Found" if where else "200 OK", [("Location", where)] if where else [])
    return []
"""
YAML = "wsgi: shop\nworkers: 1\n"
CHANGED = ["requirements.txt", "shop.py"]


def kraftwerk(*words, cwd, code=0, stdin=""):
    """Run a kraftwerk command as a user would; return all that it printed."""
    command = [sys.executable, "-m", "kraftwerk", *words]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def start(*words, cwd, **streams):
    return subprocess.Popen([sys.executable, "-m", "kraftwerk", *words], cwd=cwd, **streams)


class Site:
    """A project here, and what it is on the node."""

    def __init__(self, root):
        self.root = root
        self.write("keep")
        (root / "kraftwerk.yaml").write_text(YAML)
        (root / "requirements.txt").write_text("gunicorn\n")
        (root / "unchanged.txt").write_text("the same in every release")

    def write(self, body, code=GOOD):
        (self.root / "shop.py").write_text(code % body if "%" in code else code)

    def deploy(self, *words, code=0):
        return kraftwerk("deploy", NODE, "--yes", *words, cwd=self.root, code=code)

    def run(self, *words, **options):
        return kraftwerk(*words, cwd=self.root, **options)

    def on(self, script):
        return Connection(get_node(NODE)).script(script).stdout.decode().strip()

    def answer(self, path="/"):
        connection = http.client.HTTPConnection(get_node(NODE).host, timeout=10)
        connection.request("GET", path, headers={"Host": f"shop.{NODE}"})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def releases(self):
        return json.loads(self.run("releases", "--json"))

    def gunicorns(self):
        """Return how many slots have a gunicorn."""
        return int(self.on("pgrep -f -u web-shop -c 'slots/|gunicorn' -P \"$(pgrep -d, -x runsv)\" || true"))


@pytest.fixture(scope="module")
def site(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / "shop"
    root.mkdir()
    site = Site(root)
    site.first = site.deploy()
    return site


@pytest.fixture
def live(site):
    """Have a good release live and the project whole, before and after a test that breaks it."""
    yield site
    site.write("keep")
    (site.root / "kraftwerk.yaml").write_text(YAML)
    (site.root / "requirements.txt").write_text("gunicorn\n")


def assert_untouched(site, before):
    """Assert that what was live is live, and nothing else runs."""
    assert site.answer() == (200, "keep")
    assert [each["number"] for each in site.releases() if each["state"] == "live"] == [before]
    assert site.gunicorns() == 1


def live_number(site):
    return next(each["number"] for each in site.releases() if each["state"] == "live")


def test_the_first_deploy_prints_a_word_for_each_phase_and_the_address(site):
    lines = site.first.splitlines()
    words = [line.split(" ✓")[0] for line in lines[:-1]]
    assert words == ["lock", "node", "upload", "virtualenv", "boot", "switch", "prune"]
    assert lines[4].startswith("boot ✓ GET / 200 in ")
    assert lines[-1].startswith("Release 1 is live in ")
    assert lines[-1].endswith("undo: kraftwerk destroy")
    assert f"http://shop.{NODE}" in lines[-1]
    assert site.answer() == (200, "keep")


def test_a_redeploy_shares_what_did_not_change_and_stops_the_old_one(live):
    live.write("second")
    printed = live.deploy()
    assert "virtualenv ✓ as it is" in printed
    assert live.answer() == (200, "second")
    number = live_number(live)
    inodes = live.on(f"cd /web/shop/releases; stat -c %i {number - 1}/unchanged.txt {number}/unchanged.txt").split()
    assert inodes[0] == inodes[1]
    assert live.gunicorns() == 1
    live.write("keep")
    live.deploy()


def test_a_plan_tells_how_it_differs_from_what_is_live(live):
    live.write("planned")
    (live.root / "new.txt").touch()
    (live.root / "unchanged.txt").rename(live.root / ".." / "unchanged.txt")
    (live.root / "requirements.txt").write_text("gunicorn\niniconfig\n")
    found = json.loads(live.run("deploy", NODE, "--plan", "--json"))
    (live.root / ".." / "unchanged.txt").rename(live.root / "unchanged.txt")
    (live.root / "new.txt").unlink()
    (live.root / "requirements.txt").write_text("gunicorn\n")
    assert found["code"]["files"] == {"added": ["new.txt"], "changed": CHANGED, "removed": ["unchanged.txt"]}
    assert (list(found["packages"]["added"]), found["packages"]["removed"]) == (["iniconfig"], {})
    assert (found["states"], found["migrations"], found["downtime"]) == ([], [], [])
    assert found["release"] == live.releases()[0]["number"] + 1
    printed = live.run("deploy", NODE, "--plan", "-v")
    assert "  code      1 file changed" in printed and "Files\n  ~ shop.py\n" in printed


def test_what_runs_can_not_change_its_code(site):
    printed = site.run("run", "--", "sh", "-c", "touch shop.py; touch new.py; id -un", code=0)
    assert printed.count("Permission denied") == 2
    assert "web-shop" in printed
    assert site.on("stat -c %U:%G:%a /web/shop/current/shop.py") == "web:web:644"


def test_rollback_and_back_again(live):
    number = live_number(live)
    live.write("newer")
    live.deploy()
    printed = live.run("rollback")
    assert f"Release {number} is live again" in printed
    assert f"undo: kraftwerk rollback {number + 1}" in printed
    assert live.answer() == (200, "keep")
    assert live.releases()[0]["state"] == "rolled-back"
    live.run("rollback", str(number + 1))
    assert live.answer() == (200, "newer")
    live.run("rollback", str(number))


@pytest.mark.parametrize(
    ("code", "reason", "telling"),
    [
        ("raise SystemExit(3)", "the application exited instead of serving", ""),
        ("application = None", "the application exited", "Failed to find application object"),
        ("def broken(:", "the application exited", "SyntaxError"),
        (REDIRECTS % {"/": "/a", "/a": "/b", "/b": "/a"}, "redirects go in a circle", ""),
    ],
    ids=["exit", "no-callable", "syntax", "circle"],
)
def test_a_broken_release_never_goes_live_and_its_reason_is_printed(live, code, reason, telling):
    before = live_number(live)
    live.write("", code)
    printed = live.deploy(code=1)
    assert "boot ✗" in printed
    assert reason in printed
    assert telling in printed
    assert f"release {before} serves on, untouched" in printed
    assert_untouched(live, before)
    failed = live.releases()[0]
    assert (failed["state"], failed["reason"].startswith(reason[:20])) == ("failed", True)


def test_a_redirect_that_ends_goes_live(live):
    before = live_number(live)
    live.write("", REDIRECTS % {"/": "/login"})
    assert f"boot ✓ GET / 302 → http://shop.{NODE}/login in " in live.deploy()
    live.run("rollback", str(before))


def test_a_failing_release_command_stops_the_deploy(live):
    before = live_number(live)
    (live.root / "kraftwerk.yaml").write_text(
        YAML + "release: ['echo one', 'echo half done; exit 3', 'touch /tmp/no']\n"
    )
    printed = live.deploy(code=1)
    assert "migrate ✗" in printed
    assert "`echo half done; exit 3` failed with exit code 3:" in printed
    assert "  half done\n" in printed
    assert live.on("ls /tmp/no 2>/dev/null || true") == ""
    assert_untouched(live, before)


def test_release_commands_may_write_static_files_and_nobody_after_them(live):
    yaml = YAML + "static: {/static/: collected}\nrelease: ['echo style >collected/site.css']\n"
    (live.root / "kraftwerk.yaml").write_text(yaml)
    live.deploy()
    assert live.answer("/static/site.css") == (200, "style\n")
    printed = live.run("run", "--", "sh", "-c", "echo hacked >collected/site.css; cat collected/site.css")
    assert "Permission denied" in printed
    assert "style\n" in printed


def test_workers_follow_the_live_release_and_go_when_they_are_not_named_any_more(live):
    processes = "processes: {clock: 'pwd; exec sleep 321', parent: 'sleep 322; true'}\n"
    (live.root / "kraftwerk.yaml").write_text(YAML + processes)
    live.deploy()
    first = wait_for(lambda: live.on("pgrep -fx 'sleep 321' || true"))
    assert live.on(f"stat -c %U /proc/{first}") == "web-shop"
    assert "clock ✓ · parent ✓" in live.run("status")
    child = wait_for(lambda: live.on("pgrep -fx 'sleep 322' || true"))
    live.deploy()
    wait_for(lambda: live.on(f"pgrep -fx 'sleep 322' | grep -vx {child} || true"))
    assert live.on("pgrep -fc '^sleep 322'") == "1"
    second = wait_for(lambda: live.on(f"pgrep -fx 'sleep 321' | grep -vx {first} || true"))
    assert live.on(f"readlink /proc/{second}/cwd") == f"/web/shop/releases/{live_number(live)}"
    assert f"/web/shop/releases/{live_number(live)}" in live.run("logs", "--process", "clock")
    (live.root / "kraftwerk.yaml").write_text(YAML)
    live.deploy()
    assert live.on("pgrep -fx 'sleep 32[12]' || true") == ""


def test_requirements_that_do_not_resolve_are_told_in_uvs_words(live):
    before = live_number(live)
    (live.root / "requirements.txt").write_text("gunicorn==0.0.0.99\n")
    printed = live.deploy(code=1)
    assert "virtualenv ✗" in printed
    assert "requirements.txt can't be installed on the node:" in printed
    assert "gunicorn==0.0.0.99" in printed
    assert_untouched(live, before)


def test_a_release_that_does_not_fit_on_the_disk_is_refused_before_anything_is_sent(live):
    before = live_number(live)
    with (live.root / "huge").open("wb") as file:
        file.truncate(1 << 42)
    try:
        printed = live.deploy(code=1)
    finally:
        (live.root / "huge").unlink()
    assert f"the disk of {NODE} is too full: " in printed
    assert "the release needs 8388659 MB" in printed  # twice its size, and some
    assert_untouched(live, before)


def test_the_words_of_a_command_arrive_as_given(site):
    words = ["a b", "", "'", '"', "$HOME", "`id`", "new\nline", "*", "--as", "-n", "ü✓", "back\\slash", ";", "&&"]
    program = "import json, sys; print(json.dumps(sys.argv[1:]))"
    assert json.loads(site.run("run", "--", "python", "-c", program, *words)) == words


def test_exit_codes_and_stdin_pass_through(site):
    assert site.run("run", "--", "sh", "-c", "exit 42", code=42) == ""
    assert site.run("run", "--", "cat", stdin="line\nwithout end") == "line\nwithout end"
    assert "not found" in site.run("run", "--", "no-such-program", code=127)


def test_options_after_the_command_are_its_own(site):
    assert "usage: " in site.run("run", "python", "--help")


def test_as_root_it_runs_on_the_node_and_as_web_without_secrets(site):
    assert site.run("run", "--as", "root", "--", "id", "-un") == "root\n"
    assert site.run("run", "--as", "web", "--", "sh", "-c", "id -un; echo ${SECRET_KEY-none}") == "web\nnone\n"
    assert len(site.run("run", "--", "sh", "-c", "echo $SECRET_KEY")) > 30


def test_a_shell_takes_its_commands_from_stdin(site):
    assert site.run("shell", stdin="pwd; id -un; exit 5\n", code=5).split() == [
        f"/web/shop/releases/{live_number(site)}",
        "web-shop",
    ]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_without_a_terminal_what_ends_run_ends_the_command_on_the_node(site, sent, code):
    running = start("run", "--", "sh", "-c", "echo $$; exec sleep 987", cwd=site.root, stdout=subprocess.PIPE)
    assert running.stdout.readline().strip().isdigit()
    running.send_signal(sent)
    running.communicate()
    assert running.returncode == code
    wait_for(lambda: site.on("pgrep -fx 'sleep 987' || true") == "")


def test_a_terminal_here_is_a_terminal_there_and_ctrl_c_reaches_it(site):
    script = "trap 'echo caught; exit 9' INT; test -t 0 && test -t 1 && echo terminal; sleep 987 & wait"
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(site.root)
        os.execv(sys.executable, [sys.executable, "-m", "kraftwerk", "run", "--", "sh", "-c", script])
    seen = b""
    while b"caught" not in seen:
        seen += os.read(terminal, 1000)
        if seen.endswith(b"terminal\r\n"):
            os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_deploy_leaves_nothing_running_and_the_next_one_heals(live, sent):
    before = live_number(live)
    (live.root / "kraftwerk.yaml").write_text(YAML + "release: ['exec sleep 654']\n")
    running = start("deploy", NODE, "--yes", cwd=live.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: live.on("pgrep -fx 'sleep 654' || true"), 60)
    running.send_signal(sent)
    assert running.wait(60) == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    wait_for(lambda: live.on("pgrep -fx 'sleep 654' || true") == "")
    assert_untouched(live, before)
    (live.root / "kraftwerk.yaml").write_text(YAML)
    live.on("mkdir -p /web/shop/releases/99.part/half; touch /web/shop/releases/99.part/half/sent")
    live.deploy()
    assert live_number(live) == max(each["number"] for each in live.releases()) > before
    assert live.on("ls -d /web/shop/releases/*.part 2>/dev/null || true") == ""


def test_a_killed_deploy_leaves_no_release_booting(live):
    before = live_number(live)
    live.write("", "import time\ntime.sleep(60)")
    running = start("deploy", NODE, "--yes", cwd=live.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: live.gunicorns() == 2, 60)
    running.kill()
    running.wait()
    wait_for(lambda: live.gunicorns() == 1)
    assert_untouched(live, before)
    live.write("keep")
    live.deploy()


def test_a_virtualenv_that_was_not_finished_is_made_again(live):
    venv = live.on("readlink -f /web/shop/current/venv")
    live.on(f"rm {venv}/.kraftwerk-ready; rm -r {venv}/lib/python3*/site-packages/gunicorn")
    assert "virtualenv ✓ as it is" not in live.deploy()
    assert live.answer() == (200, "keep")


def test_who_holds_the_lock_is_named(site):
    with lock.held(Connection(get_node(NODE)), "shop"):
        printed = site.deploy(code=1)
    assert f"shop on {NODE} is locked by " in printed
    assert "lock ✗" in printed


def test_five_releases_are_kept(live):
    for _ in range(5):
        live.deploy()
    healthy = [each for each in live.releases() if each["state"] != "failed"]
    assert len(healthy) == 5
    assert len(live.on("ls /web/shop/venvs").split()) == 1


def test_the_plan_changes_nothing_and_without_an_answer_neither_does_deploy(live):
    before = live.releases()
    printed = live.run("deploy", NODE, "--plan")
    assert printed.splitlines()[0] == f"Plan for shop → {NODE} (production)"
    assert "  node      nothing to change" in printed
    assert live.run("deploy", NODE, code=1).endswith("Deploy? [y/N/more]: \nNothing was changed.\n")
    assert json.loads(live.run("deploy", NODE, "--plan", "--json"))["states"] == []
    assert live.releases() == before


def test_status_says_what_is_wrong(site):
    good = site.run("status")
    assert good.startswith(f"{NODE}  ✓ web 1/1 · disk ")
    slot = site.on("readlink /web/shop/slots/live")
    site.on(f"sv -w 30 stop /etc/service/shop-web-{slot}")
    bad = site.run("status", code=1)
    assert bad.startswith(f"{NODE}  ✗ web 0/1 · answers 502 · ")
    assert bad.rstrip().endswith("→ kraftwerk logs --process web")
    assert json.loads(site.run("status", "--json", code=1))[0]["checks"]["http"]["ok"] is False
    site.on("systemctl stop nginx")
    assert " · nginx does not run · " in site.run("status", code=1)
    site.on(f"systemctl start nginx; sv up /etc/service/shop-web-{slot}")
    wait_for(lambda: site.answer()[0] == 200)


def test_logs_of_web_and_nginx(site):
    site.answer("/logged")
    wait_for(lambda: "GET /logged" in site.run("logs", "--process", "web"))
    assert "GET /logged" in site.run("logs", "--process", "nginx")
    assert "no process is called mail" in site.run("logs", "--process", "mail", code=2)


def test_logs_are_followed_until_ctrl_c(site):
    following = start("logs", "-f", "-n", "0", cwd=site.root, stdout=subprocess.PIPE)
    seen = b""

    def followed():  # asked again and again: what was logged before tail opened the file isn't told
        nonlocal seen
        site.answer("/followed")
        if select.select([following.stdout], [], [], 0.1)[0]:
            seen += os.read(following.stdout.fileno(), 1000)
        return b"GET /followed" in seen

    wait_for(followed)
    following.send_signal(signal.SIGINT)
    following.communicate()
    wait_for(lambda: site.on("pgrep -x tail || true") == "")


def test_the_live_release_comes_back_after_a_reboot(site):
    kraftwerk("stop-node", NODE, cwd=site.root)
    kraftwerk("start-node", NODE, cwd=site.root)
    wait_for(lambda: site.on("curl -s -o /dev/null -w '%{http_code}' -H 'Host: shop.deploy-one' localhost") == "200")
    assert site.answer() == (200, "keep")
    assert site.gunicorns() == 1


def test_destroy_asks_for_the_name_and_for_each_part(site):
    assert "not confirmed" in site.run("destroy", code=1, stdin="other\n")
    assert site.answer() == (200, "keep")
    printed = site.run("destroy", stdin="shop\ny\nn\n")
    assert "Removing processes, source" in printed
    assert site.on("ls /web/shop") in ("env", "dump\nenv")
    assert site.on("pgrep -cf gunicorn || true") == "0"
    assert f"shop is not deployed on {NODE}" in site.run("run", "--node", NODE, "--", "true", code=1)
    assert site.deploy().splitlines()[-1].startswith("Release 1 is live")
    assert "shop is gone" in site.run("destroy", "--yes")
    assert site.on("ls -A /web /var/lib/kraftwerk/instances /etc/kraftwerk/secrets | grep shop || true") == ""
    assert site.on("getent passwd web-shop || true") == ""
