"""
The streams over HTTP/2.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError

from tests.harness.streams.peer import STREAMS, Peer
from tests.harness.streams.serving import not_found


class Http2Peer(Peer):
    """
    One client of a stream over HTTP/2, which has one stream on its connection.
    """

    _id = 0

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        super().__init__(reader, writer)
        self._window = asyncio.Event()
        self._ended = asyncio.Event()
        self.connection = H2Connection(
            H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.connection.initiate_connection()

    async def request(self) -> None:
        """
        Read frames until a request has come.
        """
        await self.flush()
        while not self._id:
            await self.receive()

    async def receive(self) -> None:
        """
        Read frames, and answer them.
        """
        data = await self.reader.read(65536)
        if not data:
            raise ConnectionResetError
        for event in self.connection.receive_data(data):
            if isinstance(event, RequestReceived):
                assert event.stream_id and event.headers
                self._id = event.stream_id
                self.headers = {str(name): str(value) for name, value in event.headers}
                self.method = self.headers[":method"]
                self.begin(self.headers[":path"])
            elif isinstance(event, WindowUpdated):
                self._window.set()
            elif isinstance(event, StreamReset):
                raise ConnectionResetError
        await self.flush()

    async def receive_all(self) -> None:
        """
        Read frames until the client disconnects.
        """
        with suppress(OSError):
            while True:
                await self.receive()
        self._ended.set()

    async def flush(self) -> None:
        """
        Send the frames that are due.
        """
        await self.raw(self.connection.data_to_send())

    async def head(
        self,
        kind: str = "text/event-stream",
        status: str = "200 OK",
        length: int | None = None,
        **headers: str,
    ) -> None:
        """
        Send the head of a response.
        """
        more = [(name.lower().replace("_", "-"), headers[name]) for name in headers]
        first = [(":status", status[:3]), ("content-type", kind)]
        self.connection.send_headers(self._id, [*first, *more])
        await self.flush()

    async def send(self, data: str | bytes) -> None:
        """
        Send a part of the body, as the client's window allows.
        """
        data = data.encode() if isinstance(data, str) else data
        while data:
            self._window.clear()
            window = self.connection.local_flow_control_window(self._id)
            size = min(window, self.connection.max_outbound_frame_size, len(data))
            if not size:
                await self._window.wait()
                continue
            self.connection.send_data(self._id, data[:size])
            data = data[size:]
            await self.flush()

    async def end(self) -> None:
        """
        End the stream.
        """
        self.connection.end_stream(self._id)
        await self.flush()

    async def forever(self) -> None:
        """
        Say nothing more, until the client disconnects.
        """
        await self._ended.wait()

    async def ping(self) -> None:
        """
        Send a ping.
        """
        self.connection.ping(b"12345678")
        await self.flush()

    async def fail(self, code: ErrorCodes) -> None:
        """
        Reset the stream.
        """
        self.connection.reset_stream(self._id, code)
        await self.flush()

    async def go_away(self, code: ErrorCodes) -> None:
        """
        End the connection.
        """
        self.connection.close_connection(code)
        await self.flush()


async def serve_http2(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """
    Serve the path that a client asks for, and close the connection. A client that
    speaks HTTP/1 gets what servers send to it: their settings, and an error.
    """
    peer = Http2Peer(reader, writer)
    receiving: asyncio.Task[None] | None = None
    with suppress(OSError, ProtocolError):
        await peer.request()
        receiving = asyncio.create_task(peer.receive_all())
        await STREAMS.get(peer.path, not_found)(peer)
    with suppress(OSError):
        await peer.flush()
        writer.close()
        await writer.wait_closed()
    if receiving:
        receiving.cancel()
