"""
Stores of backup points, by their address: a folder of this machine, or objects in a bucket through Apache Libcloud.

The same file works on nodes (Debian's ``python3-libcloud``, needed for buckets only) and on the admin's computer.
A store is a mapping: ``url``, and ``access_key`` and ``secret_key`` where it wants them. Addresses:

``local:/folder``
    a folder of this machine
``s3://bucket/folder?region=eu-central-1``, ``…?endpoint=https://host:port`` for other servers that speak S3
    ``encryption=AES256`` or ``aws:kms`` has the server encrypt, ``storage_class=standard_ia`` and the like choose one,
    ``acl=public-read`` lets everybody read
``gs://``, ``azure://``, ``b2://``, ``swift://``, ``libcloud:PROVIDER/bucket/folder``
    what else Libcloud has; other keys of the address go to its driver, such as ``ex_force_auth_url=…``

What is written is read back and compared before it counts (``readback=hash`` trusts the sum that the store returns).
Failures that may pass are tried again; every error is a ``RuntimeError`` in plain words, without any credentials.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
import threading
import time
from urllib.parse import parse_qsl, unquote, urlsplit

__virtualname__ = "kw_store"
PROVIDERS = {
    "s3": "s3",
    "gs": "google_storage",
    "azure": "azure_blobs",
    "b2": "backblaze_b2",
    "swift": "openstack_swift",
}
DELAYS = (0.5, 1, 2, 4, 8, 16)  # seconds between tries
TRIES = 3  # how often what comes back altered is written again
CHUNK = 2**20
SMALL = 64 * CHUNK  # bytes of an object that is held in memory
_drivers = {}


def __virtual__():
    """Load on Linux only, as all that uses it."""
    if platform.system() != "Linux":
        return False, "kw_store: backups are made on Linux only"
    return __virtualname__


def parse(url):
    """
    What an address of a store says: ``kind``, ``provider``, ``bucket``, ``prefix`` and ``options``.

    url
        The address. Raises ``ValueError`` for one that makes no sense, or that holds credentials.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.parse 's3://bucket/backups?region=eu-central-1'
    """
    kind, _, rest = url.partition(":")
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if kind == "local":
        folder = unquote(rest)
        if not folder.startswith("/") or ".." in folder.split("/") or folder.strip("/") == "":
            raise ValueError(f"{url}: local: is followed by a folder, such as local:/var/backups/kraftwerk")
        return {"kind": kind, "provider": "", "bucket": "/" + folder.strip("/"), "prefix": "", "options": {}}
    if kind == "libcloud":
        provider, _, path = unquote(parts.path).strip("/").partition("/")
        bucket, _, prefix = path.partition("/")
    else:
        provider, bucket, prefix = PROVIDERS.get(kind, ""), parts.netloc, unquote(parts.path)
    if not provider or not bucket:
        known = ", ".join(["local:/folder", *(f"{name}://bucket" for name in PROVIDERS), "libcloud:PROVIDER/bucket"])
        raise ValueError(f"{url} is no address of a store; there are {known}")
    if "@" in url or ":" in bucket or {"key", "secret", "access_key", "secret_key", "token"} & options.keys():
        raise ValueError(f"{kind}: an address holds no credentials: they are access_key and secret_key beside it")
    if options.get("readback", "whole") not in ("whole", "hash"):
        raise ValueError(f"{url}: readback is whole or hash")
    return {"kind": kind, "provider": provider, "bucket": bucket, "prefix": prefix.strip("/"), "options": options}


def put(store, name, path):
    """
    Write a file into a store and read it back; an object of the name is replaced.

    store
        The store, as above.
    name
        The object's name below the store's folder, such as ``mysite/blue/20261120T030000/00000``.
    path
        The file.

    Raises ``RuntimeError`` when it isn't there in full after all tries.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.put '{"url": "local:/var/backups/kraftwerk"}' name /tmp/file
    """
    there, wanted = _open(store), digest(path)
    for _ in range(TRIES):
        _patiently(there, lambda: there.put(name, path))
        if there.trusted or _patiently(there, lambda: _sum(there, name)) == wanted:
            return
    raise RuntimeError(f"{there.title}: {name} is not what was written; {TRIES} times")


def send(store, name, path, content_type, headers):
    """
    Write a file into a store for others to read. Unlike after ``put``, the sum that the store returns is trusted.

    store
        The store, as above.
    name
        The object's name below the store's folder.
    path
        The file.
    content_type
        What it is served as.
    headers
        Others that it is served with, such as ``Cache-Control``, by name.

    Raises ``RuntimeError`` when it isn't there after all tries.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.send '{"url": "s3://bucket"}' css/site.css /tmp/file text/css '{"Cache-Control": "no-cache"}'
    """
    there = _open(store)
    _patiently(there, lambda: there.put(name, path, content_type, headers))


def write(store, name, content):
    """
    Write a small object: text or bytes. Otherwise as ``put``.

    store
        The store, as above.
    name
        The object's name below the store's folder.
    content
        Text or bytes.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.write '{"url": "local:/var/backups/kraftwerk"}' name 'a few words'
    """
    with tempfile.NamedTemporaryFile(prefix="kraftwerk-") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        put(store, name, file.name)


def get(store, name, path, limit=None):
    """
    Fetch an object into a file (0600), replacing it. Raises ``RuntimeError`` where there is none, or it can't be had.

    store
        The store, as above.
    name
        The object's name below the store's folder.
    path
        The file.
    limit
        Bytes that it has at most: whoever writes into the store could fill the disk. Default: any number.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.get '{"url": "local:/var/backups/kraftwerk"}' name /tmp/file
    """
    there = _open(store)

    def attempt():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            there.get(name, file if limit is None else _Bounded(file, limit))

    _patiently(there, attempt)


def read(store, name):
    """
    The bytes of a small object. Otherwise as ``get``.

    store
        The store, as above.
    name
        The object's name below the store's folder.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.read '{"url": "local:/var/backups/kraftwerk"}' name
    """
    with tempfile.NamedTemporaryFile(prefix="kraftwerk-") as file:
        get(store, name, file.name, SMALL)
        return open(file.name, "rb").read()


def names(store, prefix=""):
    """
    The objects below a folder of a store, as ``{name: size in bytes}``, by their whole names.

    store
        The store, as above.
    prefix
        The folder, ending with a slash. Default: all.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.names '{"url": "local:/var/backups/kraftwerk"}' mysite/
    """
    return {name: size for name, (size, _) in sums(store, prefix).items()}


def sums(store, prefix=""):
    """
    The objects below a folder of a store, as ``{name: [size in bytes, MD5]}``; no MD5 where the store lists none.

    store
        The store, as above.
    prefix
        The folder, ending with a slash. Default: all.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.sums '{"url": "s3://bucket"}' static/
    """
    there = _open(store)
    return _patiently(there, lambda: {name: (size, md5) for name, size, md5 in sorted(there.objects(prefix))})


def delete(store, name):
    """
    Delete an object. One that isn't there is no matter.

    store
        The store, as above.
    name
        The object's name below the store's folder.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.delete '{"url": "local:/var/backups/kraftwerk"}' name
    """
    there = _open(store)
    _patiently(there, lambda: there.delete(name))


def digest(path):
    """
    The sha256 of a file, in hexadecimal; read in pieces, so that memory stays flat.

    path
        The file.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_store.digest /tmp/file
    """
    sink = _Sink()
    with open(path, "rb") as file:
        shutil.copyfileobj(file, sink, CHUNK)
    return sink.digest.hexdigest()


def _open(store):
    """The driver of a store; opened once, by each thread for itself."""
    key = (threading.get_ident(), store["url"], store.get("access_key"), store.get("secret_key"))
    if key not in _drivers:
        place = parse(store["url"])
        local = place["kind"] == "local"
        _drivers[key] = _Folder(place) if local else __salt__["kw_bucket.opened"](place, store)
    return _drivers[key]


def _patiently(there, attempt):
    """What an attempt returns; it is made again after failures that may pass."""
    for delay in (*DELAYS, None):
        try:
            return attempt()
        except Exception as error:  # Libcloud's drivers raise all kinds, of their own and of requests and ssl
            words, final = there.explain(error)
            if final or delay is None:
                raise RuntimeError(words) from None
        time.sleep(delay)


def _sum(there, name):
    """The sha256 of what a store gives back of an object."""
    sink = _Sink()
    there.get(name, sink)
    return sink.digest.hexdigest()


class _Bounded:
    """A file that takes so many bytes, and no more."""

    def __init__(self, file, limit):
        self.file, self.limit = file, limit

    def write(self, piece):
        if self.file.tell() + len(piece) > self.limit:
            raise RuntimeError(f"an object in the store is larger than {self.limit} bytes, which it should have")
        return self.file.write(piece)

    def tell(self):
        return self.file.tell()


class _Sink:
    """A file that keeps nothing but the sum of what is written."""

    def __init__(self):
        self.digest, self.size = hashlib.sha256(), 0

    def write(self, piece):
        self.digest.update(piece)
        self.size += len(piece)
        return len(piece)

    def tell(self):
        return self.size


class _Folder:
    """A folder of this machine."""

    trusted = False

    def __init__(self, place):
        self.root, self.title = place["bucket"], f"local:{place['bucket']}"

    def put(self, name, path, *_):
        target = self._path(name)
        mask = os.umask(0o077)  # for the folders above, too
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.umask(mask)
        temporary = f"{target}.part"
        try:
            with open(path, "rb") as source, open(temporary, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                shutil.copyfileobj(source, file, CHUNK)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
                os.rmdir(os.path.dirname(target))  # if that is all there was
            raise
        folder = os.open(os.path.dirname(target), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def get(self, name, file):
        with open(self._path(name), "rb") as source:
            shutil.copyfileobj(source, file, CHUNK)

    def objects(self, prefix):
        for folder, _, files in os.walk(self._path(prefix)):
            for each in files:
                path = os.path.join(folder, each)
                yield os.path.relpath(path, self.root), os.path.getsize(path), ""

    def delete(self, name):
        path = self._path(name)
        for there in (path, f"{path}.part"):  # and what a killed `put` of it left
            if os.path.exists(there):
                os.unlink(there)
        while (path := os.path.dirname(path)) != self.root and os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)

    def explain(self, error):
        if isinstance(error, FileNotFoundError):
            return f"{self.title}: {os.path.relpath(error.filename, self.root)} is not there", True
        if isinstance(error, OSError):
            return f"{error.filename or self.root}: {error.strerror or error}", True
        return str(error), not isinstance(error, RuntimeError)

    def _path(self, name):
        if ".." in name.split("/"):
            raise ValueError(f"{name!r} leads out of the store")
        return os.path.join(self.root, name)
