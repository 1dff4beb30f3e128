"""The state kw_backupconfig.managed: no-op, test run and change, with the real execution module below it."""

import json

import pytest

CIPHER = "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n"
SETTINGS = {"store": "local:/b", "keep": "7d", "recipients": [], "verify": "weekly", "access_key": "", "secret_key": ""}
BUCKET = {**SETTINGS, "store": "s3://bucket", "access_key": "AKIAEXAMPLE", "secret_key": CIPHER}


@pytest.fixture
def managed(state, patch_module, tmp_path):
    """Run the state on a file in the test's folder."""
    patch_module("kw_backupconfig", FOLDER=str(tmp_path / "backup"), __pillar__={})

    def run(test=False, **settings):
        return state(
            "kw_backupconfig.managed", test=test, name="mysite", node="blue", settings={**SETTINGS, **settings}
        )

    return run


@pytest.fixture
def reveal(patch_module):
    """Let pillar hold what the admin decrypted."""

    def reveal(**secrets):
        secrets = {f"backup.{key}": value for key, value in secrets.items()}
        patch_module("kw_backupconfig", __pillar__={"kraftwerk": {"secrets": {"mysite": secrets}}})

    return reveal


def written(tmp_path):
    path = tmp_path / "backup" / "mysite.json"
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    return json.loads(path.read_text())


def test_changes_then_nothing_to_do(managed, tmp_path):
    ret = managed()
    assert ret["result"] is True
    assert ret["changes"] == dict.fromkeys(["instance", "keep", "node", "recipients", "store", "verify"], "changed")
    assert written(tmp_path)["store"] == {"url": "local:/b"}
    assert managed()["changes"] == {}
    assert managed(keep="all")["changes"] == {"keep": "changed"}


def test_a_test_run_changes_nothing(managed, tmp_path):
    ret = managed(test=True)
    assert ret["result"] is None and ret["changes"]
    assert not (tmp_path / "backup").exists()


def test_secrets_are_written_and_shown_nowhere(managed, reveal, tmp_path):
    reveal(secret_key="hush")
    ret = managed(**BUCKET)
    assert "hush" not in str(ret) and "AKIA" not in str(ret)
    store = {"url": "s3://bucket", "access_key": "AKIAEXAMPLE", "secret_key": "hush"}
    assert written(tmp_path)["store"] == store
    reveal(secret_key="hush!")
    assert managed(**BUCKET)["changes"] == {"store": "changed"}


def test_keys_of_config_yaml_come_by_pillar_alone(managed, reveal, tmp_path):
    reveal(access_key="AKIASHARED", secret_key="hush")
    managed(store="s3://bucket")
    assert written(tmp_path)["store"]["access_key"] == "AKIASHARED"


def test_an_admin_who_can_t_decrypt_leaves_what_is_there(managed, reveal, tmp_path, patch_module):
    reveal(secret_key="hush")
    managed(**BUCKET)
    patch_module("kw_backupconfig", __pillar__={})
    ret = managed(**BUCKET)
    assert (ret["result"], ret["changes"]) == (True, {}) and "can't decrypt it: secret_key" in ret["comment"]
    assert written(tmp_path)["store"]["secret_key"] == "hush"


def test_an_address_that_makes_no_sense(managed):
    ret = managed(store="ftp://host")
    assert ret["result"] is False and "is no address of a store" in ret["comment"]
