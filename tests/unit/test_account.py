"""Accounts with clouds and the profiles that go with them: files of the admin's, and Salt's view of them."""

import json
import stat

import pytest
import yaml

from kraftwerk import account, admin, intent, profiles, saltconf
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, save_node


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Return an admin's folder."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    admin.ensure()
    return tmp_path / "home"


def add(alias="ec2", cloud="ec2", **arguments):
    added = account.revised(alias, cloud, {"key": "k", "secret": "s3cr3t", **arguments})
    account.save(added)
    return added


def test_an_account_is_a_private_file_in_salts_own_format():
    added = add(region="eu-central-1")
    assert stat.S_IMODE(added.file.stat().st_mode) == 0o600
    content = yaml.safe_load(added.file.read_text())
    arguments = {"key": "k", "secret": "s3cr3t", "region": "eu-central-1"}
    assert content == {"ec2": {"driver": "kw_libcloud", "libcloud": "ec2", "arguments": arguments}}
    assert account.get("ec2") == added
    assert added.region == "eu-central-1"


def test_a_secret_is_in_no_text_of_an_account():
    assert "s3cr3t" not in repr(add())


def test_a_change_keeps_what_else_stands_there(home):
    file = home / "cloud.providers.d" / "mine.conf"
    file.write_text("ec2: {driver: kw_libcloud, libcloud: ec2, arguments: {key: a, secret: b}, ssh_port: 2222}\n")
    changed = account.revised("ec2", "ec2", {"key": "c"})
    account.save(changed)
    assert changed.file == file
    assert yaml.safe_load(file.read_text())["ec2"]["ssh_port"] == 2222


def test_a_file_of_several_is_left_to_its_owner(home):
    file = home / "cloud.providers.d" / "mine.conf"
    one = "{driver: kw_libcloud, libcloud: ec2, arguments: {}}"
    file.write_text(f"a: {one}\nb: {one}\n")
    for change in (lambda: account.remove("a"), lambda: account.save(account.revised("a", "ec2", {}))):
        with pytest.raises(KraftwerkError, match=r"mine\.conf holds a, b together"):
            change()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ec2: {driver: kw_libcloud}", r"bad\.conf: ec2: needs driver"),
        ("ec2: [", r"bad\.conf:\d: not valid YAML"),
        ("just words", r"bad\.conf: must name accounts"),
    ],
)
def test_a_broken_file_is_named(home, text, said):
    (home / "cloud.providers.d" / "bad.conf").write_text(text)
    with pytest.raises(KraftwerkError, match=said) as caught:
        account.all_accounts()
    assert caught.value.code == 2


def test_an_account_of_another_driver_of_salts_is_listed(home):
    (home / "cloud.providers.d" / "other.conf").write_text("hetzner: {driver: hetzner, key: x}\n")
    found = account.get("hetzner")
    assert (found.driver, found.libcloud) == ("hetzner", "")


def test_a_name_that_is_not_there_is_answered_with_the_nearest():
    add("work")
    with pytest.raises(KraftwerkError, match="did you mean work"):
        account.get("wrok")


@pytest.mark.parametrize("alias", ["local", "ssh", "linode", "two words", "work"])
def test_names_that_mean_something_else(alias):
    add("work", "vultr")
    with pytest.raises(KraftwerkError):
        account.check_alias(alias, "ec2", ["ec2", "linode", "vultr"])


def test_an_account_that_nodes_need_is_kept():
    add()
    save_node(Node("web1", "192.0.2.7", "ec2"))
    intent.write(intent.begin("web2", "ec2"))
    with pytest.raises(KraftwerkError, match="web1, web2 could not be destroyed"):
        account.remove("ec2")
    assert account.get("ec2")


def test_sizes_are_profiles_without_the_alias():
    add()
    found = profiles.sizes("ec2")
    assert list(found)[:3] == ["small", "medium", "large"]
    assert found["medium"]["image"] == found["small"]["image"], "what it extends is in it"


def test_a_second_account_has_the_sizes_of_its_cloud_and_the_admins_own(home):
    add("work")
    (home / "cloud.profiles.d" / "ec2.conf").write_text("ec2-tiny: {extends: ec2-small, size: t3.micro}\n")
    found = profiles.sizes("work")
    assert list(found) == ["small", "medium", "large", "tiny"]
    assert {each["provider"] for each in found.values()} == {"work"}
    assert found["tiny"]["image"] == found["small"]["image"]
    assert profiles.sizes("ec2") == {}


def test_salt_reads_the_same(home, salt_opts):
    add()
    add("work", region="us-east-1")
    (home / "cloud.profiles.d" / "mine.conf").write_text("work-small: {provider: work, size: m7a.large, image: x}\n")
    opts = salt_opts()
    assert set(opts["providers"]) == {"local", "ec2", "work"}
    assert opts["profiles"]["work-medium"]["provider"] == "work:kw_libcloud"
    assert opts["profiles"]["work-small"]["size"] == "m7a.large", "the admin's own win"
    assert profiles.sizes("work")["small"]["size"] == "m7a.large"
    assert not any(name.startswith("linode") for name in opts["profiles"])


@pytest.fixture
def salt_opts(caplog):
    """Return a function that reads the configuration as salt-cloud does; it must have no complaint."""
    import salt.config

    def read():
        opts = salt.config.cloud_config(str(saltconf.write().with_name("cloud")))
        assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
        return json.loads(json.dumps(opts, default=str))

    return read
