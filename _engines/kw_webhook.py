"""
The webhook: pushes arrive over HTTP, and become events ``kraftwerk/push/<project>``
====================================================================================

``POST /push/<project>`` takes what GitHub, Gitea, Forgejo and GitLab send, and a plain form for scripts; who signs
how, and what is answered, is in ``kraftwerk.webhook`` and ``kraftwerk.reception``. It listens on loopback: a web server
or a tunnel in front of it brings requests from outside, with https.

:depends: kraftwerk, installed beside Salt on the admin

.. code-block:: yaml

    engines:
      - kw_webhook: {}        # where it listens, and for which projects, is read from config.yaml
"""

import asyncio
import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import tornado.httpserver
import tornado.web

from kraftwerk import admin, events, push, pushdeploy, reception, saltmaster
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import reactor_home

LIMIT = 8 * 1024 * 1024  # bytes of a body; a push of a thousand commits has one or two millions
PATIENCE = 10  # seconds that a client may take for its headers, and again for its body
DEAF = 10  # looks in a row at an event bus that is gone, until the reactor ends itself
AGAIN = 3  # seconds between two looks for pushes that nobody works on

log = logging.getLogger("kraftwerk.webhook")


def start():
    """Serve for as long as the master runs; what goes wrong is logged, and tried again."""
    while True:
        try:
            asyncio.run(_serve())
        except OSError as error:
            log.error("The webhook can't listen: %s", error)
        except Exception:
            log.exception("The webhook is started anew")
        time.sleep(5)


async def _serve():
    """Listen, and look after pushes that were accepted before and not deployed."""
    host, port = admin.load().reactor.address
    # One thread, beside the loop: what is received at the same time is looked at one by one, and blocks no connection.
    with ThreadPoolExecutor(max_workers=1) as desk:
        server = application(desk)
        server.listen(port, host)
        log.info("The webhook listens on %s:%s", host, port)
        deaf = 0
        while True:
            await asyncio.get_running_loop().run_in_executor(desk, _remind)
            deaf = 0 if saltmaster.hears(reactor_home()) else deaf + 1
            if deaf >= DEAF:
                log.error("The event bus is gone: the reactor ends, so that whoever keeps it starts it anew")
                os.killpg(os.getpgrp(), signal.SIGTERM)
            await asyncio.sleep(AGAIN)


def application(desk):
    """
    Return the HTTP server, not listening yet.

    desk
        The executor that requests are worked on by.
    """
    routes = [(r"/push/([a-z0-9-]{1,63})", Push, {"desk": desk})]
    served = tornado.web.Application(routes, log_function=_log, default_handler_class=Nothing)
    return tornado.httpserver.HTTPServer(
        served,
        max_body_size=sys.maxsize,  # handlers stop at LIMIT by themselves, with an answer that says so
        max_header_size=32 * 1024,
        body_timeout=PATIENCE,
        idle_connection_timeout=PATIENCE,
        xheaders=True,  # for the log: who asked, where a web server stands in front
    )


@tornado.web.stream_request_body
class Nothing(tornado.web.RequestHandler):
    """What answers anything but a push, without reading more than the headers."""

    told = ""

    def set_default_headers(self):
        """Name no software."""
        self.clear_header("Server")

    def prepare(self):
        """Answer 404."""
        self.send_error(404)

    def data_received(self, chunk):
        """Read no body."""

    def write_error(self, status_code, **kwargs):
        """Say it in JSON, as all else."""
        self.told = self._reason
        self.finish({"error": self._reason.lower()})


class Push(Nothing):
    """``/push/<project>``."""

    def initialize(self, desk):
        """Keep the executor."""
        self.desk = desk

    def prepare(self):
        """Refuse what says that it is too much; what is finished before its body was read ends the connection."""
        self.body = bytearray()
        length = self.request.headers.get("Content-Length", "0").partition(",")[0]
        if length.isdecimal() and (len(length) > 15 or int(length) > LIMIT):
            self.send_error(413)

    def data_received(self, chunk):
        """Take a part of the body; one in chunks doesn't say before how long it is."""
        self.body += chunk
        if len(self.body) > LIMIT:
            self.body.clear()
            self.send_error(413)

    async def post(self, project):
        """Receive a push."""
        work = (reception.receive, project, dict(self.request.headers), bytes(self.body), time.time())
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self.desk, *work)
            self.told = " ".join(str(word) for word in answer.body.values())
        except KraftwerkError as error:  # config.yaml has a mistake: the sender may try again, and isn't told what
            answer = reception.Answer(503, {"error": "not ready"})
            self.told = str(error)
        self.set_status(answer.status)
        self.write(dict(answer.body))
        self.finish("\n")


def _remind():
    """Fire again the events of pushes that nobody works on; a failure is not the webhook's end."""
    try:
        for project in pushdeploy.stranded():
            for each in push.pending(project):
                events.fire(f"kraftwerk/push/{project}", each.as_dict())
    except KraftwerkError as error:
        log.error("Pushes that wait could not be looked after: %s", error)
    except Exception:
        log.exception("Pushes that wait could not be looked after")


def _log(handler):
    """Log one line for a request: who, what, the answer, the time; no header, no body."""
    request = handler.request
    seconds = request.request_time()
    path = request.path[:80]
    log.info(
        "%s %s %r %s %s %.3fs", request.remote_ip, request.method, path, handler.get_status(), handler.told, seconds
    )
