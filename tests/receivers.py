"""Where alerts arrive: a real HTTP server and a real SMTP server on loopback, which keep what they get."""

import json
import socketserver
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hook(BaseHTTPRequestHandler):
    """Takes JSON, or refuses it for as long as the server's `status` says so."""

    def do_POST(self):
        """Keep what was sent, and say whether it was taken."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.taken.append(body)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing on the screen."""


class Mail(socketserver.StreamRequestHandler):
    """Speaks as much SMTP as it takes to deliver a message."""

    def handle(self):
        """Take messages until the client quits."""
        self.wfile.write(b"220 loopback\r\n")
        while line := self.rfile.readline():
            verb = line.split(b":")[0].strip().upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.taken.append(message_from_bytes(text, policy=policy.default))
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


class MailServer(socketserver.ThreadingTCPServer):
    """An SMTP server; a port that was used a moment ago is no matter."""

    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def receiver(server, handler):
    """Yield a server that keeps what it `taken`; its port is one that is free."""
    with server(("127.0.0.1", 0), handler) as running:
        running.taken, running.status = [], 200
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def hook():
    """Yield an HTTP server that takes JSON."""
    return receiver(ThreadingHTTPServer, Hook)


def mail():
    """Yield an SMTP server."""
    return receiver(MailServer, Mail)


def port_of(server):
    """Return the port that a server listens on."""
    return server.server_address[1]
