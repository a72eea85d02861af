"""
Tests for L{clock.web.pacing}.
"""

from __future__ import annotations

from importlib.util import find_spec

from twisted.trial.unittest import SynchronousTestCase

from clock.protocol import READ_PAUSE
from clock.tests.web.fixture import fixture
from clock.tests.web.test_websocket import Socket
from clock.web.pacing import MAX_READ

if find_spec("wsproto") is None:
    skip = "wsproto is not installed"
else:
    from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage


class PacedInputTests(SynchronousTestCase):
    """
    The input of a WebSocket.
    """

    def test_input(self) -> None:
        """
        Messages are ignored. Reading pauses after each.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.send(TextMessage("x" * 1000, message_finished=False))
        self.assertEqual(socket.client.transport.producerState, "paused")
        web.clock.advance(READ_PAUSE)
        self.assertEqual(socket.client.transport.producerState, "producing")
        socket.send(TextMessage("y"))
        socket.send(BytesMessage(b"z"))
        socket.send(Pong())
        web.clock.advance(1)
        self.assertEqual(len(socket.messages()), 2)

    def test_slowReader(self) -> None:
        """
        While a client does not read, ticks are skipped, and nothing is read from it, so
        the server buffers no pongs without limit.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.client.producer.pauseProducing()
        socket.send(Ping(b"x"))
        web.clock.pump([1, 1])
        self.assertEqual(socket.client.transport.producerState, "paused")
        self.assertEqual(socket.messages(), [])
        socket.client.producer.resumeProducing()
        self.assertEqual(socket.events(), [Pong(b"x"), TextMessage("22:13:22")])
        web.clock.advance(READ_PAUSE)
        self.assertEqual(socket.client.transport.producerState, "producing")
        socket.events()
        socket.client.producer.stopProducing()
        web.clock.advance(1)
        self.assertEqual(socket.messages(), [])

    def test_manyPings(self) -> None:
        """
        If one read contains many pings, only some are answered at a time.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        pings = b"".join(socket.connection.send(Ping(b"x")) for _ in range(1000))
        socket.client.channel.dataReceived(pings)
        answered: list[int] = []
        while len(answered) < 8:
            events = socket.events()
            answered.append(sum(isinstance(each, Pong) for each in events))
            self.assertLessEqual(answered[-1], MAX_READ // 6)
            self.assertEqual(
                socket.client.transport.producerState,
                "producing" if sum(answered) == 1000 and not answered[-1] else "paused",
            )
            web.clock.advance(READ_PAUSE)
        self.assertEqual(sum(answered), 1000)

    def test_pausedTwice(self) -> None:
        """
        If a client resumes reading, the server still pauses as long as for any other
        client.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.send(Ping(b"x"))
        socket.client.producer.pauseProducing()
        socket.client.producer.resumeProducing()
        self.assertEqual(socket.client.transport.producerState, "paused")
        web.clock.advance(READ_PAUSE)
        self.assertEqual(socket.client.transport.producerState, "producing")

    def test_inputAfterTheEnd(self) -> None:
        """
        After the server has closed the WebSocket, input is discarded.
        """
        web = fixture()
        socket = Socket(web)
        web.factory.disconnectAll()
        socket.events()
        socket.client.channel.dataReceived(b"\x89\x80\0\0\0\0" * 1000)
        self.assertEqual(socket.events(), [])
        self.assertEqual(socket.transport._input._unread, b"")

    def test_endOfAPausedInput(self) -> None:
        """
        When the server stops, input that was not read is discarded, and reading resumes
        so that the client's end is noticed.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.client.channel.dataReceived(b"\x89\x80\0\0\0\0" * 1000)
        socket.events()
        web.factory.disconnectAll()
        self.assertEqual(socket.events()[-1], CloseConnection(1001, ""))
        self.assertEqual(socket.transport._input._unread, b"")
        self.assertEqual(socket.client.transport.producerState, "producing")
        socket.client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)
