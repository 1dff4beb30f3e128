"""The shipped reactions to health, rendered as Salt renders them: whatever an event says stays a value."""

import json
from pathlib import Path

import jinja2
import pytest
import yaml

REACTOR = Path(__file__).parents[2] / "salt" / "reactor"
DATA = {
    "node": "blue",
    "problem": "service/postgres",
    "detail": "it said: 'no' \"{{ 7 * 7 }}\"\n  - run: reboot # …",
    "advice": "kraftwerk run --node blue -- x",
    "since": "2026-11-21T01:55:31Z",
}


def rendered(name, more=""):
    """Return the arguments of the one runner that a reaction calls."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    environment.filters["json"] = json.dumps
    text = environment.from_string((REACTOR / name).read_text() + more).render(data=DATA)
    ((_, calls),) = yaml.safe_load(text).items()
    ((runner, (arguments,)),) = calls.items()
    return runner, {key: value for each in arguments["args"] for key, value in each.items()}


@pytest.mark.parametrize(
    ("name", "runner", "keys"),
    [
        ("raised.sls", "runner.kw_node.raised", {"node", "problem", "detail", "advice", "since"}),
        ("persists.sls", "runner.kw_node.persists", {"node", "problem"}),
        ("cleared.sls", "runner.kw_alert.cleared", {"node", "problem", "detail", "since"}),
    ],
)
def test_what_an_event_says_arrives_as_it_was(name, runner, keys):
    assert rendered(name) == (runner, {key: DATA[key] for key in keys})


def test_an_action_of_ones_own_is_added_as_the_page_says():
    page = (Path(__file__).parents[2] / "docs" / "health.md").read_text()
    line = next(line for line in page.splitlines() if "raised.sls" in line and "printf" in line)
    more = "\n".join(line.split("'")[3:-1:2]).replace("disk", "service/postgres") + "\n"
    assert rendered("raised.sls", more)[1] == {**DATA, "run": "du -xsh /web /var"}
