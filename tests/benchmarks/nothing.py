"""From nothing: a node that was just made until its first answer, a virtualenv of forty packages without a cache."""

import random
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.benchmarks import timed
from tests.benchmarks.lab import BARE, BIN, Lab
from tests.benchmarks.measure import Job
from tests.benchmarks.peers.peer import Peers

PLAIN = "plain"
FORTY = Path(__file__).with_name("forty.txt")
STATES = Path(__file__).parents[2] / "salt"
CODE = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]
"""
# What a person types who knows it by heart: the same packages as kraftwerk's, the same server, nothing beyond.
BY_HAND = """\
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends {packages} >/dev/null
python3 -m venv /opt/uv
/opt/uv/bin/pip install --quiet uv
export UV_SYSTEM_CERTS=1
/opt/uv/bin/uv venv --quiet /srv/plain/venv
/opt/uv/bin/uv pip install --quiet --python /srv/plain/venv -r /srv/plain/requirements.txt
cat >/etc/systemd/system/plain.service <<'END'
[Service]
User=www-data
WorkingDirectory=/srv/plain
ExecStart=/srv/plain/venv/bin/gunicorn --bind 127.0.0.1:8000 --workers 2 plain
END
cat >/etc/nginx/conf.d/plain.conf <<'END'
server {{ listen 80; server_name plain.{node}; location / {{ proxy_pass http://127.0.0.1:8000; }} }}
END
systemctl daemon-reload
systemctl start plain
systemctl restart nginx
until curl -sf -o /dev/null -H 'Host: plain.{node}' http://127.0.0.1/; do sleep 0.05; done
"""

# What was installed leaves, but isn't deleted: for a minute after that, ext4 takes three times as long to make files.
ASIDE = """
mkdir -p /srv/aside
for folder in /web/.cache/uv /root/.cache/uv /srv/forty; do
  [ ! -e $folder ] || mv $folder /srv/aside/$(date +%s%N)
done
sync
"""


def packages() -> list[str]:
    """Return Debian's packages that kraftwerk's states install for a plain site."""
    found = []
    for state in ("node", "python", "nginx"):
        defaults = yaml.safe_load((STATES / state / "defaults.yaml").read_text())
        found += defaults.get("packages", [defaults.get("package")])
    return found


def project(lab: Lab, requirements: str) -> Path:
    """Return the folder of a plain site that needs those packages."""
    folder = lab.folder / PLAIN
    folder.mkdir(exist_ok=True)
    (folder / "plain.py").write_text(CODE)
    (folder / "kraftwerk.yaml").write_text("wsgi: plain\nworkers: 2\n")
    (folder / "requirements.txt").write_text(requirements)
    return folder


def answers(lab: Lab) -> bool:
    """Tell whether the site answers."""
    return lab.node_script(BARE, f"curl -s -H 'Host: {PLAIN}.{BARE}' http://127.0.0.1/\n") == "here"


def _anew(lab: Lab) -> None:
    """Have the node be as if it was just made."""
    if BARE in lab.hosts():
        lab.destroy(BARE)
    lab.make(BARE)
    lab.write_ssh_config()


def first_answer(lab: Lab, peers: Peers) -> list[Job]:
    """Return the way from a bare node to its first answer, by kraftwerk and by hand."""
    folder = project(lab, "gunicorn\n")
    script, ssh = lab.folder / "by-hand.sh", f"ssh -F {shlex.quote(str(lab.folder / 'ssh_config'))}"
    script.write_text(BY_HAND.format(packages=" ".join(packages()), node=BARE))
    sent = f"tar -c -C {shlex.quote(str(lab.folder))} {PLAIN} | {ssh} {BARE} 'mkdir -p /srv; tar -x -C /srv'"
    by_hand = ["sh", "-euc", f"{sent}; {ssh} {BARE} sh -s <{shlex.quote(str(script))}"]
    return [
        Job(name, words, folder, before=lambda: _anew(lab), done=lambda output: answers(lab))
        for name, words in {"kraftwerk": ["kraftwerk", "deploy", BARE, "--yes"], "apt-get and uv": by_hand}.items()
    ]


def forty(lab: Lab, peers: Peers) -> list[Job]:
    """Return the virtualenv of forty packages on a node that has them in no cache: the phase, and uv by hand."""
    if BARE not in lab.hosts():
        _anew(lab)
    folder = project(lab, FORTY.read_text())
    with (folder / "kraftwerk.yaml").open("a") as file:
        file.write("keep: 100\n")  # what goes leaves its traces on the disk, too
    lab.run(["kraftwerk", "deploy", BARE, "--yes"], cwd=folder)
    shutil.copy(FORTY, lab.folder / "forty.txt")

    def forget() -> None:
        lines = FORTY.read_text().splitlines()
        random.shuffle(lines)  # other requirements each time, by their order: else the virtualenv might be there
        (folder / "requirements.txt").write_text("\n".join(lines) + "\n")
        lab.node_script(BARE, ASIDE)

    uv = "/opt/kraftwerk/uv/bin/uv"
    ways = {"uv": "", "uv, to bytecode as well": "--compile-bytecode"}
    return [
        Job(
            "kraftwerk",
            [str(BIN / "python"), "-m", "tests.benchmarks.timed", "deploy", BARE, "--yes"],
            folder,
            before=forget,
            done=lambda output: _phase(output) > 0 and answers(lab),
            took=_phase,
        ),
        *(Job(name, _by_hand(lab, uv, flag), before=forget, done=_counted(lab)) for name, flag in ways.items()),
    ]


def _phase(output: str) -> float:
    return timed.seconds(output, "virtualenv")


def _by_hand(lab: Lab, uv: str, flag: str) -> list[str]:
    commands = f"{uv} venv -q /srv/forty && {uv} pip install -q {flag} --python /srv/forty -r /dev/stdin"
    ssh = f"ssh -F {shlex.quote(str(lab.folder / 'ssh_config'))} {BARE} {shlex.quote(commands)}"
    return ["sh", "-c", f"{ssh} <{shlex.quote(str(lab.folder / 'forty.txt'))}"]


def _counted(lab: Lab) -> Callable[[str], bool]:
    listed = "/opt/kraftwerk/uv/bin/uv pip freeze --python /srv/forty 2>/dev/null\n"
    wanted = set(FORTY.read_text().split())

    def done(_: str) -> bool:
        return wanted <= set(lab.node_script(BARE, listed).split())

    return done
