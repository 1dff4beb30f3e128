"""A visitor's connection to a site, as small as HTTP/1.1 can be: what is sent may take its time."""

import asyncio


class Broken(Exception):
    """The connection ended where an answer should have been."""


class Line:
    """A connection that is opened when it is needed, and kept for as long as both sides want."""

    def __init__(self, address, host):
        self.address, self.host = address, host
        self.reader = self.writer = None

    async def ask(self, method, path, body=b"", seconds=0):
        """Ask once, sending the body within so many seconds; return the status and what was answered."""
        if self.writer and self.reader.at_eof():
            self.close()  # one that the server has ended since: clients look for that
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection(self.address, 80)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode())
        await self._send(body, seconds)
        try:
            return await self._answer()
        except asyncio.IncompleteReadError as error:
            raise Broken(f"closed after {len(error.partial)} bytes") from error

    async def _send(self, body, seconds):
        size = max(1, len(body) // 20) if seconds else len(body) or 1
        for start in range(0, len(body), size):
            self.writer.write(body[start : start + size])
            await self.writer.drain()
            await asyncio.sleep(seconds / 20)

    async def _answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        if fields.get("transfer-encoding") == "chunked":
            body = b"".join([piece async for piece in self._chunks()])
        elif "content-length" in fields:
            body = await self.reader.readexactly(int(fields["content-length"]))
        else:
            body = await self.reader.read()
            self.close()
        if fields.get("connection") == "close":
            self.close()
        return int(head[0].split()[1]), body

    async def _chunks(self):
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readuntil(b"\r\n")

    def close(self):
        """Hang up."""
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None
