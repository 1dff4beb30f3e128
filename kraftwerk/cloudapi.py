"""A cloud's account, talked to through apache-libcloud; its errors in one plain line each."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from libcloud.common.types import InvalidCredsError
from libcloud.compute.base import Node as Machine
from libcloud.compute.base import NodeDriver
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState

from kraftwerk.errors import KraftwerkError

ENDING = ("shutting-down", "terminated", "deleting", "deleted")
TOO_OFTEN = re.compile(r"request.?limit|rate.?limit|throttl|too many requests", re.IGNORECASE)
LIMIT = re.compile(r"quota|limit.?exceeded|limit.?reached|exceed|insufficient.*capacity", re.IGNORECASE)
ADDRESS = re.compile(r" with url: \S+")  # of a request: EC2's holds the user data, and so a host key
CREDENTIALS = re.compile(r"unauthori[sz]ed|authentication|auth ?failure|credential|access key|\b401\b", re.IGNORECASE)
MODERN = {"openstack": {"api_version": "2.2"}}  # arguments that libcloud defaults to what clouds have given up
STATUS = re.compile(r"\bcode:? (\d{3})\b", re.IGNORECASE)  # of HTTP, where a driver tells it in words only

logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # its DEBUG has the addresses of requests


@dataclass(frozen=True)
class Cloud:
    """An account at a cloud.

    Attributes:
        alias: what the admin calls it: the first key of its file in cloud.providers.d.
        kind: libcloud's name of the cloud: ec2, digitalocean, …
        driver: libcloud's driver, connected with the account's credentials.
        settings: what the provider's file says.
    """

    alias: str
    kind: str
    driver: Any  # a NodeDriver, with methods of its own beyond that
    settings: Mapping[str, Any]

    def machines(self) -> list[Machine]:
        """Return the machines of the account, without those that are gone but still listed for a while.

        Raises:
            KraftwerkError: the cloud didn't answer, or refused.
        """
        with told(self.alias):
            return [machine for machine in self.driver.list_nodes() if not _gone(machine)]

    def machine(self, identity: str) -> Machine | None:
        """Return a machine by the cloud's own id, or None where it isn't listed, or is gone.

        Raises:
            KraftwerkError: as `machines`.
        """
        if self.kind == "ec2":  # which would be asked once more for each machine that it lists
            with told(self.alias):
                found = self.driver.list_nodes(ex_filters={"instance-id": identity})
        else:
            found = self.machines()
        return next((one for one in found if str(one.id) == identity and not _gone(one)), None)


def connect(alias: str, settings: Mapping[str, Any]) -> Cloud:
    """Return an account by what the file of its provider says.

    Args:
        settings: `libcloud` (the cloud's name there) and `arguments` (of that driver's constructor).

    Raises:
        KraftwerkError: libcloud knows no such cloud, or the arguments aren't what it takes (code 2).
    """
    kind, arguments = str(settings.get("libcloud", "")), settings.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise KraftwerkError(f"provider {alias}: arguments must be a mapping, such as {{key: …, secret: …}}", code=2)
    driver = _driver(alias, kind, json.dumps({**MODERN.get(kind, {}), **arguments}, sort_keys=True, default=str))
    return Cloud(alias=alias, kind=kind, driver=driver, settings=settings)


def _gone(machine: Machine) -> bool:
    """Say whether a machine has ended, or is ending, which takes EC2 a minute."""
    status = machine.extra.get("status") if machine.extra else ""
    return machine.state == NodeState.TERMINATED or status in ENDING


@cache  # one connection a process and account; and DUMMY's machines live in its driver
def _driver(alias: str, kind: str, arguments: str) -> NodeDriver:
    try:
        factory = get_driver(kind)
    except (AttributeError, ImportError) as error:
        raise KraftwerkError(f"provider {alias}: libcloud knows no cloud called {kind!r}", code=2) from error
    try:
        return factory(**json.loads(arguments))
    except (TypeError, ValueError, AttributeError) as error:
        raise KraftwerkError(
            f"provider {alias}: arguments: {one_line(error)}", next_command="kraftwerk providers list", code=2
        ) from error
    except Exception as error:
        raise translated(alias, error) from error


@contextmanager
def told(alias: str) -> Iterator[None]:
    """Turn what libcloud raises into one line that begins with the account's alias."""
    try:
        yield
    except KraftwerkError:
        raise
    except Exception as error:  # its drivers raise everything: their own, the cloud's words bare, what XML makes of it
        raise translated(alias, error) from error


def translated(alias: str, error: BaseException) -> KraftwerkError:
    """Return an error of libcloud as one plain line with the next command; its own words lose addresses of requests."""
    _forget_addresses(error)
    words = one_line(error)
    if isinstance(error, OSError):
        return KraftwerkError(f"{alias}: the cloud can't be reached: {words}", next_command="try again")
    if isinstance(error, NotImplementedError):
        return KraftwerkError(f"{alias}: libcloud can't do that with this cloud")
    if isinstance(error, InvalidCredsError) or _status(error) == 401 or CREDENTIALS.search(words):
        return KraftwerkError(
            f"{alias}: the cloud refused the credentials: {words}", next_command=f"kraftwerk providers add {alias}"
        )
    if _status(error) == 429 or TOO_OFTEN.search(words):
        return KraftwerkError(f"{alias}: the cloud was asked too often: {words}", next_command="try again in a minute")
    if LIMIT.search(words):
        return KraftwerkError(
            f"{alias}: the account has reached a limit: {words}",
            next_command="ask the cloud for a higher limit, or kraftwerk destroy-node one that you don't need",
        )
    return KraftwerkError(f"{alias}: {words}")


def _forget_addresses(error: BaseException | None) -> None:
    """Take addresses of requests out of an error and those that led to it: tracebacks print them all."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if ADDRESS.search(str(error)):
            error.args = (ADDRESS.sub("", str(error)),)
        error = error.__cause__ or error.__context__


def refused(error: BaseException) -> bool:
    """Say whether the cloud certainly did not do what it was asked for, as against: nobody knows."""
    if isinstance(error, InvalidCredsError):
        return True
    return 400 <= _status(error) < 500 and _status(error) != 408


def _status(error: BaseException) -> int:
    """Return the HTTP status that an error stands for, or 0."""
    words = STATUS.search(str(error))
    code = str(getattr(error, "code", None) or (words[1] if words else 0))
    return int(code) if code.isdigit() else 0


def one_line(error: BaseException) -> str:
    """Return an error's words in one line of a bearable length."""
    words = ADDRESS.sub("", " ".join(str(getattr(error, "value", None) or error).split()))
    words = words or f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
    return words if len(words) <= 300 else f"{words[:299]}…"
