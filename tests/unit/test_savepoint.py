"""Savepoints: which one leads back to a release."""

import pytest

from kraftwerk.instance import Instance
from kraftwerk.savepoint import KNOWN, Savepoint, leading_to, parse


def test_what_the_node_prints_is_sorted_by_the_release_that_migrated():
    lines = ["release-7-before-10.kw 10", "release-6-before-7.kw 2048", "release-x-before-2.kw 1", "before-copy-1.kw 1"]
    assert parse(lines) == (Savepoint(6, 7, 2048), Savepoint(7, 10, 10))


@pytest.mark.parametrize(
    ("points", "number", "found"),
    [
        ([(6, 7)], 6, (6, 7)),
        ([(6, 7), (7, 8)], 6, (6, 7)),
        ([(7, 8)], 6, (7, 8)),  # 7 migrated nothing, so that it had the same tables
        ([(6, 7), (6, 8)], 6, (6, 8)),  # it was gone back to in between, and left again
        ([(6, 7)], 7, None),  # nothing migrated since
        ([], 1, None),
    ],
)
def test_the_savepoint_of_a_release_is_of_when_it_was_live_last(points, number, found):
    one = leading_to([Savepoint(*each) for each in points], number)
    assert (one and (one.live, one.before)) == found


def test_it_lies_with_the_dumps_of_the_instance():
    instance = Instance(name="shop", project="shop", environment="production", wsgi="shop")
    assert str(Savepoint(6, 7).path(instance)) == "/web/shop/dump/release-6-before-7.kw"


@pytest.mark.parametrize(
    "command",
    [
        "python manage.py migrate --noinput",
        "./manage.py migrate",
        "python src/manage.py migrate",
        "alembic upgrade head",
        "flask db upgrade",
        "python -m flask db upgrade",
    ],
)
def test_migrations_of_known_programs_are_their_files(command):
    assert KNOWN.fullmatch(command)


@pytest.mark.parametrize(
    "command",
    ["./schema.sh", "psql -f schema.sql", "flask db upgrade && ./schema.sh", "python setup.py", "flask x $(./schema)"],
)
def test_what_any_other_command_reads_may_be_any_file(command):
    assert not KNOWN.fullmatch(command)
