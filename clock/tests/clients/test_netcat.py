"""
Tests for L{clock.clients.netcat}.
"""

from __future__ import annotations

import errno
import os
import sys
from io import StringIO

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

from clock.clients.netcat import CopyProtocol, Options, RedirectPrinter, copy
from clock.clients.reading.ends import EndError, How
from clock.clients.reading.options import MAX_DATA
from clock.clients.reading.urls.endpoint import WebOptions
from clock.tests.clients import fixture
from clock.tests.clients.fixture import Connection
from clock.tests.clients.reading.webclient import OK, WebClientTestCase

#: The error about a header, after its name.
NOT_A_HEADER = "is not a header in printable ASCII: try 'Name: value'"


def options(address: str) -> Options:
    """
    Parse a command line with one address.
    """
    parsed = Options()
    parsed.parseOptions([address])
    return parsed


class CopyTests(SynchronousTestCase):
    """
    Connecting and copying, on a fake reactor.
    """

    def connect(self, write: object = None) -> tuple[Deferred[int], Protocol]:
        """
        Start to copy, and connect.
        """
        self.reactor = MemoryReactorClock()
        self.copied: list[bytes] = []
        finished = Deferred.fromCoroutine(
            copy(self.reactor, options("unix:/x"), write or self.copied.append)  # type: ignore[arg-type]
        )
        factory = self.reactor.unixClients[0][1]
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(Connection(self.reactor, protocol))
        return finished, protocol

    def assertFails(self, finished: Deferred[int], message: str) -> None:
        """
        Assert that the command fails with this line.
        """
        ended = self.failureResultOf(finished, SystemExit)
        self.assertEqual(str(ended.value), f"clock-netcat: unix:/x: {message}")

    def test_untilTheEnd(self) -> None:
        """
        All bytes are copied unchanged, chunk by chunk, until the server closes.
        """
        finished, protocol = self.connect()
        protocol.dataReceived(b"\x00\xff\r\n")
        protocol.dataReceived(b"half a li")
        self.assertEqual(self.copied, [b"\x00\xff\r\n", b"half a li"])
        self.assertNoResult(finished)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.successResultOf(finished), 0)

    def test_reset(self) -> None:
        """
        A connection that is not closed cleanly is an error.
        """
        finished, protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertFails(finished, "reset by the server")

    def test_ends(self) -> None:
        """
        A complete response, and a close frame without an error, are no errors. Other
        ends are.
        """
        closed = "closed with 1011 (internal error): x"
        for how, code, succeeds in [
            (How.COMPLETE, None, True),
            (How.CLOSE_FRAME, 1000, True),
            (How.CLOSE_FRAME, 1001, True),
            (How.CLOSE_FRAME, None, True),
            (How.CLOSE_FRAME, 1011, False),
            (How.CUT, None, False),
        ]:
            finished, protocol = self.connect()
            protocol.dataReceived(b"x")
            protocol.connectionLost(Failure(EndError(how, closed, code)))
            if succeeds:
                self.assertEqual(self.successResultOf(finished), 0)
            else:
                self.assertFails(finished, closed)

    def test_empty(self) -> None:
        """
        A complete response may be empty.
        """
        finished, protocol = self.connect()
        protocol.connectionLost(Failure(EndError(How.COMPLETE, "complete")))
        self.assertEqual(self.successResultOf(finished), 0)

    def test_nothing(self) -> None:
        """
        If the server closes before it sends anything, as it does when it refuses a
        client, that is an error.
        """
        finished, protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFails(
            finished,
            "the server closed without sending anything: it may be at its client limit",
        )

    def test_readerClosed(self) -> None:
        """
        If the reader of the output closes it, the client disconnects. This is not an
        error.
        """

        def write(data: bytes) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        finished, protocol = self.connect(write)
        protocol.dataReceived(b"x")
        self.assertEqual(self.successResultOf(finished), 0)
        self.assertTrue(protocol.transport.disconnected)  # type: ignore[union-attr]
        protocol.connectionLost(Failure(ConnectionLost()))

    def test_outputFull(self) -> None:
        """
        An output that cannot be written to is an error.
        """

        def write(data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        finished, protocol = self.connect(write)
        protocol.dataReceived(b"x")
        self.assertFails(finished, "No space left on device")

    def test_cannotConnect(self) -> None:
        """
        A failed connection is an error, in the system's words.
        """
        reactor = MemoryReactorClock()
        finished = Deferred.fromCoroutine(copy(reactor, options("unix:/x")))
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "no")
        reactor.unixClients[0][1].clientConnectionFailed(None, Failure(refused))
        self.assertFails(finished, "Connection refused")

    def test_badAddress(self) -> None:
        """
        An address that is not valid is an error, which shows no password.
        """
        for address, expected in [
            (":0", ":0: a port is a whole number from 1 to 65535"),
            ("http://a:secret@x/", "http://...@x/: send a password with --user"),
        ]:
            copied = copy(MemoryReactorClock(), options(address))
            finished = Deferred.fromCoroutine(copied)
            ended = self.failureResultOf(finished, SystemExit)
            self.assertTrue(str(ended.value).startswith(f"clock-netcat: {expected}"))


class WebTests(WebClientTestCase):
    """
    Copying from a URL.
    """

    def test_body(self) -> None:
        """
        The body is copied as it is. A redirect is reported on standard error.
        """
        stderr = StringIO()
        self.patch(sys, "stderr", stderr)
        copied: list[bytes] = []
        finished = Deferred.fromCoroutine(
            copy(self.reactor, options("http://x/"), copied.append)
        )
        self.connect()
        self.receive(b"HTTP/1.1 301 x\r\nLocation: /events\r\n\r\n")
        self.connect()
        head = b"Content-Type: text/event-stream\r\nContent-Length: 12\r\n"
        self.receive(OK + head + b"\r\ndata: ")
        self.receive(b"19:03\n")
        self.assertEqual(copied, [b"data: ", b"19:03\n"])
        self.assertEqual(self.successResultOf(finished), 0)
        expected = "clock-netcat: redirected to http://x/events\n"
        self.assertEqual(stderr.getvalue(), expected)

    def test_redirectWithoutStderr(self) -> None:
        """
        With a closed standard error, nothing is printed, least of all among the data.
        """
        stdout = StringIO()
        self.patch(sys, "stdout", stdout)
        self.patch(sys, "stderr", None)
        RedirectPrinter().redirected("http://x/")
        self.assertEqual(stdout.getvalue(), "")


class OptionsTests(fixture.OptionsTestCase):
    """
    The command line.
    """

    command = "clock-netcat"
    options = Options
    refused = (
        ("a 1 b", "more than one address; see clock-netcat --help"),
        ("--header=x", f"--header 'x' {NOT_A_HEADER}"),
        # The value may be a secret.
        ("--header=A:secret\x7f", f"--header 'A...' {NOT_A_HEADER}"),
        ("--header=A=secret", f"--header 'A...' {NOT_A_HEADER}"),
        ("-p", "option -p not recognized"),
        ("a http", "port 'http' is not a whole number from 1 to 65535"),
        ("-d x -d y", "--data is given twice: leave one out"),
        ("-d x --data-raw y", "--data is given twice: leave one out"),
        ("-b cookies.txt", "--cookie is not 'name=value; name=value' in printable"),
        ("-b a=é", "--cookie is not 'name=value; name=value' in printable ASCII"),
        ("--data @/no/file", "--data '@/no/file': No such file or directory"),
        ("-u secret", "--user is not NAME:PASSWORD"),
        ("-X GE(T", "--request 'GE(T' is not a method: try POST"),
        ("-H =A:1", "--header '=A:1' has an empty name"),
        ("--connect-to x", "--connect-to 'x' is not HOST:PORT"),
        ("--connect-to a\x7fb:1", "--connect-to 'a\\x7fb:1' is not HOST:PORT"),
        ("--connect-to \xe9:1", "--connect-to '\xe9:1' is not HOST:PORT"),
        ("--data @/dev/zero", f"--data is longer than {MAX_DATA} bytes"),
        ("--connect-to x:0", "--connect-to 'x:0': a port is a whole number from 1 "),
        ("--proxy x=http://y", "--proxy: no stream is named 'x'"),
        ("--event x", "option --event not recognized"),
    )

    def test_default(self) -> None:
        """
        Without an argument the address is the clock's default address.
        """
        options = self.parse()
        expected = {"address": "localhost:8080", "insecure": 0, "http1.1": 0}
        self.assertEqual(options, expected)
        self.assertEqual(options.webOptions("clock-netcat"), WebOptions([]))

    def test_address(self) -> None:
        """
        The argument is the address.
        """
        self.assertEqual(self.parse(":8000")["address"], ":8000")

    def test_hostAndPort(self) -> None:
        """
        Host and port may be two arguments, as for netcat.
        """
        for host, address in [
            ("example.com", "example.com:80"),
            ("", ":80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[::1]:80"),
        ]:
            self.assertEqual(self.parse(host, "80")["address"], address)

    def test_web(self) -> None:
        """
        Headers may be repeated. One warning says that certificates are not verified.
        """
        stderr = StringIO()
        self.patch(sys, "stderr", stderr)
        options = self.parse("--header=A: 1", "-H", "B:2", "-k")
        expected = WebOptions([("A", "1"), ("B", "2")], verify=False)
        self.assertEqual(options.webOptions("clock-netcat"), expected)
        options.webOptions("clock-netcat")
        warning = "clock-netcat: certificates are not verified (--insecure)\n"
        self.assertEqual(stderr.getvalue(), warning)

    def test_request(self) -> None:
        """
        The options for a request have curl's letters.
        """
        options = self.parse("-d", "{}", "-X", "PUT", "-x", "http://p:1", "--http1.1")
        self.assertEqual(
            options.webOptions("clock-netcat"),
            WebOptions([], method="PUT", data=b"{}", proxy="http://p:1", http1=True),
        )

    def test_copied(self) -> None:
        """
        The options that browsers, Postman and tutorials write for curl are accepted.
        The help does not list those that change nothing.
        """
        words = [
            *("--compressed", "--fail", "--globoff", "--http2", "--include"),
            *("--location", "--no-buffer", "--show-error", "--silent", "--verbose"),
            *("-fgi", "-L", "-N", "-sS", "-v", "-b", "a=b; c"),
        ]
        options = self.parse(*words, "--cookie", "d=e", "--data-raw", "@x")
        cookies = [("Cookie", "a=b; c"), ("Cookie", "d=e")]
        expected = WebOptions(cookies, data=b"@x")
        self.assertEqual(options.webOptions("clock-netcat"), expected)
        self.assertEqual(self.parse("--data-binary", "x").data, b"x")
        self.assertNotIn("--silent", str(options))

    def test_user(self) -> None:
        """
        A name and a password are sent as curl sends them. A password may be secret, so
        the error does not show it.
        """
        options = self.parse("-u", "me:\udcc3\udca9:=")
        self.assertEqual(
            options.headers, [(None, ("Authorization", "Basic bWU6w6k6PQ=="))]
        )

    def test_data(self) -> None:
        """
        The data may be in a file, and is sent unchanged. An empty text is data too.
        """
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"\xff\r\n")
        for text, data in [(f"@{path}", b"\xff\r\n"), ("", b""), ("\udcff", b"\xff")]:
            self.assertEqual(self.parse("-d", text).data, data)

    def test_dataFromStdin(self) -> None:
        """
        C{@-} is standard input.
        """
        before, (read, write) = os.dup(0), os.pipe()
        self.addCleanup(os.dup2, before, 0)
        os.write(write, b"x\n")
        os.close(write)
        os.dup2(read, 0)
        self.assertEqual(self.parse("-d", "@-").data, b"x\n")

    def test_synopsis(self) -> None:
        """
        The help has the synopsis, and the text of C{--header} is one paragraph.
        """
        text = str(Options())
        self.assertIn("[[HOST]:PORT | HOST PORT | URL | ENDPOINT]\n", text)
        self.assertNotIn("of    ", text)


class ProtocolTests(SynchronousTestCase):
    """
    The protocol without a reactor.
    """

    def test_endsOnce(self) -> None:
        """
        Only the first end counts.
        """
        protocol = CopyProtocol(lambda _: None)
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(b"x")
        protocol.connectionLost(Failure(ConnectionDone()))
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertIsNone(self.successResultOf(protocol.done))
