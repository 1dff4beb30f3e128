"""kw_environ: what the env file holds, who may read it, and that no value leaves the node."""

import grp
import os
import stat
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the env file belongs to root")
CIPHER = "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n"
ODD = 'it\'s $HOME = "a"\n# no comment \\ end'


@pytest.fixture
def write(loaders, patch_module, tmp_path):
    """Write the env file of an instance into the test's folder."""
    patch_module("kw_environ", SECRETS=str(tmp_path / "secrets"), FOLLOW=str(tmp_path / "follow"))
    group = grp.getgrgid(os.getgid()).gr_name

    def call(**arguments):
        return loaders.modules["kw_environ.write"](str(tmp_path / "env"), "mysite", group=group, **arguments)

    return call


def sourced(path, key):
    """The value of a variable, as a real shell reads it."""
    script = f'set -a; . "$1"; printenv {key}'
    return subprocess.run(["sh", "-c", script, "sh", path], capture_output=True, text=True, check=True).stdout[:-1]


def test_a_shell_reads_back_every_value_exactly(write, tmp_path):
    write(environ={"ODD": ODD, "EMPTY": "", "NUMBER": 5})
    assert sourced(tmp_path / "env", "ODD") == ODD
    assert sourced(tmp_path / "env", "EMPTY") == ""
    assert sourced(tmp_path / "env", "NUMBER") == "5"


def test_services_hosts_and_project_come_together_and_the_project_wins(write, tmp_path):
    write(
        services=["files", "postgres"],
        hosts=["a.example", "b.example"],
        static_root="static",
        environ={"MEDIA_URL": "/m/"},
    )
    env = tmp_path / "env"
    assert sourced(env, "DATABASE_URL") == "postgresql://web-mysite@%2Fvar%2Frun%2Fpostgresql/mysite"
    assert sourced(env, "UPLOADS_PATH") == "/web/mysite/uploads"
    assert sourced(env, "ALLOWED_HOSTS") == "a.example,b.example"
    assert sourced(env, "STATIC_ROOT") == "static"
    assert sourced(env, "MEDIA_URL") == "/m/"


def test_a_cdn_s_addresses_win_over_services_and_the_project_over_both(write, tmp_path):
    urls = {"STATIC_URL": "https://cdn.test/static/", "MEDIA_URL": "https://cdn.test/uploads/"}
    write(services=["files"], urls=urls, environ={"IMAGES": "${MEDIA_URL}images/"})
    assert sourced(tmp_path / "env", "STATIC_URL") == "https://cdn.test/static/"
    assert sourced(tmp_path / "env", "IMAGES") == "https://cdn.test/uploads/images/"
    write(services=["files"], urls=urls, environ={"MEDIA_URL": "/m/"})
    assert sourced(tmp_path / "env", "MEDIA_URL") == "/m/"
    assert write(services=["files"]) == {"MEDIA_URL": "changed", "STATIC_URL": "removed"}


def test_a_secret_is_made_once_and_only_root_can_read_it(write, loaders, tmp_path):
    write()
    secret = tmp_path / "secrets" / "mysite" / "SECRET_KEY"
    first = secret.read_text()
    assert len(first) > 50
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert write() == {}
    assert loaders.modules["kw_environ.generate"]("mysite") is False
    assert secret.read_text() == first


def test_changes_name_keys_and_never_values(write, loaders, tmp_path):
    assert write(environ={"A": "hush", "B": "hush"}) == {"A": "added", "B": "added", "SECRET_KEY": "added"}
    assert write(environ={"A": "hush!"}) == {"A": "changed", "B": "removed"}
    assert loaders.modules["kw_environ.keys"](str(tmp_path / "env")) == ["A", "SECRET_KEY"]


def test_wrong_permissions_are_mended(write, tmp_path):
    write()
    (tmp_path / "env").chmod(0o644)
    assert list(write()) == ["permissions"]
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o640


def test_what_changes_leaves_a_mark_for_the_live_release(write, tmp_path):
    mark = tmp_path / "follow" / "mysite"
    write()
    assert not mark.exists()  # nothing is live yet
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / ".kraftwerk-env").touch()
    write()
    write(environ={"A": "1"}, test=True)
    assert not mark.exists()
    write(environ={"A": "1"})
    assert mark.read_text() == ""


def test_a_dry_run_makes_neither_file_nor_secret(write, tmp_path):
    assert write(test=True) == {"SECRET_KEY": "added"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["A B", "1A", "A;rm", "Ä"])
def test_a_name_that_no_shell_takes_is_refused(write, key):
    with pytest.raises(ValueError, match="not a name"):
        write(environ={key: "x"})


def test_a_service_without_a_module_is_named(write):
    with pytest.raises(KeyError, match="service mongo"):
        write(services=["mongo"])


def test_a_secret_never_leads_out_of_its_folder(loaders):
    with pytest.raises(ValueError, match="plain name"):
        loaders.modules["kw_environ.generate"]("../mysite")


@pytest.fixture
def decrypted(patch_module):
    """Let the pillar hold what the admin decrypted: `decrypted({"environ.TOKEN": "hush"})`."""

    def hold(secrets):
        patch_module("kw_environ", __pillar__={"kraftwerk": {"secrets": {"mysite": secrets}}})

    return hold


def test_an_encrypted_variable_is_what_the_admin_decrypted(write, decrypted, tmp_path):
    decrypted(
        {"environ.TOKEN": ODD, "environ.SECRET_KEY": "of the repository", "superusers.ada.password": "no variable"}
    )
    environ = {"TOKEN": CIPHER, "SECRET_KEY": CIPHER, "PLAIN": "x"}
    assert write(environ=environ) == {"TOKEN": "added", "SECRET_KEY": "added", "PLAIN": "added"}
    assert sourced(tmp_path / "env", "TOKEN") == ODD
    assert sourced(tmp_path / "env", "SECRET_KEY") == "of the repository"
    assert not (tmp_path / "secrets").exists()
    assert write(environ=environ) == {}


def test_what_the_admin_can_t_decrypt_stays_as_it_is(write, loaders, decrypted, tmp_path):
    decrypted({"environ.TOKEN": "hush", "environ.OTHER": "a"})
    write(environ={"TOKEN": CIPHER, "OTHER": CIPHER})
    decrypted({"environ.OTHER": "b"})
    assert write(environ={"TOKEN": CIPHER, "OTHER": CIPHER}) == {"OTHER": "changed"}
    assert sourced(tmp_path / "env", "TOKEN") == "hush"
    assert loaders.modules["kw_environ.unreadable"]("mysite", {"TOKEN": CIPHER, "OTHER": CIPHER}) == ["TOKEN"]


def test_without_a_value_on_the_node_an_unreadable_variable_is_an_error(write, tmp_path):
    with pytest.raises(ValueError, match="TOKEN: encrypted, but not for this admin, and the node has no value yet"):
        write(environ={"TOKEN": CIPHER})
    assert not (tmp_path / "env").exists()
