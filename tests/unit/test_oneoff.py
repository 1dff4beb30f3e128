"""One-off commands: the words that are sent to the node."""

from kraftwerk.instance import Instance
from kraftwerk.oneoff import ROOT, WEB, words

MYSITE = Instance(
    "mysite", "mysite", "production", "mysite.wsgi:application", src="code", processes={"mail": "python mail.py"}
)


def test_a_command_runs_as_the_instances_user_through_exec():
    assert words(MYSITE, ["echo", "a b", "$x"]) == [
        *["setpriv", "--reuid=web-mysite", "--regid=web-mysite", "--init-groups", "--"],
        *["/web/mysite/exec", "echo", "a b", "$x"],
    ]


def test_as_root_it_is_left_alone():
    assert words(MYSITE, ["df", "-h"], ROOT) == ["df", "-h"]


def test_as_web_it_runs_in_the_source_without_the_environment():
    assert words(MYSITE, ["ls"], WEB) == [
        *["setpriv", "--reuid=web", "--regid=web", "--init-groups", "--"],
        *["env", "-C", "/web/mysite/current/code", "HOME=/web"],
        "PATH=/web/mysite/current/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV=/web/mysite/current/venv",
        "ls",
    ]
