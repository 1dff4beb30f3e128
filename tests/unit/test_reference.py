"""References in a project's variables, as they are resolved for `serve`."""

from kraftwerk import reference


def test_what_is_here_is_resolved_and_the_rest_left_to_the_project():
    environ = {
        "APP_KEY": "${SECRET_KEY}",
        "DB_NAME": "${DATABASE_URL.name}",
        "CACHE": "${REDIS_URL}",
        "PLAIN": "$${x}",
        "DATABASE_URL": "sqlite+aiosqlite:///${DATABASE_URL.name}",
    }
    assert reference.at_home(environ, {"DATABASE_URL": "sqlite:////site/db.sqlite3"}) == {
        "APP_KEY": "for development only",
        "DB_NAME": "/site/db.sqlite3",
        "PLAIN": "${x}",
        "DATABASE_URL": "sqlite+aiosqlite:////site/db.sqlite3",
    }


def test_a_variable_that_only_refers_to_itself_is_left_out():
    assert reference.at_home({"A": "${A}"}, {}) == {}
    assert reference.at_home({"A": "${B}", "B": "${A}", "C": "${D.name}", "D": "${E}"}, {}) == {}


def test_what_refers_to_a_reference_has_what_that_comes_to():
    environ = {"URL": "https://x/${NAME}", "NAME": "$${a}-${DATABASE_URL.name}", "AT": "${SECRET}"}
    known = {"DATABASE_URL": "postgresql:///shop", "SECRET": "p${NAME}"}
    assert reference.at_home(environ, known) == {
        "URL": "https://x/${a}-shop",
        "NAME": "${a}-shop",
        "AT": "p${NAME}",
    }
