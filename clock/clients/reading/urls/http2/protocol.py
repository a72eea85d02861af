"""
A request over HTTP/2.

The package C{h2} knows the states of a connection. It gets one frame at a time here: an
error in a frame would drop the events of the frames before it, and a frame that is too
long would be stored to its end. What arrives is acknowledged at once, so that the
window for the server never closes. A reader that is too slow pauses the transport.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import (
    DenialOfServiceError,
    FrameTooLargeError,
    ProtocolError,
)
from h2.settings import SettingCodes, Settings
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.iweb import IResponse

from clock.clients.reading.ends import EndError, How
from clock.clients.reading.urls.head import MAX_HEADERS
from clock.clients.reading.urls.http2.messages import (
    HTTP2Response,
    closedError,
    requestHeaders,
    responseHeaders,
    serverError,
    violation,
)
from clock.console.text import oneLine

#: The length of a frame's header, and the longest payload that this client accepts, in
#: bytes.
FRAME_HEADER, MAX_FRAME = 9, 16_384

#: The window, in bytes: 2 MB/s need this much over a path of half a second.
WINDOW = 2**20


class HTTP2ClientProtocol(Protocol):
    """
    A connection for one request.
    """

    transport: Any
    _response: HTTP2Response | None = None
    _isDone = _isProduced = False
    _streamID = 1
    # How much may arrive before the response.
    _room = MAX_HEADERS

    def __init__(self, pinged: Callable[[], object] = lambda: None) -> None:
        """
        @param pinged: called when the server sends a ping.
        """
        self._pinged = pinged
        self._arrived = bytearray()
        self._responded: Deferred[IResponse] = Deferred(self._cancel)
        self._body = bytearray()
        self._producer: Any = None
        self._connection = H2Connection(H2Configuration(client_side=True))
        self._connection.decoder.max_header_list_size = MAX_HEADERS
        self._connection.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                # This limits the streams that the server begins.
                SettingCodes.MAX_CONCURRENT_STREAMS: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
            },
        )

    def connectionMade(self) -> None:
        """
        Send the settings.
        """
        self._connection.initiate_connection()
        # The window of the connection has a fixed size at the start.
        size = self._connection.inbound_flow_control_window
        self._connection.increment_flow_control_window(WINDOW - size)
        self._flush()

    def request(self, request: Any) -> Deferred[IResponse]:
        """
        Send a request. A connection takes only one.

        @param request: the request, as C{twisted.web.client.Agent} makes it.

        @return: fires with the response when its headers have arrived; otherwise with
            the error.
        """
        if self._isDone:
            return self._responded
        self._request = request
        producer = request.bodyProducer
        headers = requestHeaders(request)
        try:
            self._connection.send_headers(self._streamID, headers, producer is None)
        except ProtocolError as error:
            text = f"this request is not one of HTTP/2: {oneLine(error)}"
            self._finish(Failure(EndError(How.OTHER, text)))
            return self._responded
        self._flush()
        if producer is not None:
            self._producer = producer
            produced = producer.startProducing(self)
            produced.addCallbacks(self._bodyProduced, self._finish)
        return self._responded

    def write(self, data: bytes) -> None:
        """
        Send a part of the request's body, as soon as the server's window allows it.

        @param data: the part.
        """
        self._body += data
        self._sendBody()

    def dataReceived(self, data: bytes) -> None:
        """
        Take the frames that have arrived.
        """
        self._arrived += data
        self._room -= len(data)
        try:
            while not self._isDone and (frame := self._nextFrame()):
                self._eventsReceived(self._connection.receive_data(frame))
            if self._response is None and self._room < 0:
                raise DenialOfServiceError
        except ProtocolError as error:
            self._finish(Failure(violation(error)), error.error_code)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end, unless it was reported before.
        """
        if self._isDone:
            return
        self._stop()
        if reason.check(ConnectionDone):
            reason = Failure(closedError(self._response is not None))
        self._report(reason)

    def _nextFrame(self) -> bytes:
        """
        Take a frame from what has arrived; nothing if it is not complete.
        """
        if len(self._arrived) < FRAME_HEADER:
            return b""
        length = int.from_bytes(self._arrived[:3], "big")
        if length > MAX_FRAME:
            raise FrameTooLargeError(f"a frame of {length} bytes")
        end = FRAME_HEADER + length
        if len(self._arrived) < end:
            return b""
        frame = bytes(self._arrived[:end])
        del self._arrived[:end]
        return frame

    def _eventsReceived(self, events: list[Event]) -> None:
        data = b""
        for event in events:
            if isinstance(event, DataReceived):
                data = event.data
                size = event.flow_controlled_length
                self._connection.acknowledge_received_data(size, self._streamID)
        # A frame of another kind is delivered as no data: the receiver counts each
        # read, to limit them.
        if self._response is not None:
            self._response.dataReceived(data)
        for event in events:
            self._eventReceived(event)
        if not self._isDone:
            self._sendBody()

    def _eventReceived(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._responseReceived(event)
        elif isinstance(event, StreamEnded):
            self._finish(Failure(ResponseDone()))
        elif isinstance(event, StreamReset):
            self._finish(serverError("ended the stream", event.error_code))
        elif isinstance(event, ConnectionTerminated):
            self._goneAway(event)
        elif isinstance(event, PingReceived):
            self._pinged()

    def _responseReceived(self, event: ResponseReceived) -> None:
        status, headers = responseHeaders(event.headers)
        self._response = HTTP2Response(status, headers, self._request, self.transport)
        self._responded.callback(self._response)

    def _goneAway(self, event: ConnectionTerminated) -> None:
        if event.error_code:
            explanation = event.additional_data or b""
            what = "closed the connection"
            self._finish(serverError(what, event.error_code, explanation))
        elif self._streamID > (event.last_stream_id or 0):
            text = "the server closed the connection without processing the request"
            self._finish(Failure(EndError(How.HTTP2_ERROR, text, 0)))
        else:
            # The server ends this stream in its own time, but h2 would refuse that.
            self._connection.state_machine.state = ConnectionState.CLIENT_OPEN

    def _bodyProduced(self, _: object) -> None:
        self._producer = None
        self._isProduced = True
        self._sendBody()

    def _sendBody(self) -> None:
        """
        Send as much of the request's body as the server's window allows, and all else
        that is to be sent.
        """
        connection, isDone = self._connection, self._isDone
        while self._body and not isDone:
            window = connection.local_flow_control_window(self._streamID)
            size = min(window, connection.max_outbound_frame_size, len(self._body))
            if size <= 0:
                break
            connection.send_data(self._streamID, bytes(self._body[:size]))
            del self._body[:size]
        if self._isProduced and not self._body and not isDone:
            self._isProduced = False
            connection.end_stream(self._streamID)
        self._flush()

    def _flush(self) -> None:
        self.transport.write(self._connection.data_to_send())

    def _finish(self, reason: Failure, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """
        Close the connection, and report the end.
        """
        if self._isDone:
            return
        self._stop()
        # h2 may have queued another GOAWAY.
        self._connection.clear_outbound_data_buffer()
        self._connection.close_connection(code)
        self._flush()
        # TLS waits for the server's answer.
        self.transport.resumeProducing()
        self.transport.loseConnection()
        self._report(reason)

    def _stop(self) -> None:
        self._isDone = True
        if self._producer is not None:
            self._producer.stopProducing()

    def _report(self, reason: Failure) -> None:
        if self._response is not None:
            self._response.connectionLost(reason)
        else:
            self._responded.errback(reason)

    def _cancel(self, _: object) -> None:
        self._stop()
        self.transport.abortConnection()
