"""Which node is meant when none is named."""

import pytest

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
