"""What a project may say of its CDN: `cdn` in kraftwerk.yaml and its pillar files, an address or more of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from kraftwerk import nodemodule
from kraftwerk.backupconfig import SECRETS, STORE, hidden, is_kept_there
from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import Value, Wrong, given, setting, suggestion, text
from kraftwerk.service import Listed
from kraftwerk.site.layout import yes_or_no

ADDRESS = r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?(/[\w.~%-]+)*/?"
MEANING = "an address that browsers load files from, such as https://cdn.example.com"
# What an address of S3 may say: Libcloud passes over what it doesn't know, a misspelt one too.
S3 = ("region", "endpoint", "acl", "encryption", "storage_class", "readback")


def address(value: Value) -> str:
    """Parse the CDN's address, without the slash that it may end with."""
    written = text()(value)
    if written.startswith("http://"):
        raise Wrong(f"{written!r} must begin with https://: a page that came by https can't load from it")
    return text(ADDRESS, MEANING)(value).rstrip("/")


def bucket(value: Value) -> str:
    """Parse where a deploy puts static files, in the notation of stores of backup points."""
    written = text(STORE, "a bucket's address, such as s3://bucket/folder")(value)
    if is_kept_there(written):
        raise Wrong(f"{written} is a folder of the node; a CDN that takes files from the site itself needs no bucket")
    try:
        place = nodemodule.load("kw_store").parse(written)
    except ValueError as error:
        raise Wrong(str(error)) from error
    for option in place["options"] if place["kind"] == "s3" else ():
        if option not in S3:
            near = suggestion(option, S3) or f"; there are {', '.join(S3)}"
            raise Wrong(f"unknown option {option}{near}")
    return written


@dataclass(frozen=True)
class Cdn:
    """The keys below `cdn`.

    Attributes:
        url: the address that visitors' browsers load static files and uploads from.
        bucket: where deploys put static files; empty where the CDN takes them from the site itself.
        uploads: uploads come from there, too.
        access_key, secret_key: what opens the bucket; the second one is encrypted.
    """

    url: str = setting(address, default="")
    bucket: str = setting(bucket, default="")
    uploads: bool = setting(yes_or_no, default=True)
    access_key: str = setting(text(r"[\s\S]*", "an access key"), default="")
    secret_key: str = setting(hidden, default="")


def parse(value: Value) -> dict[str, Any]:
    """Parse what a file says of it: an address alone, which stands for all, or the keys that it gives."""
    if isinstance(value.node, yaml.ScalarNode):
        return Listed({"url": address(value)})
    return given(Cdn, value)


def plain(values: Mapping[str, Any], static: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return what an instance carries of its CDN: all but what opens the bucket, which nodes don't need.

    Args:
        values: the merged keys of all files.
        static: the URLs of static files, and their folders.
        name: whose it is, for the error.

    Raises:
        KraftwerkError: the keys don't go together (code 2).
    """
    if not values:
        return {}
    cdn = Cdn(**values)
    if not cdn.url:
        cause, how = "cdn: url is missing", "kraftwerk config set cdn.url https://cdn.example.com"
        raise KraftwerkError(f"{name}: {cause}", next_command=how, code=2)
    if cdn.bucket and not static:
        cause, how = "cdn.bucket: there are no static files to put there", "static: {/static/: FOLDER}"
        raise KraftwerkError(f"{name}: {cause}", next_command=how, code=2)
    return {key: value for key, value in asdict(cdn).items() if key not in SECRETS}
