"""What a user sees of clouds: the commands in processes of their own, EC2 being moto's server over HTTP."""

import json
import os
import pty
import stat
import subprocess
import sys

import pytest
import yaml

from kraftwerk import admin, intent, localboot
from kraftwerk.node import all_nodes
from kraftwerk.paths import config_home
from tests import moto_server

SECRET = "s3cr3t-of-moto"


@pytest.fixture(scope="module")
def moto():
    with moto_server.running() as server:
        yield server


@pytest.fixture
def ec2(moto, greeting, tmp_path, monkeypatch):
    """An empty EC2; in the account's file stands where it is, and no key yet."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KRAFTWERK_HOSTS", "never")
    admin.ensure()
    where = {key: value for key, value in moto.arguments.items() if key not in ("key", "secret", "region")}
    settings = {"driver": "kw_libcloud", "libcloud": "ec2", "arguments": where, "ssh_port": greeting}
    (config_home() / "cloud.providers.d" / "ec2.conf").write_text(yaml.safe_dump({"ec2": settings}))
    moto.reset()
    return moto


@pytest.fixture
def account(ec2, kraftwerk):
    """An account that works."""
    kraftwerk("providers", "add", "ec2", "--stdin", text=f"key=AKIAEXAMPLE\nsecret={SECRET}\nregion=eu-central-1\n")
    return ec2


@pytest.fixture
def kraftwerk():
    """Run a command and return all that it printed; its exit code must be the one that is given."""

    def run(*words, code=0, text="", **environ):
        done = subprocess.run(
            [sys.executable, "-m", "kraftwerk", *words],
            input=text,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == code, printed
        assert SECRET not in printed
        return printed

    return run


def file_of_account():
    return config_home() / "cloud.providers.d" / "ec2.conf"


def test_an_account_by_variables_changed_listed_and_removed(ec2, kraftwerk):
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
    printed = kraftwerk("providers", "add", "ec2", "--option", "region=eu-central-1", **keys)
    assert "secret is taken from AWS_SECRET_ACCESS_KEY" in printed
    assert "0 machines there" in printed
    assert stat.S_IMODE(file_of_account().stat().st_mode) == 0o600
    kraftwerk("providers", "add", "ec2", "--env", "secret=MINE", MINE="another")
    arguments = yaml.safe_load(file_of_account().read_text())["ec2"]["arguments"]
    assert (arguments["key"], arguments["secret"], arguments["region"]) == ("AKIAEXAMPLE", "another", "eu-central-1")
    listed = json.loads(kraftwerk("providers", "list", "--json"))
    assert listed == [
        {
            "provider": "ec2",
            "cloud": "ec2",
            "region": "eu-central-1",
            "file": "ec2.conf",
            "sizes": ["small", "medium", "large"],
        }
    ]
    kraftwerk("providers", "remove", "ec2", code=1)
    kraftwerk("providers", "remove", "ec2", "--yes")
    assert not file_of_account().exists()
    assert "No cloud was added yet" in kraftwerk("providers", "list")


def test_secrets_are_asked_for_without_showing_them(ec2):
    typed = [b"AKIAEXAMPLE\n", SECRET.encode() + b"\n", b"eu-central-1\n"]
    shown = b""

    def answer(descriptor):
        nonlocal shown
        try:
            read = os.read(descriptor, 1024)
        except OSError:
            return b""
        shown += read
        if read.rstrip().endswith(b":") and typed:
            os.write(descriptor, typed.pop(0))
        return read

    status = pty.spawn([sys.executable, "-m", "kraftwerk", "providers", "add", "ec2"], answer)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert b"secret access key (not shown):" in shown
    assert SECRET.encode() not in shown
    assert yaml.safe_load(file_of_account().read_text())["ec2"]["arguments"]["secret"] == SECRET


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ec3",), "did you mean ec2?"),
        (("ec2",), "ec2 needs key (access key ID) and secret (secret access key)"),
        (("ec2", "--option", "port"), "option 1 is not of the form KEY=VALUE"),
        (("ec2", "--env", "secret=NOT_THERE"), "the variable NOT_THERE is empty or not exported"),
        (("ec2", "--as", "local", "--option=key=a"), "local can't be a cloud's name"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(ec2, kraftwerk, words, said):
    before = file_of_account().read_text()
    assert said in kraftwerk("providers", "add", *words, code=2, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert [path.read_text() for path in file_of_account().parent.iterdir()] == [before]


def test_sizes_and_images(account, kraftwerk):
    printed = kraftwerk("sizes", "ec2")
    assert [line.split()[:2] for line in printed.splitlines()[1:4]] == [
        ["small", "t3.small"],
        ["medium", "t3.medium"],
        ["large", "t3.large"],
    ]
    assert "$17.52" in printed
    assert "next: kraftwerk sizes ec2 '*'" in printed
    small = json.loads(kraftwerk("sizes", "ec2", "t3.small", "--json"))
    assert [(each["cores"], each["memory"], each["price"]) for each in small] == [(2, 2048, 0.024)]
    images = json.loads(kraftwerk("images", "ec2", "debian-13", "--json"))
    assert [each["name"] for each in images] == ["debian-13-amd64-20251117-2299"]
    assert "no image that matches plan9" in kraftwerk("images", "ec2", "plan9")


def test_a_node_is_planned_made_switched_and_ended(account, kraftwerk):
    plan = kraftwerk("create-node", "web1", "--provider", "ec2", code=1)
    assert "t3.small · 2 cores, 2 GB memory" in plan
    assert "about $17.52 a month ($0.024 an hour), before tax" in plan
    assert "debian-12-amd64-20251112-2294" in plan
    assert "RunInstances" not in account.settings()["requests"]

    printed = kraftwerk("create-node", "web1", "--provider", "ec2", "--size", "t3.large", text="y\n")
    assert "host key SHA256:" in printed
    assert "root SSH access is now ready." in printed
    assert json.loads(kraftwerk("nodes", "--json"))[0]["status"] == "running"
    assert "a node called web1 exists already" in kraftwerk("create-node", "web1", "--provider", "ec2", code=2)

    kraftwerk("stop-node", "web1")
    assert json.loads(kraftwerk("nodes", "--json"))[0]["status"] == "stopped"
    account.settings(addresses={"web1": "127.9.0.99"})
    kraftwerk("start-node", "web1")
    assert all_nodes()["web1"].host == "127.9.0.99", "the cloud gave it another address"
    assert "127.9.0.99" in (config_home() / "known_hosts").read_text()

    assert "not confirmed" in kraftwerk("destroy-node", "web1", code=1)
    assert "(t3.large, about $70.08 a month) ends" in kraftwerk("destroy-node", "web1", text="web1\n")
    assert all_nodes() == {}
    assert (config_home() / "known_hosts").read_text() == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--provider", "ec"), "no provider is called ec; did you mean ec2? (local, ssh, here, ec2)"),
        (("--provider", "ec2", "--release", "trixie"), "--release is for local, not for ec2"),
        (("--provider", "ec2", "--host-key", "SHA256:x"), "--host-key is for ssh, not for ec2"),
        (("--provider", "local", "--size", "small"), "--size is for a cloud, not for local"),
        (("--provider", "ec2", "--size", "t3.smal"), "ec2 has no size called t3.smal: "),
        (("--provider", "ec2", "--size", "smal"), "in short: small, medium, large; did you mean small?"),
        (("--provider", "ec2", "--image", "debian-11-*"), "ec2 has no image called debian-11-*"),
    ],
)
def test_what_a_node_cannot_be_made_of(account, kraftwerk, words, said):
    assert said in kraftwerk("create-node", "web1", *words, code=2)
    assert "RunInstances" not in account.settings()["requests"]


def test_a_machine_that_ended_elsewhere_is_gone_and_forgotten(account, kraftwerk):
    kraftwerk("create-node", "web1", "--provider", "ec2", "--yes")
    account.reset()
    assert json.loads(kraftwerk("nodes", "--json"))[0]["status"] == "gone"
    assert "ec2 has no machine of it" in kraftwerk("destroy-node", "web1", "--yes")
    assert all_nodes() == {}


def test_a_marked_machine_in_no_roster_is_an_orphan(account, kraftwerk):
    kraftwerk("create-node", "web1", "--provider", "ec2", "--yes")
    (config_home() / "nodes").write_text("")
    printed = kraftwerk("nodes", "--orphans", code=1)
    assert "it may be a colleague's" in printed
    assert "kraftwerk destroy-node web1" in printed
    kraftwerk("destroy-node", "web1", "--yes")
    assert "No machine is lost (ec2)." in kraftwerk("nodes", "--orphans")
    assert (config_home() / "known_hosts").read_text() == ""


def test_a_machine_is_named_once_where_two_accounts_show_it(account, kraftwerk):
    content = yaml.safe_load(file_of_account().read_text())["ec2"]
    (file_of_account().parent / "work.conf").write_text(yaml.safe_dump({"work": content}))
    kraftwerk("create-node", "web1", "--provider", "ec2", "--yes")
    assert "No machine is lost (ec2, work)." in kraftwerk("nodes", "--orphans")
    (config_home() / "nodes").write_text("")
    assert len(json.loads(kraftwerk("nodes", "--orphans", "--json", code=1))) == 1


def test_a_creation_that_goes_on_just_now_is_no_orphan(account, kraftwerk):
    account.settings(late=1000)
    words = [sys.executable, "-m", "kraftwerk", "create-node", "web1", "--provider", "ec2", "--yes"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as going_on:
        while not any(each.machine_id for each in intent.all_intents()):
            assert going_on.poll() is None
        assert "being made" in kraftwerk("nodes", "--orphans")
        assert "another kraftwerk is busy with web1" in kraftwerk("destroy-node", "web1", "--yes", code=1)
        going_on.terminate()
    printed = kraftwerk("nodes", "--orphans", code=1)
    assert "To finish web1:   kraftwerk create-node web1 --provider ec2" in printed
    kraftwerk("destroy-node", "web1", "--yes")


def test_a_quota_is_told_in_one_line(account, kraftwerk):
    account.settings(quota=0)
    printed = kraftwerk("create-node", "web1", "--provider", "ec2", "--yes", code=1)
    assert "Error: ec2: the account has reached a limit: VcpuLimitExceeded" in printed
    assert intent.all_intents() == []


def test_a_map_is_planned_and_its_failures_are_counted(account, kraftwerk, tmp_path):
    path = tmp_path / "nodes.map"
    path.write_text("ec2-small:\n- web1\n- web2: {size: t3.large}\n- web3\n")
    plan = kraftwerk("create-nodes", str(path), code=1)
    assert "$105.12 a month, before tax" in plan
    assert "RunInstances" not in account.settings()["requests"]
    account.settings(quota=2)
    printed = kraftwerk("create-nodes", str(path), "--yes", code=1)
    assert printed.count("VcpuLimitExceeded") == 1
    assert len(all_nodes()) == 2
    account.settings(quota=None)
    printed = kraftwerk("create-nodes", str(path), "--yes")
    assert printed.count("t3.") == 1, "what exists is left alone"
    assert sorted(all_nodes()) == ["web1", "web2", "web3"]
    assert "All of them exist." in kraftwerk("create-nodes", str(path))


def test_a_cloud_that_does_not_answer_is_told_and_the_rest_is_listed(account, kraftwerk):
    kraftwerk("create-node", "web1", "--provider", "ec2", "--yes")
    content = yaml.safe_load(file_of_account().read_text())
    content["ec2"]["arguments"]["port"] = 1
    file_of_account().write_text(yaml.safe_dump(content))
    printed = kraftwerk("nodes")
    assert "Warning: ec2: the cloud can't be reached" in printed
    node = all_nodes()["web1"]
    assert localboot.greets(node.host, node.port), "so it counts as running all the same"
    assert "running" in printed
    assert "can't be reached" in kraftwerk("nodes", "--orphans", code=1)


def test_the_credentials_are_checked_before_they_are_kept(account, kraftwerk):
    before = file_of_account().read_text()
    account.require_credentials()
    printed = kraftwerk("providers", "add", "ec2", "--stdin", code=1, text="secret=wrong\n")
    assert "Error: ec2: the cloud refused the credentials: AuthFailure" in printed
    assert file_of_account().read_text() == before
    kraftwerk("providers", "add", "ec2", "--stdin", "--no-check", text="secret=wrong\n")
    assert file_of_account().read_text() != before
