"""
Tests for L{clock.console.text}.
"""

from __future__ import annotations

import errno
import sys
from ipaddress import IPv4Address
from types import SimpleNamespace

from twisted.internet import address
from twisted.trial.unittest import SynchronousTestCase

from clock.console.text import (
    addressText,
    commandName,
    connectionError,
    oneLine,
    shorten,
)


class TextTests(SynchronousTestCase):
    """
    Text for people.
    """

    def test_oneLine(self) -> None:
        """
        An error is the system's message, or its text on one line.
        """
        refused = OSError(errno.ECONNREFUSED, "Connection refused")
        self.assertEqual(oneLine(refused), "Connection refused")
        self.assertEqual(oneLine(OSError("by\nhand")), "by hand")
        self.assertEqual(oneLine(ValueError(" two\n  lines ")), "two lines")

    def test_control(self) -> None:
        """
        Control characters are escaped.
        """
        self.assertEqual(oneLine("a\x1b[31mb\udcff\x07"), r"a\x1b[31mb\udcff\x07")

    def test_fileName(self) -> None:
        """
        An error about a file names it.
        """
        error = FileNotFoundError(errno.ENOENT, "No such file", "server.pem")
        self.assertEqual(oneLine(error), "No such file: server.pem")

    def test_certificate(self) -> None:
        """
        A certificate that is not for the host is named with the host, as
        C{service_identity} gives it: a name in bytes, or an address.
        """
        name = SimpleNamespace(mismatched_id=SimpleNamespace(hostname=b"a.example"))
        address = SimpleNamespace(
            mismatched_id=SimpleNamespace(ip=IPv4Address("127.0.0.1"))
        )
        for mismatch, host in ((name, "a.example"), (address, "127.0.0.1")):
            self.assertEqual(
                connectionError(ValueError([mismatch])),
                f"the certificate is not for {host}",
            )

    def test_shorten(self) -> None:
        """
        A long name is shortened, a short one is not.
        """
        self.assertEqual(shorten("x" * 30), "x" * 30)
        self.assertEqual(shorten("x" * 31), "x" * 27 + "...")

    def test_commandName(self) -> None:
        """
        The command is the tool as the user typed it, and the plugin.
        """
        self.patch(sys, "argv", ["/usr/bin/twist"])
        self.assertEqual(commandName(), "twist clock")

    def test_addresses(self) -> None:
        """
        Addresses are written in the notation of the command line. Unprintable
        characters are escaped.
        """
        for where, text in [
            (address.IPv4Address("TCP", "127.0.0.1", 80), "127.0.0.1:80"),
            (address.IPv6Address("TCP", "::1", 80), "[::1]:80"),
            (address.UNIXAddress("/tmp/clock"), "unix:/tmp/clock"),
            (address.UNIXAddress(None), "unix:"),
            (
                address.UNIXAddress(b"/tmp/\x1b[31m\n\xff"),
                "unix:/tmp/\\x1b[31m\\n\ufffd",
            ),
            (address.UNIXAddress(b"\0abstract"), "unix:\\x00abstract"),
            (address.IPv4Address("TCP", "\x1b[31m\n", 80), "\\x1b[31m\\n:80"),
            (address.IPv6Address("TCP", "\x1b[31m\n", 80), "[\\x1b[31m\\n]:80"),
            (
                address.HostnameAddress(b"example.com", 80),
                str(address.HostnameAddress(b"example.com", 80)),
            ),
        ]:
            self.assertEqual(addressText(where), text)
