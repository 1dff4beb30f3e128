"""A mirror of Pythons on this computer, of one that a node has: the list that uv asks for, and the archive."""

import hashlib
import json
import platform
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

# As archives of uv's have it: all below python/. Debian's links that lead elsewhere are followed.
PACK = """\
cd "$(mktemp -d)"; mkdir -p python/bin python/lib
cp /usr/bin/python3.11 python/bin
cp --recursive --dereference /usr/lib/python3.11 python/lib 2>/dev/null || true
tar --create --gzip python; rm -r "$PWD"
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files."""

    def log_message(self, *arguments):
        """Say nothing on the screen."""


@contextmanager
def mirror(folder, connection, address):
    """Yield the URL of a list of Pythons with one in it: the 3.11 of a node."""
    packed = connection.script(PACK).stdout
    (folder / "python.tar.gz").write_bytes(packed)
    server = ThreadingHTTPServer((address, 0), partial(Quiet, directory=folder))
    url = f"http://{address}:{server.server_address[1]}"
    machine = platform.machine()
    entry = {
        **{"name": "cpython", "arch": {"family": machine, "variant": None}, "os": "linux", "libc": "gnu"},
        **{"major": 3, "minor": 11, "patch": 2, "prerelease": "", "variant": None, "build": None},
        **{"url": f"{url}/python.tar.gz", "sha256": hashlib.sha256(packed).hexdigest()},
    }
    (folder / "list.json").write_text(json.dumps({f"cpython-3.11.2-linux-{machine}-gnu": entry}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{url}/list.json"
    server.shutdown()
    server.server_close()
