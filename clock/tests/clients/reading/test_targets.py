"""
Tests for L{clock.clients.reading.targets}.
"""

from __future__ import annotations

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.python.usage import UsageError

from clock.clients.reading.observer import Step
from clock.clients.reading.targets import ClockTarget, parseTargets, startStreams
from clock.clients.reading.urls.endpoint import DEFAULTS, WebOptions
from clock.tests.clients.fixture import ClientTestCase, Observer
from clock.tests.clients.reading.test_lines import whole


class TargetTests(ClientTestCase):
    """
    The clocks on the command line.
    """

    def test_parse(self) -> None:
        """
        Clocks stay in order. A name ends at the first equals sign, and an address
        without a name is its own name.
        """
        texts = [
            "New York=localhost:8010",
            r"x=unix:/tmp/a\=b",
            ":8080",
            "tls:localhost:8443:trustRoots=.",
        ]
        self.assertEqual(
            parseTargets(texts),
            [
                ClockTarget("New York", "localhost:8010"),
                ClockTarget("x", r"unix:/tmp/a\=b"),
                ClockTarget(":8080", ":8080"),
                ClockTarget(texts[3], texts[3]),
            ],
        )

    def test_refused(self) -> None:
        """
        No clock, an empty name and a repeated name are refused.
        """
        for texts, message in [
            ([], "no address: try localhost:8080 or https://example.org/events"),
            (["=:8080"], "'=:8080' has an empty name: try Here=localhost:8080"),
            (["x=:1", "y=:2", "x=:3"], "two clocks are named 'x': rename one"),
            ([":1", ":1"], "two clocks are named ':1': rename one"),
        ]:
            error = self.assertRaises(UsageError, parseTargets, texts)
            self.assertEqual(str(error), message)

    def test_endpoint(self) -> None:
        """
        An address becomes a Twisted endpoint.
        """
        tcp, unix = parseTargets(["x=[::1]:8020", r"y=unix:/tmp/a\=b"])
        self.assertIsInstance(
            unix.endpoint(self.reactor, DEFAULTS, Observer()), UNIXClientEndpoint
        )
        endpoint = tcp.endpoint(self.reactor, DEFAULTS, Observer())
        self.assertIsInstance(endpoint, HostnameEndpoint)
        self.assertIn("[::1]:8020", repr(endpoint))

    def test_badAddress(self) -> None:
        """
        The error about an address repeats what was typed, but no password.
        """
        reason = "a port is a whole number from 1 to 65535"
        for text in ("x=:0", ":0"):
            (target,) = parseTargets([text])
            error = self.assertRaises(
                ValueError, target.endpoint, self.reactor, DEFAULTS, Observer()
            )
            self.assertEqual(str(error), f"{text!r}: {reason}")
        (target,) = parseTargets(["x=http://user:secret@y/a?b@c"])
        error = self.assertRaises(
            ValueError, target.endpoint, self.reactor, DEFAULTS, Observer()
        )
        self.assertTrue(str(error).startswith("'x=http://...@y/a?b@c': send a "))

    def test_start(self) -> None:
        """
        Each clock is connected to, and its lines go to its own observer. There are
        enough threads, even if no host name resolves.
        """
        targets = parseTargets([f"x{each}=tcp:127.0.0.1:80" for each in range(20)])
        observers = [Observer() for _ in targets]
        startStreams(self.reactor, targets, observers)
        self.assertEqual(len(self.reactor.tcpClients), 20)
        self.assertGreater(self.reactor.threads, 20)
        self.connect(b"19:03:13\n")
        events = [observer.events for observer in observers]
        connected = [(Step.CONNECTED, "127.0.0.1:8080"), "connected"]
        expected = ["connecting", *connected, whole("19:03:13")]
        self.assertEqual(events, [*[["connecting"]] * 19, expected])

    def test_settings(self) -> None:
        """
        Each URL gets its own settings. The streams are read once, and for the events of
        one name, if that is asked for.
        """
        targets = parseTargets(["x=tcp:127.0.0.1:80"])
        asked: list[str] = []

        def web(name: str) -> WebOptions:
            asked.append(name)
            return DEFAULTS

        observer = Observer()
        startStreams(self.reactor, targets, [observer], web, once=True, event="a")
        self.assertEqual(asked, ["x"])
        protocol = self.connect(b"")
        self.assertEqual(protocol._wrappedProtocol._stream.event, "a")
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIsNone(observer.events[-1][1])

    def test_startNone(self) -> None:
        """
        If one address is not valid, no clock is connected to.
        """
        targets = parseTargets(["x=tcp:127.0.0.1:80", "y=:0"])
        observers = [Observer(), Observer()]
        self.assertRaises(ValueError, startStreams, self.reactor, targets, observers)
        self.assertEqual(self.reactor.tcpClients, [])
