"""
Buckets of objects, by Apache Libcloud's drivers: for ``kw_store``, on nodes and on the admin's computer.
"""

import functools
import platform
import re
import time
from urllib.parse import urlsplit

__virtualname__ = "kw_bucket"
OURS = ("endpoint", "encryption", "storage_class", "readback", "acl")
CHUNK = 2**20
TIMEOUT = (20, 60)  # seconds for a connection to a server, and without a sign of life from it
MD5 = re.compile(r"[0-9a-f]{32}")
FULL = re.compile(r"\b507\b|quota|insufficient ?storage|storage ?full|no space", re.IGNORECASE)


def __virtual__():
    """Load on Linux only, as all that uses it."""
    if platform.system() != "Linux":
        return False, "kw_bucket: backups are made on Linux only"
    return __virtualname__


def opened(place, store):
    """
    The bucket of an address, with ``put get objects delete explain``; for ``kw_store``, which tries again and compares.

    place
        What ``kw_store.parse`` says of the address.
    store
        The mapping with ``access_key`` and ``secret_key``.

    Raises ``RuntimeError`` without Libcloud, or for options that its driver doesn't know.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_bucket.opened '{"kind": "s3", "provider": "s3", "bucket": "b", "prefix": "", "options": {}}' '{}'
    """
    return _Bucket(place, store)


class _Bucket:
    """A bucket, or container, of objects, by a driver of Libcloud's."""

    def __init__(self, place, store):
        self.place, self.options = place, place["options"]
        self.title = f"{place['kind']}://{place['bucket']}"
        self.trusted = self.options.get("readback") == "hash"
        if not store.get("access_key") or not store.get("secret_key"):
            raise RuntimeError(f"{self.title}: no access key, or no secret key")
        self.driver = self._driver(store)

    @functools.cached_property
    def container(self):
        return self.driver.get_container(self.place["bucket"])

    def put(self, name, path, content_type="application/octet-stream", headers=None):
        options, headers = {}, dict(headers or {})
        if "encryption" in self.options:
            headers["x-amz-server-side-encryption"] = self.options["encryption"]
        if "acl" in self.options:  # capitals: Libcloud 3.4 signs headers in an order of upper case first
            headers["X-AMZ-ACL"] = self.options["acl"]
        if headers:
            options["headers"] = headers
        if "storage_class" in self.options:
            options["ex_storage_class"] = self.options["storage_class"]
        extra = {"content_type": content_type}
        self.driver.upload_object(path, self.container, self._whole(name), extra=extra, **options)

    def get(self, name, file):
        found = self.driver.get_object(self.container.name, self._whole(name))
        for piece in self.driver.download_object_as_stream(found, chunk_size=CHUNK):
            file.write(piece)
        if found.size != file.tell():
            raise RuntimeError(f"{self.title} gave {file.tell()} of the {found.size} bytes of {name}")

    def objects(self, prefix):
        root = self._whole("")
        for each in self.driver.iterate_container_objects(self.container, prefix=root + prefix):
            if each.name.startswith(root + prefix):
                yield each.name[len(root) :], each.size, self._md5(each)

    def delete(self, name):
        from libcloud.storage.types import ObjectDoesNotExistError

        try:
            self.driver.get_object(self.container.name, self._whole(name)).delete()
        except ObjectDoesNotExistError:
            return

    def explain(self, error):
        """An error in plain words, and whether another try would make no sense."""
        from libcloud.common.types import InvalidCredsError
        from libcloud.storage.types import ContainerDoesNotExistError, ObjectDoesNotExistError

        words = _words(error)
        if "RequestTimeTooSkewed" in words:
            now = time.strftime("%H:%M", time.gmtime())
            return f"{self.title}: the clocks differ too much; here it is {now} UTC ({words})", True
        if FULL.search(words):
            return f"{self.title} is full: {words}", True
        if isinstance(error, ContainerDoesNotExistError):
            return f"{self.title}: there is no such bucket; make it there first", True
        if isinstance(error, ObjectDoesNotExistError):
            return f"{self.title}: {error.object_name} is not there", False
        if isinstance(error, InvalidCredsError):
            return f"{self.title} refuses the access key or secret key: {words}", True
        if isinstance(error, OSError) and error.errno and error.filename:
            return f"{error.filename}: {error.strerror}", True
        return words if isinstance(error, RuntimeError) else f"{self.title}: {words}", False

    def _md5(self, found):
        """The MD5 of an object's content; of one that keys of the server's encrypt, what is listed is none."""
        listed = (found.extra or {}).get("md5_hash") or found.hash or ""
        return listed if MD5.fullmatch(listed) and self.options.get("encryption") != "aws:kms" else ""

    def _whole(self, name):
        return f"{self.place['prefix']}/{name}" if self.place["prefix"] else name

    def _driver(self, store):
        try:
            from libcloud.storage.providers import get_driver
        except ImportError:
            raise RuntimeError(f"{self.title}: python3-libcloud isn't installed here") from None
        given = {name: value for name, value in self.options.items() if name not in OURS}
        if endpoint := self.options.get("endpoint"):
            parts = urlsplit(endpoint if "//" in endpoint else f"https://{endpoint}")
            given |= {"host": parts.hostname, "secure": parts.scheme != "http"}
            given["port"] = parts.port or (443 if given["secure"] else 80)
        if self.place["provider"] == "s3":
            _know_region(given.get("region"))
        try:
            kind = get_driver(self.place["provider"])
            kind.connectionCls.conn_class = _patient_connection()
            return kind(store["access_key"], store["secret_key"], **given)
        except (AttributeError, TypeError, ValueError) as error:
            raise RuntimeError(f"{self.title}: {error}") from None


def _know_region(region):
    """Libcloud refuses regions that are younger than itself, and those of other servers that speak S3."""
    from libcloud.storage.drivers import s3

    if region and region not in s3.REGION_TO_HOST_MAP:
        s3.REGION_TO_HOST_MAP[region] = f"s3.{region}.amazonaws.com"


@functools.cache
def _patient_connection():
    """Libcloud's connection, with a limit to its patience in uploads too, and without a proxy where none is meant."""
    from libcloud.http import LibcloudConnection
    from requests.utils import should_bypass_proxies

    class Patient(LibcloudConnection):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            self.session.send = functools.partial(_send, self.session.send)
            if should_bypass_proxies(self.host, None):
                self.session.proxies, self.session.trust_env = {}, False

    return Patient


def _send(send, request, **options):
    if request.headers.pop("Transfer-Encoding", None):  # requests takes an empty file for one of unknown length
        request.body, request.headers["Content-Length"] = b"", "0"
    return send(request, **{**options, "timeout": TIMEOUT})


def _words(error):
    """What went wrong, on one line: the system's reason, or code and message of S3's XML, or all that was said, cut."""
    inner = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    said = " ".join(str(getattr(error, "value", error)).split())  # Libcloud's own errors show their driver, too
    found = [re.search(f"<{tag}>(.*?)</{tag}>", said) for tag in ("Code", "Message")]
    return ": ".join(match[1] for match in found if match) or said[:200] or type(error).__name__
