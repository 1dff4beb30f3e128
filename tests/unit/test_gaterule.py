"""What a project may say of the gate."""

import pytest

from kraftwerk import gaterule, project
from kraftwerk.errors import KraftwerkError
from kraftwerk.gaterule import Rule


def instance(folder, text):
    (folder / "kraftwerk.yaml").write_text("name: shop\nwsgi: shop.wsgi\ndomain: www.example.com\n" + text)
    return project.parse(folder).instance("production", "blue")


def test_the_defaults(tmp_path):
    found = instance(tmp_path, "")
    assert gaterule.of(found) == Rule("", "", ("200-399",), 5, 30, 0.5)
    assert gaterule.url(found, gaterule.of(found)) == "http://www.example.com/"


def test_what_a_project_says_and_what_an_environment_adds(tmp_path):
    (tmp_path / "pillar").mkdir()
    (tmp_path / "pillar" / "production.sls").write_text("gate: {within: 90}\n")
    found = instance(
        tmp_path, "health: /up\ngate: {path: /ready, host: example.org, accept: [200, 301-302], interval: 2}\n"
    )
    rule = gaterule.of(found)
    assert (rule.within, rule.interval, rule.ranges) == (90, 2.0, ["200-200", "301-302"])
    assert gaterule.url(found, rule) == "http://example.org/ready"


def test_as_the_node_has_it_it_is_the_same(tmp_path):
    found = instance(tmp_path, "gate: {accept: 204}\n")
    again = type(found).from_dict(found.as_dict())
    assert gaterule.of(again) == gaterule.of(found)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("gate: {accept: ok}", "gate.accept: 'ok' is not a status, such as 200, or a range, such as 200-399"),
        ("gate: {each: 0}", "gate.each: must be between 1 and 600, not 0"),
        ("gate: {interval: 0}", "gate.interval: must be more than nothing"),
        ("gate: {patience: 3}", "gate.patience: unknown key"),
    ],
)
def test_mistakes_are_told(tmp_path, text, mistake):
    with pytest.raises(KraftwerkError, match=r"kraftwerk\.yaml:4: ") as caught:
        instance(tmp_path, f"{text}\n")
    assert mistake in caught.value.cause
