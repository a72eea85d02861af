"""
The program that serves the streams.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from importlib import import_module
from importlib.util import find_spec

from tests.harness.streams.serving import serve

#: The most connections that wait to be accepted: all streams begin at once.
BACKLOG = 200

for _module in (
    *("whole", "numbers", "bytes_only", "late", "shared", "ends", "frames", "finite"),
    "statuses",
):
    import_module(f"tests.harness.streams.{_module}")


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Say nothing, until the client disconnects.
    """
    await reader.read()
    writer.close()


async def main(certificate: str) -> None:
    """
    Serve until standard input ends.
    """
    http1 = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    http1.load_cert_chain(certificate)
    http1.set_alpn_protocols(["http/1.1"])
    servers = {
        "http": await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG),
        "tls": await asyncio.start_server(serve, "127.0.0.1", 0, ssl=http1),
        "hang": await asyncio.start_server(hang, "127.0.0.1", 0),
    }
    if find_spec("h2") is not None:
        from tests.harness.streams.http2 import serve_http2

        http2 = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        http2.load_cert_chain(certificate)
        http2.set_alpn_protocols(["h2"])
        servers["h2"] = await asyncio.start_server(
            serve_http2, "127.0.0.1", 0, ssl=http2
        )
    ports = {
        name: server.sockets[0].getsockname()[1] for name, server in servers.items()
    }
    print(json.dumps({"h2": 0, **ports}), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
