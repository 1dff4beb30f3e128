"""Runs on a node, as an argument of python3, as the user of a site: makes its services' servers reachable by sockets.

doors.py FOLDER [SERVER…]

A server is the path of a socket, or HOST:PORT. The first one is reached by FOLDER/0.sock, the next one by 1.sock …
The servers know a site by its user, whom we are; the sockets are in a folder that nobody else enters but root, whose
ssh leads here. Prints `open`, and ends when stdin does.
"""

import asyncio
import os
import sys


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until there are no more, or nobody takes them."""
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def door(path: str, server: str) -> None:
    """Listen on a socket, and lead whoever comes to the server."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if server.startswith("/"):
                inside = await asyncio.open_unix_connection(server)
            else:
                host, _, port = server.rpartition(":")
                inside = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, inside[1]), pump(inside[0], writer))

    await asyncio.start_unix_server(lead, path)


async def main(folder: str, *servers: str) -> None:
    """Open all doors, and keep them open until our caller is gone."""
    for number, server in enumerate(servers):
        await door(os.path.join(folder, f"{number}.sock"), server)
    print("open", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    os._exit(0)
