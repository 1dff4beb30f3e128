"""Which node is meant when none is named."""

import pytest

from kraftwerk import cli, node
from kraftwerk.errors import KraftwerkError
from kraftwerk.target import pick


@pytest.mark.parametrize(
    ("named", "deployed", "roster", "picked"),
    [
        (["web1"], ["blue"], ["blue", "green", "web1"], "web1"),
        ([], ["blue"], ["blue", "green"], "blue"),
        ([], [], ["green"], "green"),
    ],
)
def test_kraftwerk_yaml_comes_first_then_where_it_is_then_the_only_node(named, deployed, roster, picked):
    assert pick("mysite", named, deployed, roster) == picked


@pytest.mark.parametrize(
    ("named", "deployed", "roster", "message"),
    [
        (["b", "a"], [], [], "which node is meant for mysite. kraftwerk.yaml names a, b"),
        ([], ["blue", "green"], ["blue", "green"], "it is deployed on blue, green"),
        ([], [], ["blue", "green"], "there are blue, green"),
        ([], [], [], "there is no node yet"),
    ],
)
def test_several_or_none_is_a_clear_error(named, deployed, roster, message):
    with pytest.raises(KraftwerkError, match=message) as caught:
        pick("mysite", named, deployed, roster)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["deploy"], "kraftwerk deploy NODE or --all"),
        (["dump"], "kraftwerk dump NODE"),
        (["destroy"], "kraftwerk destroy NODE"),
        (["releases"], "kraftwerk releases NODE"),
        (["logs"], "kraftwerk logs NODE"),
        (["shell"], "kraftwerk shell NODE"),
        (["inspect"], "kraftwerk inspect NODE"),
        (["inspect", "postgres"], "kraftwerk inspect postgres NODE"),
        (["console", "postgres"], "kraftwerk console postgres --node NODE"),
        (["run", "--", "true"], "kraftwerk run --node NODE or --all"),
        (["rollback"], "kraftwerk rollback --node NODE or --all"),
        (["backup", "create"], "kraftwerk backup create NODE"),
        (["copy", "--to", "staging"], "kraftwerk copy --from production --to staging --from-node NODE"),
    ],
)
def test_each_command_says_how_its_own_words_name_a_node(words, hint, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path / "home"))
    for name in ("blue", "green"):
        node.save_node(node.Node(name, "192.0.2.7", "ssh"))
    root = tmp_path / "mysite"
    root.mkdir()
    (root / "kraftwerk.yaml").write_text("wsgi: mysite.wsgi:application\nservices: [postgres]\n")
    monkeypatch.chdir(root)
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert f"→ {hint}, or name it below environments in kraftwerk.yaml\n" in capsys.readouterr().err
