import click
import pytest

from kraftwerk import verbgroup
from kraftwerk.verbgroup import VerbGroup


@pytest.fixture
def group(monkeypatch):
    """Return a group that knows `create`, its usual command, and `list`, where there is a node blue."""
    monkeypatch.setattr(verbgroup, "all_nodes", lambda: {"blue": None})
    usual = click.Command("create", params=[click.Argument(["node"], required=False), click.Option(["--env"])])
    usual.callback = lambda **given: ("create", given)
    return VerbGroup(
        "backup", usual="create", commands=[usual, click.Command("list", callback=lambda: "list")], params=[]
    )


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], ("create", {"node": None, "env": None})),
        (["blue"], ("create", {"node": "blue", "env": None})),
        (["--env", "staging"], ("create", {"node": None, "env": "staging"})),
        (["create", "blue"], ("create", {"node": "blue", "env": None})),
        (["list"], "list"),
    ],
)
def test_the_usual_command_needs_no_name(group, words, meant):
    assert group.main(words, standalone_mode=False) == meant


@pytest.mark.parametrize(("word", "told"), [("lst", "No such command 'lst'"), ("green", "No such command 'green'")])
def test_a_word_that_is_no_node_is_a_mistake(group, word, told):
    with pytest.raises(click.UsageError, match=told):
        group.main([word], standalone_mode=False)


def test_help_is_of_the_group(group, capsys):
    group.main(["--help"], standalone_mode=False)
    assert "list" in capsys.readouterr().out
