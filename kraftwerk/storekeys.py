"""What opens stores: encrypted in a project's pillar, or below `stores:` in the admin's config.yaml, for several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk import secret
from kraftwerk.backupconfig import SECRETS, STORE
from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import mapping_of, record, setting, text


@dataclass(frozen=True)
class Keys:
    """What opens a store."""

    access_key: str = setting(text(r"\S+", "an access key"))
    secret_key: str = setting(text(r"\S+", "a secret key"))


# By the beginning of a store's address: s3://bucket, or s3://bucket/folder.
parse = mapping_of(record(Keys), STORE, "a store's address, such as s3://bucket")


def shared(backup: Mapping[str, Any], stores: Mapping[str, Keys]) -> dict[str, str]:
    """Return what config.yaml says for an instance's store, which has no keys of its own; else nothing.

    Of several addresses there that the store's begins with, the longest counts.
    """
    place = "" if any(backup.get(key) for key in SECRETS) else backup.get("store", "").partition("?")[0]
    found = [each for each in stores if place == each or place.startswith(f"{each.rstrip('/')}/")]
    keys = stores[max(found, key=len)] if found else None
    return {key: getattr(keys, key) for key in SECRETS} if keys else {}


def opened(backup: Mapping[str, Any], stores: Mapping[str, Keys], section: str = "backup") -> dict[str, Any]:
    """Return an instance's store as `kw_store` takes it: its address and, in plain text, what opens it.

    Args:
        section: the key that holds those of the store in the project's files, for the error.

    Raises:
        KraftwerkError: it isn't encrypted for this admin.
    """
    store = {"url": str(backup["store"]), **shared(backup, stores)}
    for key in SECRETS:
        if value := backup.get(key):
            try:
                store[key] = secret.decrypt(value) if secret.is_encrypted(value) else value
            except KraftwerkError as error:
                raise KraftwerkError(f"{section}.{key}: {error.cause}", next_command=error.next_command) from error
    return store
