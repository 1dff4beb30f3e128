"""
Static files of a release, brought into the bucket that a CDN takes them from.

What is new there, or another by its content, is sent. Nothing is taken away: pages of earlier releases, in browsers and
after a rollback, ask for the files that they were made with. What takes another one's place under the same name goes
last, so that a push that fails has changed nothing for those who visit the release that is live.

Whoever calls this has those files sent that may be read here: kraftwerk calls it as nginx's user, who serves them.
"""

import concurrent.futures
import contextlib
import contextvars
import hashlib
import json
import mimetypes
import os
import platform
import re
import tempfile

__virtualname__ = "kw_cdn"
HASHED = re.compile(r"\.(?=[0-9]*[a-f])[0-9a-f]{12}(\.[^./]+)$")  # as salt/project/files/nginx.jinja knows them
MANIFEST = "staticfiles.json"  # Django's own, for the application
RULES = ".kraftwerk"  # an object that says by which rules the others were sent
FOREVER = "public, max-age=31536000, immutable"
AT_ONCE = 8
CHUNK = 2**20
# What Python before 3.13 doesn't know, or has under an older name.
TYPES = {
    ".avif": "image/avif",
    ".eot": "application/vnd.ms-fontobject",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_cdn: instances run on Linux nodes only"
    return __virtualname__


def push(folders, store, cache_control):
    """
    Bring files into a bucket; returns ``files`` (how many there are), ``sent``, ``size`` (bytes that were sent), and
    ``changed``: names of those that took another one's place, without those that have a name by their content beside.

    folders
        The folders of a release, by their URLs: ``{"/static/": "/web/mysite/releases/3/staticfiles"}``.
    store
        The bucket, as ``kw_store`` takes it.
    cache_control
        The header ``Cache-Control`` of files whose names stay when their content changes.

    Raises ``RuntimeError`` when the bucket can't be reached, or refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_cdn.push '{"/static/": "/web/mysite/current/staticfiles"}' '{"url": "s3://bucket"}' no-cache
    """
    files = found(folders)
    present = {}
    for url in folders:
        present.update(__salt__["kw_store.sums"](store, url.lstrip("/")))
    note = min(folders).lstrip("/") + RULES
    rules = json.dumps({"cache_control": cache_control, "options": store["url"].partition("?")[2]})
    names = chosen(files, present if _hold(store, note, rules, present) else dict.fromkeys(present, (-1, "")))
    before = [name for name in names if name in present]
    size = 0
    for group in ([name for name in names if name not in present], before):
        size += sum(_sent(store, {name: files[name] for name in group}, cache_control))
    if names:
        _write(store, note, rules)
    twins = {HASHED.sub(r"\1", name) for name in files if HASHED.search(name)}
    changed = [name for name in before if name not in twins and _differs(files[name], present[name])]
    return {"files": len(files), "sent": len(names), "size": size, "changed": changed}


def found(folders):
    """
    The files of folders, as ``{name in the bucket: path}``, without those that can't be read, and Django's manifest.

    folders
        As in ``push``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_cdn.found '{"/static/": "/web/mysite/current/staticfiles"}'
    """
    files = {}
    for url, top in folders.items():
        for folder, _, names in os.walk(top):
            for path in (os.path.join(folder, name) for name in names if name != MANIFEST):
                if os.path.isfile(path) and os.access(path, os.R_OK):
                    files[url.lstrip("/") + os.path.relpath(path, top)] = path
    return files


def chosen(files, present):
    """
    The names of those files that aren't there with the same content: new ones first, then those that replace another.

    Content is the same by size and MD5. Where a store lists no MD5, it is by size and a name that follows the content.

    files
        As ``found`` returns them.
    present
        What is there, as ``kw_store.sums`` returns it.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_cdn.chosen '{"static/site.css": "/tmp/site.css"}' '{}'
    """

    def is_same(name):
        return not _differs(files[name], present[name]) and bool(present[name][1] or HASHED.search(name))

    return sorted(
        (name for name in files if name not in present or not is_same(name)), key=lambda name: (name in present, name)
    )


def headers(name, cache_control):
    """
    What a file is served as, and for how long it may be kept: ``[type, {"Cache-Control": …}]``.

    name
        Its name.
    cache_control
        As in ``push``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_cdn.headers static/site.55e7cbb9ba48.css no-cache
    """
    ending = os.path.splitext(name)[1].lower()
    kind = TYPES.get(ending) or mimetypes.MimeTypes(()).types_map[True].get(ending, "application/octet-stream")
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return [f"{kind}{charset}", {"Cache-Control": FOREVER if HASHED.search(name) else cache_control}]


def _differs(path, listed):
    """Whether a file is another than the one that lies in the bucket, as far as that tells."""
    size, md5 = listed
    return os.path.getsize(path) != size or (bool(md5) and _md5(path) != md5)


def _md5(path):
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _hold(store, note, rules, present):
    """Whether what is there was sent by the same rules."""
    size, md5 = present.get(note, (0, ""))
    if size and not md5:
        return __salt__["kw_store.read"](store, note) == rules.encode()
    return md5 == hashlib.md5(rules.encode(), usedforsecurity=False).hexdigest()


def _write(store, note, rules):
    with tempfile.NamedTemporaryFile("w", prefix="kraftwerk-") as file:
        file.write(rules)
        file.flush()
        __salt__["kw_store.send"](store, note, file.name, "application/json", {"Cache-Control": "no-store"})


def _sent(store, files, cache_control):
    """Send files, several at once; yields the size of each. The first that fails ends it for those that wait."""

    def send(name):
        __salt__["kw_store.send"](store, name, files[name], *headers(name, cache_control))
        return os.path.getsize(files[name])

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, contextlib.ExitStack() as stack:
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        # Salt has its functions in variables of a context, and each thread begins with an empty one.
        waiting = [pool.submit(contextvars.copy_context().run, send, name) for name in files]
        for count, done in enumerate(concurrent.futures.as_completed(waiting), 1):
            yield done.result()
            __salt__["kw_call.progress"](f"{count} of {len(files)} files")
