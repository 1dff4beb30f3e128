"""What is left running when a lock ends: what boots is stopped, what was live has its time, what serves stays."""

import os
import socket
import subprocess

import pytest

from kraftwerk import slot
from tests.waiting import wait_for

# Stand-ins for runit's sv and for pgrep: the first notes what it was told, and what is told to go down has ended.
SV = """\
#!/bin/sh
case "$*" in
  "status "*-a) echo down: ;;
  status*) [ -e ROOT/down ] && echo down: || echo run: ;;
  *) [ "$1" != down ] || touch ROOT/down; echo "sv $*" >>ROOT/told ;;
esac
"""


@pytest.fixture
def node(tmp_path):
    """A node's files in a folder: slot a is live, in b a process runs, of a number that Linux never gives."""
    folders = ("web/shop/slots", "web/shop/releases/2", "etc/service/shop-web-b/supervise", "etc/sv/shop-web-b")
    for folder in (*folders, "proc/7", "run/lock", "run/shop", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in {"sv": SV.replace("ROOT", str(tmp_path)), "pgrep": "#!/bin/sh\nexit 1\n"}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "web/shop/slots/live").symlink_to("a")
    (tmp_path / "web/shop/slots/b").symlink_to("../releases/2")
    (tmp_path / "etc/service/shop-web-b/supervise/pid").write_text("9000007\n")
    os.mkfifo(tmp_path / "etc/service/shop-web-b/supervise/ok")
    (tmp_path / "etc/service/shop-web-b/run").write_text("set -- gunicorn --timeout 30 --graceful-timeout 45 \\\n")
    (tmp_path / "proc/9000007").mkdir()
    return tmp_path


def idle(node):
    """Run the script, as the end of a lock does; it may leave something behind that goes on."""
    text = slot.idle().replace("/run/kraftwerk-lock", f"{node}/run/lock").replace("/run/kraftwerk/", f"{node}/run/")
    for folder in ("/web/", "/etc/s", "/proc/9", "/proc/$1/"):
        text = text.replace(folder, f"{node}{folder}")
    environment = {**os.environ, "PATH": f"{node}/bin:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", text, "kraftwerk-unlock", "shop"], check=True, env=environment)


def told(node):
    file = node / "told"
    return file.read_text().splitlines() if file.exists() else []


def test_what_booted_only_is_stopped_at_once(node):
    (node / "proc/9000007/oom_score_adj").write_text("900\n")
    idle(node)
    assert told(node) == [f"sv -w 2 force-stop {node}/etc/service/shop-web-b"]


@pytest.mark.parametrize("score", [0, 300])  # killed just before its score was raised, and after that
def test_what_was_live_stops_when_nothing_of_it_is_open_any_more(node, score):
    (node / "proc/9000007/oom_score_adj").write_text(f"{score}\n")
    path = str(node / "run/shop/b.sock")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as asking:
        listening.bind(path)
        listening.listen()
        asking.connect(path)
        answering = listening.accept()[0]
        idle(node)  # returns at once
        drain = node / "run/lock/shop.b.drain"
        wait_for(lambda: drain.exists() and subprocess.run(["flock", "-n", drain, "true"], check=False).returncode)
        idle(node)  # once more: it has its time still
        assert told(node) == []
        answering.close()
    wait_for(lambda: not (node / "web/shop/slots/b").is_symlink())
    assert told(node) == [f"sv down {node}/etc/service/shop-web-b"]
    assert (node / "etc/sv/shop-web-b/down").exists()


def test_what_is_live_or_stands_by_for_a_save_is_left_alone(node):
    (node / "proc/9000007/oom_score_adj").write_text("900\n")
    (node / "web/shop/slots/b.standby").touch()
    (node / "web/shop/releases/2/release.json").write_text('{"served": true}')
    idle(node)
    (node / "web/shop/slots/b.standby").unlink()
    (node / "web/shop/slots/live").unlink()
    (node / "web/shop/slots/live").symlink_to("b")
    idle(node)
    assert told(node) == []
