"""Superusers: what files may say of them, what a deploy refuses, and what an error may not print."""

import pytest

from kraftwerk import admin, project, secret, settings, superuser
from kraftwerk.errors import KraftwerkError


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    admin.ensure()
    folder = tmp_path / "mysite"
    (folder / "pillar").mkdir(parents=True)
    (folder / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi\n")
    (folder / "manage.py").touch()
    monkeypatch.chdir(folder)
    return folder


def encrypted(word):
    lines = secret.encrypt(word, [secret.public_key()]).splitlines()
    return "|\n" + "".join(f"      {line}\n" for line in lines)


def test_files_merge_by_name_and_field(root):
    (root / "pillar" / "base.sls").write_text("superusers:\n  ada: {email: ada@example.com, town: Turin}\n")
    (root / "pillar" / "staging.sls").write_text(f"superusers:\n  ada:\n    password: {encrypted('hush')}")
    found = project.parse(root).instance("staging", "blue").superusers
    assert (found["ada"]["email"], found["ada"]["town"]) == ("ada@example.com", "Turin")
    assert secret.decrypt(found["ada"]["password"]) == "hush"
    assert "hush" not in str(found)


def test_a_password_in_plain_text_is_refused_with_the_command_that_encrypts_it(root):
    (root / "pillar" / "staging.sls").write_text("superusers:\n  ada.l: {password: hush}\n")
    with pytest.raises(KraftwerkError) as caught:
        project.parse(root)
    assert "pillar/staging.sls:2: superusers.ada.l.password: is plain text" in caught.value.cause
    assert caught.value.cause.endswith("""kraftwerk config set 'superusers."ada.l".password' --secret --env staging""")
    assert "hush" not in caught.value.cause


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("ada: {emial: a@b.c}", "superusers.ada.emial: unknown key; did you mean email?"),
        ("ada: {email: nobody}", "superusers.ada.email: 'nobody' is not a mail address"),
        ("a b: {email: a@b.c}", "superusers.a b: 'a b' is not a user's name"),
        ("ada: {Last Name: x}", "superusers.ada: 'Last Name' is not the name of a field"),
        ("ada: x", "superusers.ada: must be a mapping (key: value), not 'x'"),
    ],
)
def test_mistakes_are_told(root, written, part):
    (root / "pillar" / "base.sls").write_text(f"superusers: {{{written}}}\n")
    with pytest.raises(KraftwerkError) as caught:
        project.parse(root)
    assert f"pillar/base.sls:1: {part}" in caught.value.cause


def test_one_without_a_password_is_refused_before_anything_is_touched(root):
    (root / "pillar" / "base.sls").write_text("superusers: {ada: {email: a@b.c}}\n")
    with pytest.raises(KraftwerkError, match=r"superusers\.ada: has no password") as caught:
        superuser.check(project.parse(root).instance("staging", "blue"), is_django=True)
    assert caught.value.next_command == "kraftwerk config set superusers.ada.password --generate --env staging"


def test_only_django_knows_superusers(root):
    (root / "pillar" / "base.sls").write_text("superusers: {ada: {email: a@b.c}}\n")
    (root / "manage.py").unlink()
    found = project.parse(root)
    assert not found.is_django("production")
    with pytest.raises(KraftwerkError, match=r"mysite has no manage\.py, and only Django knows superusers"):
        superuser.check(found.instance("production", "blue"), found.is_django("production"))


def test_without_superusers_there_is_nothing_to_refuse(root):
    superuser.check(project.parse(root).instance("production", "blue"), is_django=False)


def test_env_prints_names_and_no_values(root):
    (root / "pillar" / "base.sls").write_text("superusers: {ada: {email: a@b.c}}\nmail: {host: smtp.example.com}\n")
    found = {setting.name: setting for setting in settings.collect("staging", "--env")}
    assert (found["superusers"].value, found["pillar"].value) == (["ada"], ["mail"])
    assert found["superusers"].source == found["pillar"].source == "pillar/base.sls"
    (root / "pillar" / "base.sls").write_text("caching: {static: 1d, pages: {/: 10s, /news/: 5m}}\n")
    found = {setting.name: setting for setting in settings.collect("staging", "--env")}
    assert found["caching"].text() == "static: 1d, pages: / 10s /news/ 5m"
    assert "pillar" not in found


def test_an_error_names_its_reason_and_no_password():
    told = superuser.failure("Traceback\n\nValueError: hush is too short\n", {"ada": {"password": "hush"}})
    assert told == "superusers can't be made:\n  Traceback\n  ValueError: … is too short"
