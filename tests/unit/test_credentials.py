"""What the drivers of clouds want to know, and where the answers come from."""

import pytest

from kraftwerk import credentials
from kraftwerk.errors import KraftwerkError

AWS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}


def answers(name, given=None, known=None, environ=None, prompt=None):
    return credentials.answers(name, given or {}, known or {}, environ or {}, prompt)


@pytest.mark.parametrize("name", credentials.clouds())
def test_every_driver_of_libcloud_can_be_asked_for(name):
    found = credentials.questions(name)
    assert found
    assert len({each.argument for each in found}) == len(found)


@pytest.mark.parametrize("name", credentials.KNOWN)
def test_the_known_ones_name_arguments_and_ask_for_secrets_unseen(name):
    found = {each.argument: each for each in credentials.KNOWN[name]}
    assert all(each.secret for argument, each in found.items() if argument in ("secret", "password", "token"))
    assert any(each.required for each in found.values())


def test_the_usual_variables_are_taken_and_told():
    found, sources = answers("ec2", environ=AWS)
    assert found == {"key": "AKIA", "secret": "s3cr3t", "region": "us-east-1"}
    assert sources == {"key": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY"}


def test_what_is_given_wins_over_variables_and_those_over_what_was_there():
    before = {"key": "old", "secret": "old", "region": "eu-west-1", "port": 5000}
    found, _ = answers("ec2", {"region": "eu-central-1"}, before, AWS)
    assert found == {"key": "AKIA", "secret": "s3cr3t", "region": "eu-central-1", "port": 5000}


def test_a_session_token_stays_with_the_key_beside_it():
    environ = {**AWS, "AWS_SESSION_TOKEN": "t"}
    assert answers("ec2", environ=environ)[0]["token"] == "t"
    assert "token" not in answers("ec2", {"key": "k", "secret": "s"}, environ=environ)[0]


def test_somebody_is_asked_for_the_rest():
    asked = []

    def prompt(question, so_far):
        asked.append((question.argument, so_far))
        return so_far or "typed"

    found, _ = answers("ec2", environ={"AWS_ACCESS_KEY_ID": "AKIA"}, prompt=prompt)
    assert found == {"key": "AKIA", "secret": "typed", "region": "us-east-1"}
    assert asked == [("secret", ""), ("region", "us-east-1")]


def test_what_is_missing_is_told_with_the_ways_to_give_it():
    with pytest.raises(KraftwerkError) as caught:
        answers("openstack", {"key": "ada"})
    assert caught.value.code == 2
    assert "openstack needs secret (password) and ex_force_auth_url" in caught.value.cause
    assert "set OS_PASSWORD" in caught.value.next_command
    assert "--stdin" in caught.value.next_command


def test_text_becomes_what_the_constructor_takes():
    given = {"key": "0123", "secret": "yes", "port": "5000", "secure": "no"}
    found, _ = answers("ec2", given)
    assert (found["key"], found["secret"], found["port"], found["secure"]) == ("0123", "yes", 5000, False)
    for wrong, said in (({"port": "ssh"}, "port must be a number"), ({"secure": "perhaps"}, "must be true or false")):
        with pytest.raises(KraftwerkError, match=said):
            answers("ec2", {**given, **wrong})


def test_an_unknown_cloud_is_answered_with_the_nearest():
    for spoken, meant in (("digitalocen", "digitalocean"), ("aws", "ec2"), ("google", "gce")):
        with pytest.raises(KraftwerkError, match=f"did you mean {meant}\\?"):
            credentials.check_cloud(spoken)
    assert not set(credentials.SPOKEN.values()) - set(credentials.clouds())
