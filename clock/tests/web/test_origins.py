"""
Tests for L{clock.web.origins}: which pages may read from the server.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.tests.web.fixture import WebClient, WebFixture
from clock.web import ClockSite

#: The paths whose responses the pages of other sites may read, if they are allowed.
PATHS = ("/lines", "/events", "/status", "/status/events")

ALLOW = "Access-Control-Allow-Origin"


def fixture(*origins: str) -> WebFixture:
    """
    Make a site that allows some origins.
    """
    web = WebFixture.new()
    assert isinstance(web, WebFixture)
    web.site = ClockSite([("", web.factory)], origins)
    return web


def allowed(client: WebClient) -> list[str]:
    """
    Return the headers of a response that concern other sites.
    """
    return [
        line for line in client.head if line.startswith(("Access-Control-", "Vary: "))
    ]


class AllowedPageTests(SynchronousTestCase):
    """
    Responses that pages of other sites may read (CORS).
    """

    def test_none(self) -> None:
        """
        By default no header lets another site read.
        """
        web = fixture()
        for path in PATHS:
            client = web.get(path, headers="Origin: https://example.org\r\n")
            self.assertEqual(client.status, 200)
            self.assertEqual(allowed(client), [])

    def test_named(self) -> None:
        """
        A site that is allowed may read, and others may not.
        """
        web = fixture("https://example.org", "http://localhost:3000")
        for path in PATHS:
            for origin in ("https://example.org", "http://localhost:3000"):
                client = web.get(path, headers=f"Origin: {origin}\r\n")
                self.assertEqual(
                    allowed(client), ["Vary: Origin", f"{ALLOW}: {origin}"]
                )
            for origin in ("https://example.com", "http://localhost", "null", "\xff"):
                client = web.get(path, headers=f"Origin: {origin}\r\n")
                self.assertEqual(client.status, 200)
                self.assertEqual(allowed(client), ["Vary: Origin"])
            self.assertEqual(allowed(web.get(path)), ["Vary: Origin"])

    def test_all(self) -> None:
        """
        With an asterisk, all pages may read, even those of local files.
        """
        web = fixture("*")
        for origin in ("https://example.org", "null"):
            client = web.get("/lines", headers=f"Origin: {origin}\r\n")
            self.assertEqual(allowed(client), [f"{ALLOW}: *"])
        self.assertEqual(allowed(web.get("/lines")), [])

    def test_error(self) -> None:
        """
        A site that is allowed may read an error too.
        """
        client = fixture("*").get("/lines?zone=x", headers="Origin: http://x\r\n")
        self.assertEqual(client.status, 404)
        self.assertEqual(allowed(client), [f"{ALLOW}: *"])

    def test_preflight(self) -> None:
        """
        A preflight request of a site that is allowed gets what it asks for.
        """
        web = fixture("https://example.org")
        for path in PATHS:
            origin = "Origin: https://example.org\r\n"
            methods = "GET, HEAD" if "status" in path else "GET, HEAD, POST"
            client = web.get(path, method="OPTIONS", headers=origin)
            self.assertEqual((client.status, client.body), (204, b""))
            self.assertEqual(
                allowed(client),
                [
                    "Vary: Origin",
                    f"{ALLOW}: https://example.org",
                    f"Access-Control-Allow-Methods: {methods}",
                    "Access-Control-Allow-Headers: *",
                    "Access-Control-Max-Age: 3600",
                ],
            )
            client = web.get(path, method="OPTIONS")
            self.assertEqual(client.status, 405)
        self.assertEqual(len(web.factory.turns.active), 0)

    def test_otherPaths(self) -> None:
        """
        Pages of other sites may read only the streams and the status.
        """
        web = fixture("*")
        for path in ("/", "/page.js", "/healthz", "/metrics"):
            client = web.get(path, headers="Origin: https://example.org\r\n")
            self.assertEqual(allowed(client), [])
