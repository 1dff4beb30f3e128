"""An S3 server over HTTP for the tests: moto's, in a process of its own, behind a layer that breaks what it is told to.

Faults count down: `server.faults(error=2)` spoils the next two uploads and nothing after.
"""

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[1]
PAGE = 5  # objects in a page of a listing
KEY, SECRET, BUCKET = "AKIAEXAMPLE", "s3cr3t/of+the/store", "points"
NO_FAULTS = {
    "error": 0,  # uploads that are answered with 500
    "unread": 0,  # downloads that are answered with 503
    "cut": 0,  # uploads whose connection breaks in the middle
    "corrupt": 0,  # uploads of which another byte is kept than was sent, with a checksum that looks right
    "late": 0,  # uploads that are answered only after `seconds`
    "seconds": 0,
    "room": None,  # bytes that uploads may have from now on; then 507
    "skew": False,  # the clock of whoever asks is wrong
    "hold": "",  # requests that match this pattern, such as `PUT .*json$`, wait until it is another
}
ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>{}</Message></Error>'


@dataclass
class ObjectServer:
    """A server that runs.

    Attributes:
        address: http://HOST:PORT.
    """

    address: str

    @property
    def url(self):
        """Return the store's address."""
        return f"s3://{BUCKET}/backups?endpoint={self.address}"

    @property
    def store(self):
        """Return the store as modules take it."""
        return {"url": self.url, "access_key": KEY, "secret_key": SECRET}

    def faults(self, **faults):
        """Spoil what comes next, and return what was asked so far, as `PUT /points/…`."""
        self._ask("/_faults", {**NO_FAULTS, **faults})
        return self.requests()

    def requests(self):
        """Return what was asked so far."""
        return json.loads(self._ask("/_requests", {}))

    def held(self):
        """Tell whether a request waits."""
        return json.loads(self._ask("/_held", {}))

    def reset(self):
        """Forget all objects and faults."""
        self.faults()
        self._ask("/_reset", {})

    def objects(self):
        """Return the names of all objects, with their sizes."""
        return json.loads(self._ask("/_objects", {}))

    def _ask(self, path, value):
        request = urllib.request.Request(f"{self.address}{path}", json.dumps(value).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return answer.read().decode()


@contextmanager
def running(host="127.0.0.1"):
    """Run a server with an empty bucket until the block ends."""
    command, pipe = [sys.executable, "-m", "tests.object_server", host], subprocess.PIPE
    with subprocess.Popen(command, cwd=TOP, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        try:
            server = ObjectServer(f"http://{host}:{int(process.stdout.readline())}")
            server.reset()
            yield server
        finally:
            process.kill()


class Layer:
    """The WSGI layer round moto's application."""

    def __init__(self, application):
        self.application, self.lock = application, threading.Condition()
        self.known, self.requests, self.waiting = dict(NO_FAULTS), [], 0

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path.startswith("/_"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            return _answer(start_response, "200 OK", json.dumps(self._own(path, json.loads(body))))
        self.requests.append(f"{method} {path}")
        if method == "GET" and path.count("/") > 1 and "HTTP_AUTHORIZATION" not in environ:
            return self.application(environ, start_response)  # which knows what everybody may read
        if f"Credential={KEY}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            why = ERROR.format("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist.")
            return _answer(start_response, "403 Forbidden", why)
        if not _is_signed(environ):
            why = ERROR.format("SignatureDoesNotMatch", "The request signature does not match the one we calculated.")
            return _answer(start_response, "403 Forbidden", why)
        if self.known["skew"]:
            why = "The difference between the request time and the current time is too large."
            return _answer(start_response, "403 Forbidden", ERROR.format("RequestTimeTooSkewed", why))
        self._wait(f"{method} {path}")
        if method == "GET" and self._takes("unread"):
            return _answer(start_response, "503 Service Unavailable", ERROR.format("SlowDown", "Reduce your rate."))
        if method == "PUT":
            return self._upload(environ, start_response)
        return self.application(environ, start_response)

    def _upload(self, environ, start_response):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if self._takes("cut"):
            environ["wsgi.input"].read(size // 2)
            environ["werkzeug.socket"].close()
            raise ConnectionAbortedError
        body = environ["wsgi.input"].read(size)
        if self._takes("late"):
            time.sleep(self.known["seconds"])
        if self._takes("error"):
            return _answer(start_response, "500 Internal Server Error", ERROR.format("InternalError", "Try again."))
        if not self._has_room(len(body)):
            return _answer(start_response, "507 Insufficient Storage", ERROR.format("StorageFull", "No room left."))
        environ["wsgi.input"] = io.BytesIO(body)
        if self._takes("corrupt"):
            return self._corrupted(environ, start_response, body)
        return self.application(environ, start_response)

    def _corrupted(self, environ, start_response, body):
        """Keep another byte, and answer as if all were well."""
        honest = []
        list(self.application(dict(environ), lambda status, headers, *_: honest.append((status, headers))))
        environ["wsgi.input"] = io.BytesIO(bytes([body[0] ^ 1]) + body[1:])
        for header in ("HTTP_CONTENT_MD5", "HTTP_X_AMZ_CONTENT_SHA256"):
            environ.pop(header, None)
        list(self.application(environ, lambda *_: None))
        start_response(*honest[0])
        return [b""]

    def _wait(self, request):
        with self.lock:
            self.waiting += 1
            self.lock.wait_for(lambda: not self.known["hold"] or not re.match(self.known["hold"], request))
            self.waiting -= 1

    def _takes(self, fault):
        with self.lock:
            wanted = self.known[fault] > 0
            self.known[fault] -= wanted
            return wanted

    def _has_room(self, size):
        with self.lock:
            if self.known["room"] is None:
                return True
            self.known["room"] -= size
            return self.known["room"] >= 0

    def _own(self, path, value):
        if path in ("/_requests", "/_held"):
            return self.requests if path == "/_requests" else self.waiting > 0
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        if path == "/_objects":
            return {name: key.size for name, key in sorted(backend.buckets[BUCKET].keys.items())}
        if path == "/_reset":
            backend.reset()
            backend.create_bucket(BUCKET, "us-east-1")
            self.requests = []
            return {}
        with self.lock:
            self.known = value
            self.lock.notify_all()
        return {}


def _is_signed(environ):
    """Tell whether a request bears the signature, of version 4, that belongs to our secret key."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    fields = dict(re.findall(r"(\w+)=([^,\s]+)", environ["HTTP_AUTHORIZATION"]))
    names = fields["SignedHeaders"].split(";")
    known = {"content-type": environ.get("CONTENT_TYPE"), "content-length": environ.get("CONTENT_LENGTH")}
    headers = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}", known.get(name)) for name in names}
    url = f"http://{environ['HTTP_HOST']}{environ['REQUEST_URI']}"
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers)
    request.context["timestamp"] = headers["x-amz-date"]
    request.context["payload_signing_enabled"] = False
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", fields["Credential"].split("/")[2])
    auth.headers_to_sign = lambda request: request.headers
    auth.payload = lambda request: headers["x-amz-content-sha256"]
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return wanted == fields["Signature"]


def _answer(start_response, status, text):
    content = text.encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
    return [content]


def main(host):
    """Serve until stdin ends; the port is the first line that is printed."""
    os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = str(PAGE)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    layer = Layer(DomainDispatcherApplication(create_backend_app))
    server = make_server(host, 0, layer, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
