"""A site that says which release answers: by its code, and by a file beside it that each request reads anew."""

import asyncio
import hashlib
import time
from pathlib import Path

VERSION = "none"
BESIDE = Path(__file__).with_name("version.txt")
PIECES, PAUSE = 8, 0.25  # how /drip comes: seconds from one piece to the next


def said(body):
    """Return the answer to what was sent."""
    return f"{VERSION} {BESIDE.read_text().strip()} {hashlib.sha256(body).hexdigest()}".encode()


def slowness(path):
    """Return the seconds that a path asks to wait: /slow/1.5."""
    return float(path.rpartition("/")[2]) if path.startswith("/slow/") else 0


def application(environ, start_response):
    """Answer by WSGI."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    time.sleep(slowness(environ["PATH_INFO"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return dripping(body) if environ["PATH_INFO"] == "/drip" else [said(body)]


def dripping(body):
    """Answer in pieces."""
    for _ in range(PIECES):
        yield b"."
        time.sleep(PAUSE)
    yield said(body)


async def app(scope, receive, send):
    """Answer by ASGI."""
    if scope["type"] == "http":
        await page(scope["path"], receive, send)
    elif scope["type"] == "websocket":
        await talk(receive, send)
    else:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


async def page(path, receive, send):
    """Answer a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await asyncio.sleep(slowness(path))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for _ in range(PIECES if path == "/drip" else 0):
        await send({"type": "http.response.body", "body": b".", "more_body": True})
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": said(body)})


async def talk(receive, send):
    """Say what is live, then all that is said."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": VERSION})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"echo {message['text']}"})
