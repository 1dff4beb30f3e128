"""Release commands and requirements: what is counted, and what is said when they fail."""

import pytest

from kraftwerk.migration import count, failure, together
from kraftwerk.nodevenv import failure as venv_failure
from kraftwerk.requirements import Requirements


def test_applied_migrations_are_counted():
    printed = """\
Operations to perform:
  Apply all migrations: admin, auth
Running migrations:
  Applying contenttypes.0001_initial... OK
  Applying auth.0001_initial... OK
"""
    assert count(printed) == 2
    assert count("  No migrations to apply.\n") == 0


def test_calls_of_manage_py_in_a_row_are_one_program():
    migrate, collect = "python manage.py migrate --noinput", "python manage.py collectstatic --noinput"
    assert together([migrate, collect, "./bin/warm up", collect]) == [[migrate, collect], ["./bin/warm up"], [collect]]
    shell = ["python manage.py loaddata $FIXTURES", "python manage.py migrate && date", "python -O manage.py migrate"]
    assert together(shell) == [[command] for command in shell]


def test_a_failure_names_the_command_and_ends_with_its_last_lines():
    output = "".join(f"line {number}\n\n" for number in range(40))
    lines = failure("python manage.py migrate", 1, output).splitlines()
    assert lines[0] == "`python manage.py migrate` failed with exit code 1:"
    assert (len(lines), lines[1], lines[-1]) == (26, "  line 15", "  line 39")


@pytest.mark.parametrize("begins", ["error: ", "  × "])
def test_a_package_that_does_not_build_is_named_above_a_long_output(begins):
    noise = "".join(f"      line {number}\n" for number in range(40))
    said = f"Resolved 3 packages in 1ms\n{begins}Failed to build `mysqlclient==2.2.7`\n  cause: it failed\n{noise}"
    lines = venv_failure(Requirements("requirements.txt"), said).splitlines()
    assert lines[1:3] == [f"  {begins}Failed to build `mysqlclient==2.2.7`", "        line 15"]
    assert (len(lines), lines[-1]) == (27, "        line 39")


def test_requirements_that_do_not_resolve_are_told_in_uvs_words():
    said = "  × No solution found when resolving dependencies:\n  ╰─▶ Because django==99 …\n"
    assert venv_failure(Requirements("requirements.txt"), said).splitlines() == [
        "requirements.txt can't be installed on the node:",
        "    × No solution found when resolving dependencies:",
        "    ╰─▶ Because django==99 …",
    ]
