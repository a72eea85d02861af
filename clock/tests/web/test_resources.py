"""
Tests for L{clock.web.resources}.
"""

from __future__ import annotations

import re
import sys
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from clock.tests.web.fixture import fixture


class PageTests(SynchronousTestCase):
    """
    The files of the page.
    """

    def test_files(self) -> None:
        """
        Each file has its media type, may load nothing from other servers, and must not
        be framed by other pages.
        """
        web = fixture()
        for path, contentType in [
            ("/", "text/html"),
            ("/style.css", "text/css"),
            ("/strings.js", "text/javascript"),
            ("/page.js", "text/javascript"),
        ]:
            client = web.get(path)
            self.assertEqual(client.status, 200)
            self.assertIn(f"Content-Type: {contentType}; charset=utf-8", client.head)
            policy = "default-src 'self'; frame-ancestors 'none'"
            self.assertIn(f"Content-Security-Policy: {policy}", client.head)
            self.assertIn(f"Content-Length: {len(client.body)}", client.head)

    def test_cached(self) -> None:
        """
        If a browser has the current version of a file, the status is 304.
        """
        web = fixture()
        (tag,) = (
            each.removeprefix("ETag: ")
            for each in web.get("/style.css").head
            if each.startswith("ETag: ")
        )
        for tags in (tag, f"W/{tag}", f'"x", {tag}'):
            client = web.get("/style.css", headers=f"If-None-Match: {tags}\r\n")
            self.assertEqual((client.status, client.body), (304, b""))
            self.assertIn("Cache-Control: no-cache", client.head)
            self.assertFalse(client.closed)
        client = web.get("/page.js", headers=f"If-None-Match: {tag}\r\n")
        self.assertEqual(client.status, 200)


class MissingExtraTests(SynchronousTestCase):
    """
    A path that needs a package that is not installed.
    """

    def test_missingWebSocket(self) -> None:
        """
        Without C{wsproto}, C{/socket} says what to install.
        """
        with mock.patch.dict(sys.modules, {"clock.web.websocket": None}):
            client = fixture().get("/socket")
        self.assertEqual(client.status, 404)
        self.assertRegex(client.body, re.escape(b"pip install 'txclock[websocket]'"))
