"""An ASGI application without a framework: a page, an answer that comes piece by piece, an echo by websocket."""

import asyncio

VERSION = "one"
STATE = {"word": "not started"}


async def app(scope, receive, send):
    """Answer whatever comes."""
    await {"lifespan": lifespan, "http": page, "websocket": echo}[scope["type"]](scope, receive, send)


async def lifespan(scope, receive, send):
    """Start and stop."""
    while (await receive())["type"] == "lifespan.startup":
        STATE["word"] = "started"
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def page(scope, receive, send):
    """Say what is live, or count slowly."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] != "/slow":
        text = f"{VERSION} {STATE['word']} {scope['scheme']}"
        return await send({"type": "http.response.body", "body": text.encode()})
    for number in range(3):
        await send({"type": "http.response.body", "body": str(number).encode(), "more_body": True})
        await asyncio.sleep(0.3)
    await send({"type": "http.response.body", "body": b"end"})


async def echo(scope, receive, send):
    """Say what is live, then all that is said."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": VERSION})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"echo {message['text']}"})
