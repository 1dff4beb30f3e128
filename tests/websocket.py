"""A visitor with a websocket, as small as it can be: text both ways, and how the other side ended it."""

import base64
import os
import socket
import struct


class Websocket:
    """An open websocket of a site on a node."""

    def __init__(self, address, host, path="/"):
        self.socket = socket.create_connection((address, 80), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.stream = self.socket.makefile("rb")
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline().strip():
            pass

    def say(self, text):
        """Send a text, masked as clients must."""
        mask, body = os.urandom(4), text.encode()
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
        self.socket.sendall(bytes([0x81, 0x80 | len(body)]) + mask + masked)

    def hear(self):
        """Return the next text; or the code that the other side closes with, 1006 where it says none."""
        while head := self.stream.read(2):
            size = head[1] & 0x7F
            body = self.stream.read(struct.unpack(">H", self.stream.read(2))[0] if size == 126 else size)
            if head[0] == 0x81:
                return body.decode()
            if head[0] == 0x88:
                return struct.unpack(">H", body[:2])[0]
        return 1006

    def close(self):
        """Hang up."""
        self.stream.close()
        self.socket.close()
