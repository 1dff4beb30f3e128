"""What a project says of its CDN, what opens its bucket, and how a push is told."""

import json
from pathlib import Path

import pytest
from pyrage import x25519

from kraftwerk import cdn, cdnconfig, deploy, project, removal, secret
from kraftwerk.cdn import Pushed
from kraftwerk.errors import KraftwerkError
from kraftwerk.lead import Lead
from kraftwerk.node import Node
from kraftwerk.release import History
from kraftwerk.rollout import Rollout
from kraftwerk.target import Target

URL = "https://cdn.example.com"
S3 = "s3://shop-static/production"
CIPHER = secret.encrypt("hush", [str(x25519.Identity.generate().to_public())])
SETTINGS = "import os\nSTATIC_URL = os.environ.get('STATIC_URL', '/static/')\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a project's folder, in which we are."""
    folder = tmp_path / "shop"
    (folder / "pillar").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    return folder


def said(root, text, environment="production", **pillar):
    """Return the instance of a project whose files say that."""
    (root / "kraftwerk.yaml").write_text(f"wsgi: shop.wsgi\nstatic: {{/static/: build}}\n{text}\n")
    for name, content in pillar.items():
        (root / "pillar" / f"{name}.sls").write_text(f"{content}\n")
    return project.parse(root).instance(environment, "blue")


def block(**keys):
    return f"cdn: {json.dumps(keys)}"


def test_an_address_alone_or_with_a_bucket(root):
    assert said(root, f"cdn: {URL}/").cdn == {"url": URL, "bucket": "", "uploads": True}
    whole = said(root, f"cdn: {{url: {URL}/shop, bucket: '{S3}?region=fsn1', uploads: no}}").cdn
    assert whole == {"url": f"{URL}/shop", "bucket": f"{S3}?region=fsn1", "uploads": False}
    assert said(root, "").cdn == {}


def test_it_is_production_s_unless_an_environment_says_its_own(root):
    below = f"environments: {{staging: {{nodes: [blue]}}, qa: {{cdn: {URL}/qa}}}}"
    assert said(root, f"cdn: {URL}\n{below}", "staging", base=f"cdn: {URL}/base").cdn == {}
    assert said(root, f"cdn: {URL}\n{below}", "qa").cdn["url"] == f"{URL}/qa"
    assert said(root, f"cdn: {URL}\n{below}", "qa", qa=f"cdn: {URL}/pillar").cdn["url"] == f"{URL}/pillar"


def test_keys_of_files_merge_and_an_address_alone_stands_for_all(root):
    there = block(url=URL, bucket=S3)
    assert said(root, f"cdn: {URL}", production=block(bucket=S3)).cdn["bucket"] == S3
    assert said(root, there, production=f"cdn: {URL}/own").cdn == {"url": f"{URL}/own", "bucket": "", "uploads": True}


def test_what_opens_the_bucket_does_not_come_to_the_node(root):
    instance = said(root, block(url=URL, bucket=S3, access_key="AKIA", secret_key=CIPHER))
    assert "AKIA" not in str(instance.as_dict()) and secret.BEGIN not in str(instance.as_dict())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("cdn: http://cdn.example.com", "cdn: 'http://cdn.example.com' must begin with https://"),
        ("cdn: cdn.example.com", "cdn: 'cdn.example.com' is not an address that browsers load files from, such as"),
        ("cdn: 'https://a b'", "cdn: 'https://a b' is not an address"),
        ("cdn: https://me:hush@cdn.example.com", "is not an address that browsers load files from"),
        ("cdn: [x]", "cdn: must be a mapping (key: value), not a list"),
        (block(url=URL, bukcet=S3), "cdn.bukcet: unknown key; did you mean bucket?"),
        (block(url="http://x.example"), "cdn.url: 'http://x.example' must begin with https://"),
        (block(url=URL, bucket="shop-static"), "cdn.bucket: 'shop-static' is not a bucket's address, such as s3://"),
        (block(url=URL, bucket="ftp://x"), "cdn.bucket: ftp://x is no address of a store"),
        (block(url=URL, bucket="local:/srv/static"), "cdn.bucket: local:/srv/static is a folder of the node"),
        (block(url=URL, bucket=f"{S3}?regoin=fsn1"), "cdn.bucket: unknown option regoin; did you mean region?"),
        (block(url=URL, bucket="s3://AKIA:hush@bucket"), "cdn.bucket: s3: an address holds no credentials"),
        (block(url=URL, uploads="perhaps"), "cdn.uploads: 'perhaps' is not one of true, false, yes, no"),
        (block(url=URL, bucket=S3, secret_key="hush"), "cdn.secret_key: is plain text; kraftwerk config set cdn.sec"),
    ],
)
def test_mistakes_are_told_with_file_and_key(root, text, line):
    with pytest.raises(KraftwerkError) as caught:
        said(root, text)
    assert caught.value.cause.startswith("kraftwerk.yaml:3: ") and line in caught.value.cause
    assert "hush" not in caught.value.cause or "'https://me:hush" in caught.value.cause


@pytest.mark.parametrize(
    ("text", "cause", "how"),
    [
        (block(bucket=S3), "shop: cdn: url is missing", f"kraftwerk config set cdn.url {URL}"),
        (block(url=URL, bucket=S3) + "\nstatic: {}", "shop: cdn.bucket: there are no static files", "static: {/stat"),
    ],
)
def test_keys_that_do_not_go_together(root, text, cause, how):
    (root / "kraftwerk.yaml").write_text(f"wsgi: shop.wsgi\n{text}\n")
    with pytest.raises(KraftwerkError, match=cause) as caught:
        project.parse(root).instance("production", "blue")
    assert caught.value.next_command.startswith(how) and caught.value.code == 2


@pytest.mark.parametrize(
    ("keys", "cause", "how"),
    [
        ({}, "there is no access_key and no secret_key", "kraftwerk config set cdn.access_key KEY"),
        ({"access_key": "AKIA"}, "there is no secret_key", "kraftwerk config set cdn.secret_key --secret"),
    ],
)
def test_a_bucket_that_nothing_opens_is_told_before_anything_is_touched(root, keys, cause, how):
    instance = said(root, "", production=f"# ours\n{block(url=URL, bucket=S3, **keys)}")
    with pytest.raises(KraftwerkError) as caught:
        cdn.check(project.parse(root), instance, [])
    assert caught.value.cause == f"pillar/production.sls:2: cdn.bucket: nothing opens {S3}: {cause}"
    assert caught.value.next_command == how


def test_a_key_of_somebody_else_s(root):
    instance = said(root, block(url=URL, bucket=S3, access_key="AKIA", secret_key=CIPHER))
    with pytest.raises(KraftwerkError, match=r"^cdn.secret_key: this secret isn't encrypted for you"):
        cdn.check(project.parse(root), instance, [])


def test_keys_for_several_projects_stand_in_config_yaml(root):
    home = root.parent / "home"
    home.mkdir()
    (home / "config.yaml").write_text("stores: {'s3://shop-static': {access_key: A, secret_key: a}}\n")
    (home / "config.yaml").chmod(0o600)
    said(root, block(url=URL, bucket=f"{S3}?acl=public-read"))
    opened = {"url": f"{S3}?acl=public-read", "access_key": "A", "secret_key": "a"}
    assert cdn.store(project.parse(root), "production") == opened


@pytest.mark.parametrize(
    ("text", "files", "warns"),
    [
        (f"cdn: {URL}", {"settings.py": SETTINGS}, False),
        (f"cdn: {URL}", {"settings.py": "STATIC_URL = '/static/'\n"}, True),
        (f"cdn: {URL}\nenviron: {{ASSETS: '${{STATIC_URL}}img/'}}", {}, False),
        (f"cdn: {URL}\nenviron: {{ASSETS: /static/}}", {}, True),
        (f"cdn: {URL}\nservices: [files]\nstatic: {{}}", {}, False),
        ("", {}, False),
    ],
)
def test_addresses_that_nothing_reads_are_told(root, text, files, warns, capsys):
    for name, content in files.items():
        Path(name).write_text(content)
    static = "" if "static:" in text else "static: {/s/: b}"
    (root / "kraftwerk.yaml").write_text(f"wsgi: shop.wsgi\n{static}\n{text}\n")
    here = project.parse(root)
    cdn.check(here, here.instance("production", "blue"), list(files))
    told = capsys.readouterr().err
    assert ("nothing here reads STATIC_URL" in told) is warns and (not told) is not warns


@pytest.mark.parametrize(
    ("static", "header"),
    [
        ("", "no-cache"),
        ("off", "no-cache"),
        ("1h", "public, max-age=3600"),
        ("immutable", "public, max-age=31536000, immutable"),
    ],
)
def test_how_long_files_may_be_kept_whose_names_stay(static, header):
    assert cdn.cache_control(static) == header


@pytest.mark.parametrize(
    ("pushed", "words"),
    [
        (Pushed(128, 12, 2_000_000, ()), "12 of 128 files, 2.0 MB"),
        (Pushed(128, 0, 0, ()), "128 files as they are"),
        (Pushed(0, 0, 0, ()), "no files"),
    ],
)
def test_a_push_in_a_few_words(pushed, words):
    assert pushed.words == words and pushed.warning == ""


def test_names_that_stayed_while_the_content_changed_are_told():
    few, many = (Pushed(9, 9, 9, tuple(f"static/{letter}.css" for letter in word)).warning for word in ("a", "abcde"))
    assert few.startswith("cdn: static/a.css: changed under the same name")
    assert many.startswith("cdn: static/a.css, static/b.css, static/c.css and 2 more: changed")


def rollout(instance, lead=None):
    return Rollout(None, Target(Node("blue", "192.0.2.1", "ssh"), instance, None), lead=lead)


def test_one_node_of_those_that_share_their_data_fills_the_bucket(root):
    instance = said(root, block(url=URL, bucket=S3))
    assert deploy.cdn(rollout(instance, Lead("web1", collected=Path("collected.tar.gz")))) == "as on web1"
    assert deploy.cdn(rollout(said(root, f"cdn: {URL}"))) is None
    assert deploy.cdn(rollout(said(root, ""))) is None


def test_where_files_come_from_and_what_stays_there(root):
    instance = said(root, block(url=URL, bucket=f"{S3}?region=fsn1"))
    assert cdn.told(instance) == f"{URL} ← {S3}"
    assert cdn.told(said(root, f"cdn: {URL}")) == f"{URL} ← http://shop.blue"
    assert cdn.told(said(root, "")) == ""
    lines = removal.Inventory(instance, History(), ()).lines("blue")
    assert lines[-1] == f"  cdn       the static files in {S3} stay there"


def test_options_are_those_that_stores_know():
    module = cdnconfig.nodemodule.load("kw_bucket")
    assert set(module.OURS) == set(cdnconfig.S3) - {"region"}
