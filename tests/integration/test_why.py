"""Why a site doesn't answer: what is broken on a real node is found, and its next command mends it."""

import json
import sys

import pytest

from kraftwerk import privilege
from kraftwerk.localargv import link_of
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import console
from tests import known as hosts_known
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NAME, HOST = "why-one", "mysite", "mysite.blue"
PAGE = console.ROOT / "docs" / "why.md"
SITE = """\
def application(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("no such shelf")
    if environ["PATH_INFO"] == "/styled":
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b'<link rel="stylesheet" href="/static/site.css">']
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]
"""
YAML = f"""\
wsgi: shop
workers: 1
services: [postgres]
static: {{/static/: looks}}
environments: {{production: {{nodes: [{NODE}], domain: [{HOST}]}}}}
"""
LIVE = f"$(readlink /web/{NAME}/slots/live)"
SV = f"/etc/service/{NAME}-web-{LIVE}"
SHUT = (
    "add table inet shut; add chain inet shut in { type filter hook input priority 0; };"
    "add rule inet shut in iifname != lo tcp dport 80 reject with tcp reset"
)
CODE = f"/web/{NAME}/current/shop.py"
# What is done to the node, the step that it breaks, what that says, and how it is undone where not by what it says.
BREAKS = {
    "nginx is stopped": ("systemctl stop nginx", "port", "80 is refused; nginx does not run", ""),
    "nginx is broken": (
        "echo 'nonsense on;' >/etc/nginx/conf.d/other.conf",
        *("nginx", 'unknown directive "nonsense" in /etc/nginx/conf.d/other.conf:1', "rm /etc/nginx/conf.d/other.conf"),
    ),
    "the site's file is missing": (
        f"rm /etc/nginx/kraftwerk/{NAME}.conf",
        *("nginx", f"its configuration has no site {HOST}", ""),
    ),
    "the link is broken": (
        f"ln -sfn nowhere.sock /run/kraftwerk/{NAME}/current.sock",
        *("socket", "current.sock leads to nowhere.sock", ""),
    ),
    "gunicorn is down": (f"sv -w 20 down {SV}", "gunicorn", "is down: somebody stopped it", ""),
    "the import fails": (
        f"echo import nowhere >>{CODE}; sv -w 20 restart {SV}",
        *("application", "it can't be imported: ModuleNotFoundError: No module named 'nowhere'"),
        f"sed -i '/nowhere/d' {CODE}; sv -w 20 restart {SV}",
    ),
    "the database is stopped": ("systemctl stop postgresql", "postgres", "", ""),
}


def on(words):
    return Connection(get_node(NODE)).script(words, check=False).stdout.decode().strip()


@pytest.fixture(scope="module")
def root(make_shared_node, converged, tmp_path_factory, kraftwerk):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    (root / "shop.py").write_text(SITE)
    (root / "looks").mkdir()
    (root / "looks" / "site.css").write_text("p {}")
    (root / "kraftwerk.yaml").write_text(YAML)
    (root / "requirements.txt").write_text("gunicorn\n")
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    return root


@pytest.fixture
def known(root, tmp_path):
    """Run a command where the site's name has an address: `known("kraftwerk", "why")`."""

    def run(*words, address=None, timeout=60):
        names = {} if address == "" else {HOST: address or get_node(NODE).host}
        return hosts_known.run(words, names, tmp_path, cwd=root, timeout=timeout)

    return run


@pytest.fixture
def why(known):
    """Return the exit code, the steps as they are, and the first that is broken."""

    def ask(*words, **options):
        done = known(sys.executable, "-m", "kraftwerk", "why", "--json", *words, **options)
        assert done.returncode in (0, 1), done.stderr
        steps = json.loads(done.stdout)[0]["steps"]
        assert done.returncode == int(not steps[-1]["ok"])
        assert all(step["ok"] for step in steps[:-1])
        return steps

    return ask


def test_when_all_is_well_each_step_says_so(why, known):
    names = ["name", "port", "nginx", "socket", "gunicorn", "application", "postgres", "answer"]
    steps = wait_for(lambda: [steps for steps in [why()] if steps[-1]["ok"]])[0]
    assert [step["name"] for step in steps] == names
    printed = known(sys.executable, "-m", "kraftwerk", "why", f"{HOST}/page").stdout.splitlines()
    assert printed[0] == f"http://{HOST}/page on {NODE}"
    assert [line.split()[:2] for line in printed[1:]] == [["✓", name] for name in names]
    assert printed[-1].endswith("GET /page 200")


def test_a_name_that_is_not_known(why):
    *before, last = why(address="")
    assert (before, last["name"], last["text"]) == ([], "name", f"{HOST} is not known here")
    assert last["next"] == f"echo '{get_node(NODE).host} {HOST}' | sudo tee -a /etc/hosts"


def test_a_name_that_leads_elsewhere(why):
    *before, last = why(address="127.0.0.9")
    assert (before, last["name"]) == ([], "name")
    assert last["text"] == f"{HOST} is 127.0.0.9, and {NODE} is {get_node(NODE).host}"
    assert last["next"] == f"its line in /etc/hosts must be: {get_node(NODE).host} {HOST}"


def test_a_firewall_in_the_way(why):
    at_its_network = ["ip", "netns", "exec", link_of(get_node(NODE).host), "nft"]
    privilege.run([*at_its_network, SHUT])
    try:
        *before, last = why()
    finally:
        privilege.run([*at_its_network, "delete table inet shut"])
    assert [step["name"] for step in before] == ["name"]
    assert last["text"] == f"80 is refused; on {NODE} itself it answers: a firewall is in the way"
    assert last["next"].startswith("open port 80 in the firewall between here and ")
    assert why()[-1]["ok"]


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_found_and_mended(name, root, why, kraftwerk):
    breaking, step, text, mending = BREAKS[name]
    on(breaking)
    last = why()[-1]
    assert (last["name"], last["ok"]) == (step, False), last
    assert text in last["text"] and last["text"] and last["next"]
    if mending:
        on(mending)
    else:
        first, *words = last["next"].split()
        assert first == "kraftwerk"
        kraftwerk(*words, cwd=root)
    wait_for(lambda: why()[-1]["ok"])


def test_an_error_of_the_application_is_told_with_its_traceback(why, known):
    last = why(f"http://{HOST}/boom")[-1]
    assert (last["name"], last["text"]) == ("answer", "GET /boom 500: ValueError: no such shelf")
    assert last["lines"][-1] == "ValueError: no such shelf" and "shop.py" in last["lines"][-3]
    assert last["next"] == f"kraftwerk logs {NODE} --process web --since 10m"
    printed = known(sys.executable, "-m", "kraftwerk", "why", f"{HOST}/boom").stdout
    assert printed.endswith(f"\n    ValueError: no such shelf\n→ {last['next']}\n")


def test_a_front_page_that_fails_is_told_where_the_gate_asks_for_another_path(why, root, kraftwerk):
    code, yaml = (root / "shop.py").read_text(), (root / "kraftwerk.yaml").read_text()
    (root / "kraftwerk.yaml").write_text(f"{yaml}gate: {{path: /up}}\n")
    (root / "shop.py").write_text(code.replace('"/boom"', '"/"'))
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    *_, up, front = why()
    assert (up["text"], front["text"]) == ("GET /up 200", "GET / 500: ValueError: no such shelf")
    assert front["lines"][-1] == "ValueError: no such shelf"
    (root / "shop.py").write_text(code)
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    assert why()[-1]["text"] == "GET / 200"
    (root / "kraftwerk.yaml").write_text(yaml)
    kraftwerk("deploy", NODE, "--yes", cwd=root)


def test_a_style_sheet_that_is_missing_is_told_with_its_folder(why, known, root):
    last = why(f"http://{HOST}/styled")[-1]
    assert (last["name"], last["ok"], last["text"]) == (
        "static",
        True,
        "the page's style sheets and scripts answer (1)",
    )
    file = f"/web/{NAME}/current/looks/site.css"
    on(f"mv {file} {file}.away")
    last = why(f"http://{HOST}/styled")[-1]
    assert last["text"] == "GET /static/site.css 404: it isn't in looks, or not readable to nginx"
    assert known(*last["next"].replace("kraftwerk", f"{sys.executable} -m kraftwerk", 1).split()).stdout.endswith(
        ".away\n"
    )
    on(f"mv {file}.away {file}")


def test_maintenance_is_told(root, why, kraftwerk):
    kraftwerk("maintenance", "on", NODE, "--message", "back at five", "--yes", cwd=root)
    last = why()[-1]
    assert (last["name"], last["text"].endswith(": back at five")) == ("maintenance", True)
    kraftwerk(*last["next"].split()[1:], cwd=root)
    assert why()[-1]["ok"]


def test_the_page(known):
    done = known("bash", "-c", console.script(PAGE))
    assert done.returncode == 0, done.stdout + done.stderr
