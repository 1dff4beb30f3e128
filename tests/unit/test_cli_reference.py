"""docs/cli.md can't drift from the commands."""

from tests import cli_reference


def test_the_reference_is_current():
    assert cli_reference.FILE.read_text() == cli_reference.page(), "make docs writes it anew"
