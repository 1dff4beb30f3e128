"""An EC2 that answers over HTTP on loopback: moto's server in a process of its own, behind a small WSGI layer.

The layer adds what moto lacks: answers in the XML namespace that EC2 itself uses, and on demand a quota, an address
that comes late, addresses of this machine, and an answer to RunInstances that is held back until somebody was killed.
`with running() as moto: moto.settings(...)`.
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
from xml.etree import ElementTree

TOP = Path(__file__).parents[1]
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
DEBIAN = "136693071363"
ERROR = "<Response><Errors><Error>{}{}</Error></Errors><RequestID>0-0</RequestID></Response>"
QUOTA = (
    "<Code>VcpuLimitExceeded</Code>",
    "<Message>You have requested more vCPU capacity than your current vCPU limit of {} allows for the instance bucket "
    "that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request "
    "an adjustment to this limit.</Message>",
)


def image(name, created, owner=DEBIAN, number=0):
    """Return an image as moto loads it."""
    return {
        "ami_id": f"ami-{number or abs(hash((name, created))) % 16**8:08x}",
        "name": name,
        "owner_id": owner,
        "creation_date": created,
        "state": "available",
        "public": True,
        "architecture": "x86_64",
        "image_location": f"{owner}/{name}",
        "image_type": "machine",
        "root_device_type": "ebs",
        "root_device_name": "/dev/xvda",
        "description": name,
        "platform": None,
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "sriov": "simple",
    }


IMAGES = [
    image("debian-12-amd64-20240211-1654", "2024-02-11T16:54:00.000Z", number=0x1001),
    image("debian-12-amd64-20251112-2294", "2025-11-12T10:00:00.000Z", number=0x1002),
    image("debian-12-amd64-20250316-2053", "2025-03-16T10:00:00.000Z", number=0x1003),
    image("debian-13-amd64-20251117-2299", "2025-11-17T10:00:00.000Z", number=0x1004),
    image("debian-12-amd64-20991231-evil", "2026-01-01T00:00:00.000Z", owner="666666666666", number=0x1005),
]


@dataclass
class Moto:
    """A server that runs.

    Attributes:
        port: where it listens on 127.0.0.1.
    """

    port: int

    @property
    def arguments(self):
        """Return the arguments of libcloud's EC2 driver for it."""
        return {
            "key": "AKIAEXAMPLE",
            "secret": "s3cr3t-of-moto",
            "region": "eu-central-1",
            "host": "127.0.0.1",
            "port": self.port,
            "secure": False,
            "signature_version": "4",
        }

    def settings(self, **values):
        """Change how it behaves, and return everything of it.

        Args:
            quota: how many machines may run; None for any number.
            late: how often a machine is described without its address; 1 counts from the next machine on.
            hold: seconds that the answer to RunInstances is held back, the machine being made.
            lost: whether the answer to RunInstances gets lost on the way, the machine being made.
            addresses: the public addresses of machines by name, or `loopback` for one of 127.9.0.0/16 each.
        """
        return json.loads(self._ask("/_settings", json.dumps(values).encode()))

    def reset(self):
        """Forget all machines, keys and groups, and every setting."""
        self._ask("/moto-api/reset", b"")
        self._ask("/moto-api/reset-auth", b"inf")
        self.settings(**DEFAULTS)

    def require_credentials(self):
        """Refuse everybody whose key moto's IAM doesn't know, from now on until `reset`."""
        self._ask("/moto-api/reset-auth", b"0")

    def user_data(self, machine_id):
        """Return what a machine was told at its first boot, as it will read it."""
        return json.loads(self._ask("/_user_data", machine_id.encode()))

    def _ask(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()


@contextmanager
def running():
    """Run a server until the block ends."""
    command = [sys.executable, "-m", "tests.moto_server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TOP, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        try:
            yield Moto(int(process.stdout.readline()))
        finally:
            process.kill()


DEFAULTS = {"quota": None, "late": 0, "hold": 0, "lost": False, "addresses": "loopback"}


class Layer:
    """The WSGI layer round moto's application."""

    def __init__(self, application):
        self.application = application
        self.lock, self.one_by_one = threading.Lock(), threading.Lock()
        self.known = dict(DEFAULTS)
        self.described, self.given = {}, {}
        self.requests = []

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"].startswith("/_"):
            own = self._settings if environ["PATH_INFO"] == "/_settings" else self._user_data
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(own(body.decode())).encode()]
        action = re.search(r"Action=(\w+)", environ.get("QUERY_STRING", "") + body.decode(errors="replace"))
        action = action[1] if action else ""
        self.requests.append(action)
        if action == "RunInstances":
            with self.one_by_one:
                answer = self._full() or self._ask(environ)
            time.sleep(self.known["hold"])
        else:
            answer = self._ask(environ)
        status, headers, text = answer
        text = re.sub(r'xmlns="http://ec2.amazonaws.com/doc/[\d-]+/?"', f'xmlns="{NAMESPACE}"', text)
        if not status.startswith("200"):  # EC2 wraps what went wrong otherwise than moto does
            text = ERROR.format(*re.findall(r"<Code>.*?</Code>|<Message>.*?</Message>", text, flags=re.DOTALL)[:2])
        elif action in ("RunInstances", "DescribeInstances"):
            text = self._addressed(action, text)
        if action == "RunInstances" and self.known["lost"]:
            status, text = "502 Bad Gateway", "<html>"
        start_response(status, [pair for pair in headers if pair[0].lower() != "content-length"])
        return [text.encode()]

    def _settings(self, text):
        values = json.loads(text)
        with self.lock:
            self.known |= values
            if values == DEFAULTS:
                self.described, self.given, self.requests = {}, {}, []
        return self.known | {"requests": self.requests}

    def _user_data(self, machine_id):
        return self._backend().get_instance(machine_id).user_data.decode()

    def _backend(self):
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.ec2.models import ec2_backends

        return ec2_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"]

    def _ask(self, environ):
        caught = []
        parts = self.application(environ, lambda status, headers, *_: caught.append((status, headers)))
        return *caught[0], b"".join(parts).decode()

    def _full(self):
        """Return EC2's answer where the quota is used up."""
        quota = self.known["quota"]
        running = [each for one in self._backend().all_reservations() for each in one.instances if each.state_code < 32]
        if quota is None or len(running) < quota:
            return None
        return "400 Bad Request", [("Content-Type", "text/xml")], "".join(QUOTA).format(quota)

    def _addressed(self, action, text):
        root = ElementTree.fromstring(text)
        for each in root.iter(f"{{{NAMESPACE}}}instancesSet"):
            for instance in each:
                self._place(action, instance)
        return ElementTree.tostring(root, encoding="unicode")

    def _place(self, action, instance):
        """Give an instance the address that it is to have just now."""
        tags = {one.findtext(f"{{{NAMESPACE}}}key"): one[1].text for one in instance.iter(f"{{{NAMESPACE}}}item")}
        address = self._address(action, instance.findtext(f"{{{NAMESPACE}}}instanceId"), tags.get("Name"))
        for field in instance.findall(f"{{{NAMESPACE}}}ipAddress"):
            field.text = address

    def _address(self, action, identity, name):
        with self.lock:
            seen = self.described[identity] = self.described.get(identity, -1) + (action == "DescribeInstances")
            if action == "RunInstances" or seen < self.known["late"]:
                return ""  # EC2 never has it that early
            number = self.given.setdefault(identity, len(self.given) + 1)
            wanted = self.known["addresses"]
            return f"127.9.0.{number}" if wanted == "loopback" else wanted.get(name, "")


def main():
    """Serve until stdin ends; the port is the first line that is printed."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".json") as amis:
        json.dump(IMAGES, amis)
        amis.flush()
        os.environ["MOTO_AMIS_PATH"] = amis.name
        import moto.ec2.models  # noqa: F401 - reads the images now
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

    layer = Layer(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, layer, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()  # ends with who started it
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
