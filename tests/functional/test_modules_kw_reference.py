"""kw_reference: variables under the names that a project reads, by the module as a node has it."""

import pytest

POSTGRES = "postgresql://web-shop@%2Fvar%2Frun%2Fpostgresql/shop"
OUTSIDE = "postgresql://shop:p%40ss@db.example.com:6432/shop?sslmode=require"
MYSQL = "mysql://web-shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
REDIS = "unix:///run/redis-shop/redis.sock?db=0"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (POSTGRES, {"user": "web-shop", "password": "", "host": "/var/run/postgresql", "port": "5432", "name": "shop"}),
        (OUTSIDE, {"user": "shop", "password": "p@ss", "host": "db.example.com", "port": "6432", "name": "shop"}),
        (MYSQL, {"user": "web-shop", "host": "/run/mysqld/mysqld.sock", "port": "3306", "name": "shop"}),
        (
            "postgresql:///shop?host=/run/postgresql&user=ada",
            {"user": "ada", "host": "/run/postgresql", "name": "shop"},
        ),
        ("sqlite:////web/shop/sqlite/db.sqlite3", {"name": "/web/shop/sqlite/db.sqlite3", "host": "", "port": ""}),
        ("redis://:secret@[::1]/2", {"password": "secret", "host": "::1", "port": "6379", "name": "2"}),
        ("postgresql+asyncpg://a@b/c", {"scheme": "postgresql+asyncpg", "port": "5432", "address": "a@b/c"}),
    ],
)
def test_parts_of_addresses(loaders, address, parts):
    part = loaders.modules["kw_reference.part"]
    assert {name: part(address, name) for name in parts} == parts


def test_references_are_replaced_and_escaped_ones_stay(loaders):
    known = {"DATABASE_URL": POSTGRES, "SECRET_KEY": "a${b}", "A": "", "B": "", "C": "", "D": "", "E": ""}
    environ = {
        "A": "${SECRET_KEY}",
        "B": "postgresql+asyncpg://${DATABASE_URL.address}",
        "C": "$HOME $1 ${} {DATABASE_URL}",
        "D": "$${DATABASE_URL}",
        "E": 5,
    }
    assert loaders.modules["kw_reference.resolved"](environ, known) == {
        "A": "a${b}",
        "B": "postgresql+asyncpg://web-shop@/shop?host=/var/run/postgresql",
        "C": "$HOME $1 ${} {DATABASE_URL}",
        "D": "${DATABASE_URL}",
        "E": "5",
    }


@pytest.mark.parametrize("reference", ["${DATABSE_URL}", "${DATABASE_URL.hots}", "${SELF}"])
def test_a_reference_to_nothing_is_refused(loaders, reference):
    with pytest.raises(ValueError, match="refers to"):
        loaders.modules["kw_reference.resolved"]({"SELF": reference}, {"DATABASE_URL": POSTGRES, "SELF": reference})


def test_the_environment_of_an_instance_has_them_resolved_but_for_secrets(loaders, patch_module, tmp_path):
    patch_module("kw_environ", SECRETS=str(tmp_path / "secrets"), FOLLOW=str(tmp_path / "follow"))
    environ = {"APP_HOSTS": "${ALLOWED_HOSTS}", "APP_SECRET": "${SECRET_KEY}", "STATIC_ROOT": "x/${STATIC_ROOT}"}
    loaders.modules["kw_environ.write"](
        str(tmp_path / "env"), "mysite", environ=environ, hosts=["a.test", "b.test"], static_root="s"
    )
    text = (tmp_path / "env").read_text()
    assert "APP_HOSTS='a.test,b.test'" in text
    assert "STATIC_ROOT='x/s'" in text
    assert text.count((tmp_path / "secrets" / "mysite" / "SECRET_KEY").read_text().strip()) == 2
