"""
A clock server on asyncio streams; on uvloop, if C{uvloop} is the argument.
"""

import asyncio
import sys
import time


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Send one client the time until it disconnects.
    """
    try:
        while True:
            writer.write(time.strftime("%H:%M:%S\n").encode())
            await writer.drain()
            await asyncio.sleep(1)
    except ConnectionError:
        writer.close()


async def main() -> None:
    """
    Serve on a free port, and print it.
    """
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if sys.argv[1:] == ["uvloop"]:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
