"""What a project says of its backups, and which point is meant."""

from datetime import UTC, datetime

import pytest
from pyrage import x25519

from kraftwerk import backup, backupconfig, backupschedule, project, secret, storekeys
from kraftwerk.backup import Point
from kraftwerk.errors import KraftwerkError
from kraftwerk.storekeys import Keys

KEY = str(x25519.Identity.generate().to_public())


def point(name, node="blue"):
    return Point(name, node, datetime.now(UTC), 1, 1, 1, False, (), None, {})


POINTS = [
    point("20261119T030000"),
    point("20261120T030000"),
    point("20261120T030000", "green"),
    point("20261121T030000"),
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("latest", "blue/20261121T030000"),
        ("green/latest", "green/20261120T030000"),
        ("20261119T030000", "blue/20261119T030000"),
        ("20261119", "blue/20261119T030000"),
        ("green/20261120T030000", "green/20261120T030000"),
    ],
)
def test_the_point_that_is_meant(name, meant):
    found = backup.pick(POINTS, name)
    assert f"{found.node}/{found.name}" == meant


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("20261120T030000", "is several points: blue/20261120T030000, green/20261120T030000"),
        ("2026", "is several points"),
        ("20250101", "there is no point 20250101; the last ones: "),
        ("red/latest", "there is no point red/latest"),
    ],
)
def test_none_or_several(name, words):
    with pytest.raises(KraftwerkError, match=words):
        backup.pick(POINTS, name)


def test_there_is_no_point_yet():
    with pytest.raises(KraftwerkError, match="there is no backup point yet"):
        backup.pick([], "latest")


@pytest.fixture
def root(tmp_path):
    """Return the folder of a project without backups of its own."""
    folder = tmp_path / "mysite"
    (folder / "pillar").mkdir(parents=True)
    (folder / "kraftwerk.yaml").write_text("wsgi: app:app\n")
    return folder


def said(root, text):
    """Return what an instance carries of its backups, where the file of production says this."""
    (root / "pillar" / "production.sls").write_text(text)
    return project.parse(root).instance("production", "blue").backup


def test_a_project_says_nothing(root):
    assert said(root, "") == {}
    plain = backupconfig.plain({}, root)
    assert (plain["store"], plain["cron"], plain["patience"]) == ("local:/var/backups/kraftwerk", "", 0)


def test_files_merge_key_by_key(root):
    (root / "pillar" / "base.sls").write_text("backup: {schedule: daily 04:05, keep: 9d}\n")
    found = said(root, 'backup: {store: "s3://bucket/x?region=eu", keep: all}\n')
    assert (found["store"], found["keep"], found["cron"]) == ("s3://bucket/x?region=eu", "all", "5 4 * * *")
    assert found["patience"] == 31 * 3600
    assert said(root, "backup: {max_age: 3d}\n")["patience"] == 3 * 86400
    assert said(root, "backup: {schedule: never}\n")["patience"] == 0


def test_whoever_reads_the_secrets_reads_the_points(root):
    (root / "pillar" / "recipients.txt").write_text(f"# ada\n{KEY}\n")
    assert said(root, "backup: {store: s3://bucket}\n")["recipients"] == [KEY]
    assert said(root, "backup: {store: local:/b}\n")["recipients"] == []
    assert said(root, f"backup: {{store: local:/b, recipients: [{KEY}]}}\n")["recipients"] == [KEY]
    assert said(root, "backup: {store: s3://bucket, recipients: none}\n")["recipients"] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("store: bucket", "backup.store: 'bucket' is not a store's address, such as s3://bucket/folder"),
        ("schedule: nightly", "backup.schedule: 'nightly' is not a schedule, such as hourly, "),
        ("keep: 7", "backup.keep: '7' is not what to keep, such as 7d,4w,12m "),
        ("recipients: [ada]", "backup.recipients.0.: 'ada' is no key to encrypt for"),
        ("verify: hourly", "backup.verify: 'hourly' is not one of never, daily, weekly, monthly"),
        ("secret_key: hush", "backup.secret_key: is plain text; kraftwerk config set backup.secret_key --secret"),
        ("sched: daily", "backup.sched: unknown key; did you mean schedule?"),
    ],
)
def test_mistakes_are_told_with_their_place(root, text, words):
    with pytest.raises(KraftwerkError, match=rf"production.sls:1: {words}") as error:
        said(root, f"backup: {{{text}}}\n")
    assert "hush" not in error.value.cause


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"schedule": "dayly 3:00"}, "'dayly 3:00' is not a schedule, such as hourly, .+ did you mean daily?"),
        ({"schedule": "daily 25:00"}, "'daily 25:00' is not a schedule, .+ or never →"),
        ({"keep": "7x"}, "'7x' is not what to keep, such as 7d,4w,12m "),
    ],
)
def test_a_value_that_was_just_typed_stands_in_no_file_yet(root, given, told):
    with pytest.raises(KraftwerkError, match=f"^{told}") as error:
        backupschedule.plan(project.find(root), "production", {"schedule": None, **given})
    assert (error.value.code, error.value.next_command) == (2, "kraftwerk backup schedule --help")
    (root / "pillar" / "production.sls").write_text("backup: {keep: 7x}\n")
    with pytest.raises(KraftwerkError, match=r"production.sls:1: backup.keep: '7x'"):
        backupschedule.plan(project.find(root), "production", {"schedule": "hourly"})


STORES = {"s3://bucket": Keys("A", "a"), "s3://bucket/site": Keys("B", "b")}


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("s3://bucket?region=eu", "A"),
        ("s3://bucket/other", "A"),
        ("s3://bucket/site/x", "B"),
        ("s3://bucket2", None),
        ("local:/b", None),
    ],
)
def test_keys_for_several_projects_stand_in_config_yaml(url, key):
    assert storekeys.shared({"store": url}, STORES).get("access_key") == key


def test_a_project_s_own_keys_win():
    store = {"url": "s3://bucket", "access_key": "C", "secret_key": "c"}
    assert storekeys.opened({"store": "s3://bucket", "access_key": "C", "secret_key": "c"}, STORES) == store
    store = {"url": "s3://bucket", "access_key": "A", "secret_key": "a"}
    assert storekeys.opened({"store": "s3://bucket", "access_key": "", "secret_key": ""}, STORES) == store


def test_a_secret_of_somebody_else():
    cipher = secret.encrypt("hush", [KEY])
    with pytest.raises(KraftwerkError, match=r"backup.secret_key: this secret isn't encrypted for you"):
        storekeys.opened({"store": "s3://bucket", "secret_key": cipher}, {})
