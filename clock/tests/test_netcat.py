"""
Tests for L{clock.netcat}.
"""

from __future__ import annotations

import errno
import sys

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from clock import netcat
from clock.netcat import CopyProtocol, Options, copy, main


class CopyTests(SynchronousTestCase):
    """
    Connecting and copying, on a fake reactor.
    """

    def connect(self, write: object = None) -> tuple[Deferred[None], Protocol]:
        """
        Start a copy, and connect it.
        """
        self.reactor = MemoryReactorClock()
        self.copied: list[bytes] = []
        finished = Deferred.fromCoroutine(
            copy(self.reactor, "unix:/x", write or self.copied.append)  # type: ignore[arg-type]
        )
        factory = self.reactor.unixClients[0][1]
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        return finished, protocol

    def assertEnds(self, finished: Deferred[None], message: str) -> None:
        """
        Assert that the program ends with one line.
        """
        ended = self.failureResultOf(finished, SystemExit)
        self.assertEqual(str(ended.value), f"clock-netcat: unix:/x: {message}")

    def test_untilTheEnd(self) -> None:
        """
        All bytes pass unchanged, piece by piece, until the server closes.
        """
        finished, protocol = self.connect()
        protocol.dataReceived(b"\x00\xff\r\n")
        protocol.dataReceived(b"half a li")
        self.assertEqual(self.copied, [b"\x00\xff\r\n", b"half a li"])
        self.assertNoResult(finished)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIsNone(self.successResultOf(finished))

    def test_reset(self) -> None:
        """
        A connection that breaks is an error.
        """
        finished, protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEnds(
            finished, "Connection to the other side was lost in a non-clean fashion"
        )

    def test_nothing(self) -> None:
        """
        A server that closes and has sent nothing is an error: a client that is turned
        away learns so.
        """
        finished, protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEnds(
            finished,
            "closed by the server, which sent nothing: it may be at its client limit",
        )

    def test_readerGone(self) -> None:
        """
        When nobody reads the output any more, that is a quiet end.
        """

        def write(data: bytes) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        finished, protocol = self.connect(write)
        protocol.dataReceived(b"x")
        self.assertIsNone(self.successResultOf(finished))
        self.assertTrue(protocol.transport.disconnected)  # type: ignore[union-attr]
        protocol.connectionLost(Failure(ConnectionLost()))

    def test_outputFull(self) -> None:
        """
        Output that cannot be written is an error.
        """

        def write(data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        finished, protocol = self.connect(write)
        protocol.dataReceived(b"x")
        self.assertEnds(finished, "No space left on device")

    def test_cannotConnect(self) -> None:
        """
        A connection that cannot be made is an error, in the system's words.
        """
        reactor = MemoryReactorClock()
        finished = Deferred.fromCoroutine(copy(reactor, "unix:/x"))
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "no")
        reactor.unixClients[0][1].clientConnectionFailed(None, Failure(refused))
        self.assertEnds(finished, "Connection refused")

    def test_badAddress(self) -> None:
        """
        An address that is none ends the program before anything is tried.
        """
        finished = Deferred.fromCoroutine(copy(MemoryReactorClock(), ":0"))
        ended = self.failureResultOf(finished, SystemExit)
        expected = "clock-netcat: :0: a port is a whole number from 1 to 65535"
        self.assertEqual(str(ended.value), expected)


class MainTests(SynchronousTestCase):
    """
    The command.
    """

    def setUp(self) -> None:
        """
        Note what would be run, and leave the process's signals alone.
        """
        self.run_: list[object] = []
        self.patch(netcat, "react", lambda *call: self.run_.append(call))
        self.patch(netcat, "endOnInterrupt", lambda: self.run_.append("Ctrl-C"))

    def test_default(self) -> None:
        """
        Without an argument it connects to the clock's usual place.
        """
        self.patch(sys, "argv", ["clock-netcat"])
        main()
        self.assertEqual(self.run_, ["Ctrl-C", (copy, ["localhost:8080"])])

    def test_address(self) -> None:
        """
        The argument is where to connect.
        """
        main([":8000"])
        self.assertEqual(self.run_[1], (copy, [":8000"]))

    def test_hostAndPort(self) -> None:
        """
        Host and port may be two arguments, as netcat's are.
        """
        for host, address in [
            ("example.com", "example.com:80"),
            ("", ":80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[::1]:80"),
        ]:
            main([host, "80"])
            self.assertEqual(self.run_[-1], (copy, [address]))

    def test_refused(self) -> None:
        """
        What makes no sense is refused in one line.
        """
        for arguments, message in [
            (["a", "1", "b"], "one address at most; see clock-netcat --help"),
            (["-p"], "option -p not recognized"),
            (["a", "http"], "port 'http' is not a whole number from 1 to 65535"),
        ]:
            error = self.assertRaises(SystemExit, main, arguments)
            self.assertEqual(str(error), f"clock-netcat: {message}")
        self.assertEqual(self.run_, [])

    def test_noOutput(self) -> None:
        """
        Without a standard output there is nothing to copy to.
        """
        self.patch(sys, "stdout", None)
        error = self.assertRaises(SystemExit, main, [])
        self.assertEqual(str(error), "clock-netcat: standard output is closed")

    def test_help(self) -> None:
        """
        The help says how to call it, and its examples can be typed.
        """
        text = str(Options(MemoryReactorClock()))
        start = "Usage: clock-netcat [options] [[HOST]:PORT | HOST PORT | ENDPOINT]\n"
        self.assertEqual(text[: len(start)], start)
        for example in text.partition("\nExamples:\n")[2].splitlines():
            name, *arguments = example.partition("#")[0].split()
            self.assertEqual(name, "clock-netcat")
            main(arguments)


class ProtocolTests(SynchronousTestCase):
    """
    The protocol by itself.
    """

    def test_endsOnce(self) -> None:
        """
        The first end counts.
        """
        protocol = CopyProtocol(lambda _: None)
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(b"x")
        protocol.connectionLost(Failure(ConnectionDone()))
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertIsNone(self.successResultOf(protocol.done))
