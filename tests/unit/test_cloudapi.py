"""The errors of clouds in plain words."""

import traceback

import pytest
from libcloud.common.exceptions import BaseHTTPError, RateLimitReachedError
from libcloud.common.types import InvalidCredsError, LibcloudError
from libcloud.compute.types import NodeState
from requests.exceptions import ConnectionError as Unreachable

from kraftwerk import cloudapi
from kraftwerk.errors import KraftwerkError

CREDENTIALS = "the cloud refused the credentials: "
LIMIT = "the account has reached a limit: "


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (InvalidCredsError("AuthFailure: no\n such  key"), f"{CREDENTIALS}AuthFailure: no such key"),
        (BaseHTTPError(401, "Unable to log you in"), f"{CREDENTIALS}Unable to log you in"),
        (BaseHTTPError(400, "InstanceLimitExceeded: 20"), f"{LIMIT}InstanceLimitExceeded: 20"),
        (BaseHTTPError(403, "Quota exceeded for cores"), f"{LIMIT}Quota exceeded for cores"),
        (BaseHTTPError(503, "RequestLimitExceeded: slow"), "the cloud was asked too often: RequestLimitExceeded: slow"),
        (LibcloudError("Region is not valid Status code: 400.", driver=None), "Region is not valid Status code: 400."),
        (Exception("something else"), "something else"),
        (BaseHTTPError(500, ""), "BaseHTTPError 500"),
        (NotImplementedError("x"), "libcloud can't do that with this cloud"),
    ],
)
def test_one_line(error, cause):
    assert cloudapi.translated("ec2", error).cause == f"ec2: {cause}"


def test_the_address_of_a_request_is_not_shown_since_ec2_s_has_the_host_key_in_it():
    error = Unreachable(
        "HTTPSConnectionPool: Max retries exceeded with url: /?UserData=LS0tLS1CRUdJTg%3D (Caused by x)"
    )
    assert cloudapi.translated("ec2", error).cause == (
        "ec2: the cloud can't be reached: HTTPSConnectionPool: Max retries exceeded (Caused by x)"
    )


@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (BaseHTTPError(400, "no"), True),
        (BaseHTTPError(500, "perhaps"), False),
        (BaseHTTPError(408, "too slow"), False),
        (RateLimitReachedError(), True),
        (InvalidCredsError("no"), True),
        (LibcloudError("Region is not valid Status code: 400.", driver=None), True),
        (LibcloudError("Status code: 502.", driver=None), False),
        (Unreachable("reset"), False),
        (Exception("who knows"), False),
    ],
)
def test_only_a_certain_no_lets_an_intent_be_forgotten(error, certain):
    assert cloudapi.refused(error) is certain


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"libcloud": "hetzner"}, "provider mine: libcloud knows no cloud called 'hetzner'"),
        ({"libcloud": "ec2", "arguments": {"kee": "x"}}, "provider mine: arguments: .*'key'"),
        ({"libcloud": "ec2", "arguments": {"key": "x", "region": "mars"}}, "mine: arguments: Invalid region: mars"),
        ({"libcloud": "ec2", "arguments": "x"}, "provider mine: arguments must be a mapping"),
    ],
)
def test_what_cannot_be_connected_is_told_with_its_provider(settings, said):
    with pytest.raises(KraftwerkError, match=said) as caught:
        cloudapi.connect("mine", settings)
    assert caught.value.code == 2


def test_a_machine_that_is_ending_counts_as_gone():
    cloud = cloudapi.connect("pretend", {"libcloud": "dummy", "arguments": {"creds": "ending"}})
    first, second = cloud.driver.nl
    first.state, first.extra = NodeState.UNKNOWN, {"status": "shutting-down"}
    second.state = NodeState.TERMINATED
    assert cloud.machines() == []
    assert cloud.machine("1") is None


def test_no_traceback_shows_the_address_of_a_request():
    import requests
    import urllib3

    url = "/?Action=RunInstances&UserData=aG9zdGtleQ&Signature=x"
    try:
        try:
            try:
                raise urllib3.exceptions.MaxRetryError(None, url, OSError("no route"))
            except urllib3.exceptions.MaxRetryError as error:
                raise requests.ConnectionError(error) from None
        except requests.ConnectionError as error:
            raise cloudapi.translated("ec2", error) from error
    except KraftwerkError as error:
        printed = "".join(traceback.format_exception(error))
    assert "UserData" not in printed and "Max retries exceeded (Caused by OSError('no route'))" in printed
