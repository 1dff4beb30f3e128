"""What the constructor of a libcloud driver wants to know: asked for in words, and known from the usual variables."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk import schema
from kraftwerk.errors import KraftwerkError

HIDDEN = ("secret", "password", "token", "key", "creds", "ex_consumer_key")  # arguments that are secrets, mostly
SPOKEN = {"aws": "ec2", "amazon": "ec2", "do": "digitalocean", "google": "gce", "gcp": "gce"}
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Question:
    """One argument of a constructor.

    Attributes:
        label: what it is called at that cloud.
        secret: whether it must not be seen while it is typed, nor later.
        variables: environment variables that cloud's own tools take it from.
        default: what it is when nothing is answered.
        asked: whether it is asked for, or only taken when it is given.
        required: whether nothing works without it.
    """

    argument: str
    label: str
    secret: bool = False
    variables: tuple[str, ...] = ()
    default: str = ""
    asked: bool = True
    required: bool = True


def _secret(argument: str, label: str, *variables: str) -> Question:
    return Question(argument, label, secret=True, variables=variables)


def _plain(argument: str, label: str, *variables: str, default: str = "") -> Question:
    return Question(argument, label, variables=variables, default=default)


def _extra(argument: str, label: str, *variables: str, secret: bool = False) -> Question:
    return Question(argument, label, secret=secret, variables=variables, asked=False, required=False)


KNOWN: Mapping[str, tuple[Question, ...]] = {
    "ec2": (
        _plain("key", "access key ID", "AWS_ACCESS_KEY_ID"),
        _secret("secret", "secret access key", "AWS_SECRET_ACCESS_KEY"),
        _extra("token", "session token", "AWS_SESSION_TOKEN", secret=True),
        _plain("region", "region", "AWS_REGION", "AWS_DEFAULT_REGION", default="us-east-1"),
    ),
    "digitalocean": (_secret("key", "API token", "DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_TOKEN"),),
    "linode": (_secret("key", "API token", "LINODE_CLI_TOKEN", "LINODE_TOKEN"),),
    "vultr": (_secret("key", "API key", "VULTR_API_KEY"),),
    "openstack": (
        _plain("key", "user name", "OS_USERNAME"),
        _secret("secret", "password", "OS_PASSWORD"),
        _plain("ex_force_auth_url", "address of the identity service", "OS_AUTH_URL"),
        _plain("ex_force_auth_version", "version of its login", default="3.x_password"),
        _plain("ex_tenant_name", "project", "OS_PROJECT_NAME", "OS_TENANT_NAME"),
        _plain("ex_domain_name", "domain of the user", "OS_USER_DOMAIN_NAME", default="Default"),
        _extra("ex_force_service_region", "region", "OS_REGION_NAME"),
    ),
    "scaleway": (
        _plain("key", "access key", "SCW_ACCESS_KEY"),
        _secret("secret", "secret key", "SCW_SECRET_KEY"),
    ),
    "exoscale": (
        _plain("key", "API key", "EXOSCALE_API_KEY"),
        _secret("secret", "API secret", "EXOSCALE_API_SECRET"),
    ),
    "gce": (
        _plain("user_id", "service account's address"),
        _plain("key", "path of the service account's JSON key", "GOOGLE_APPLICATION_CREDENTIALS"),
        _plain("project", "project", "GOOGLE_CLOUD_PROJECT"),
        _plain("datacenter", "zone", default="europe-west3-a"),
    ),
    "azure_arm": (
        _plain("tenant_id", "tenant ID", "AZURE_TENANT_ID"),
        _plain("subscription_id", "subscription ID", "AZURE_SUBSCRIPTION_ID"),
        _plain("key", "application (client) ID", "AZURE_CLIENT_ID"),
        _secret("secret", "client secret", "AZURE_CLIENT_SECRET"),
        _plain("region", "region", default="westeurope"),
    ),
    "ovh": (
        _plain("key", "application key", "OVH_APPLICATION_KEY"),
        _secret("secret", "application secret", "OVH_APPLICATION_SECRET"),
        _plain("ex_project_id", "project", "OVH_CLOUD_PROJECT_SERVICE"),
        _secret("ex_consumer_key", "consumer key", "OVH_CONSUMER_KEY"),
    ),
    "upcloud": (
        _plain("username", "user name", "UPCLOUD_USERNAME"),
        _secret("password", "password", "UPCLOUD_PASSWORD"),
    ),
}


def clouds() -> list[str]:
    """Return libcloud's names of the clouds that it has a driver for."""
    from libcloud.compute.providers import DRIVERS

    return sorted(map(str, DRIVERS))


def check_cloud(name: str) -> None:
    """Make sure that libcloud has a driver of this name.

    Raises:
        KraftwerkError: it hasn't (code 2).
    """
    known = clouds()
    if name not in known:
        near = f"; did you mean {SPOKEN[name]}?" if name in SPOKEN else schema.suggestion(name, known)
        other = "make the server in its console, then: kraftwerk create-node NAME --provider ssh --host ADDRESS"
        raise KraftwerkError(
            f"libcloud knows no cloud called {name}{near or ' (' + ', '.join(known) + ')'}",
            next_command="kraftwerk providers add --help" if near else other,
            code=2,
        )


def questions(name: str) -> tuple[Question, ...]:
    """Return what the constructor of a cloud's driver wants to know; its own signature says it for the lesser known."""
    if name in KNOWN:
        return KNOWN[name]
    found = {each.name: each for each in _parameters(name)}
    needed = [each for each in found.values() if each.default is inspect.Parameter.empty]
    optional = [found[key] for key in ("key", "secret", "region") if key in found and found[key] not in needed]
    return tuple(_question(each) for each in [*needed, *optional])


def _question(parameter: inspect.Parameter) -> Question:
    default = parameter.default
    return Question(
        argument=parameter.name,
        label=parameter.name.removeprefix("ex_").replace("_", " "),
        secret=parameter.name in HIDDEN,
        default=str(default) if default not in (None, inspect.Parameter.empty) else "",
        required=default is inspect.Parameter.empty,
    )


def _parameters(name: str) -> list[inspect.Parameter]:
    """Return the parameters of a driver's constructor, and of those above it that its **kwargs go to."""
    from libcloud.compute.providers import get_driver

    found: dict[str, inspect.Parameter] = {}
    for kind in get_driver(name).__mro__:
        own = vars(kind).get("__init__")
        if kind is object or own is None:
            continue
        parameters = list(inspect.signature(own).parameters.values())[1:]
        named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        found = {each.name: each for each in named} | found
        if len(named) == len(parameters):
            break
    return list(found.values())


def answers(
    name: str,
    given: Mapping[str, str],
    known: Mapping[str, Any],
    environ: Mapping[str, str],
    prompt: Callable[[Question, str], str] | None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments for a cloud's constructor, and which of them came from which environment variable.

    Args:
        given: arguments that were given as text; they win.
        known: those of the account that is there already; what isn't given anew stays.
        environ: this process's variables.
        prompt: asks for one, and is told what it is so far; None where nobody can be asked.

    Raises:
        KraftwerkError: one is missing, or isn't what it must be (code 2).
    """
    found, sources = dict(given), {}
    missing: list[Question] = []
    for question in questions(name):
        if question.argument in found:
            continue
        variable = next((each for each in question.variables if environ.get(each)), "")
        if variable and (question.asked or not given):  # a session's token belongs to the key beside it
            sources[question.argument] = variable
        so_far = str(known.get(question.argument) or question.default)
        value = environ[variable] if question.argument in sources else _asked(question, so_far, prompt)
        if value:
            found[question.argument] = value
        elif question.required:
            missing.append(question)
    if missing:
        raise _missing(name, missing)
    return {**known, **{argument: typed(name, argument, text) for argument, text in found.items()}}, sources


def _asked(question: Question, so_far: str, prompt: Callable[[Question, str], str] | None) -> str:
    return prompt(question, so_far) if prompt and question.asked else so_far


def _missing(name: str, missing: list[Question]) -> KraftwerkError:
    needs = " and ".join(f"{each.argument} ({each.label})" for each in missing)
    variables = [each.variables[0] for each in missing if each.variables]
    ways = [f"set {' and '.join(variables)}"] * bool(variables) + [f"--env {missing[0].argument}=VARIABLE", "--stdin"]
    return KraftwerkError(f"{name} needs {needs}", next_command="; or ".join(ways), code=2)


def typed(name: str, argument: str, text: str) -> str | int | bool:
    """Return an argument given as text, as what the constructor takes: mostly text.

    Raises:
        KraftwerkError: it isn't a number, or yes or no, where it must be one (code 2).
    """
    default: Any = next((each.default for each in _parameters(name) if each.name == argument), None)
    if isinstance(default, bool):
        if text.lower() not in TRUE + FALSE:
            raise KraftwerkError(f"{argument} must be true or false, not {text!r}", code=2)
        return text.lower() in TRUE
    if argument == "port" or isinstance(default, int):
        if not text.isdigit():
            raise KraftwerkError(f"{argument} must be a number, not {text!r}", code=2)
        return int(text)
    return text
