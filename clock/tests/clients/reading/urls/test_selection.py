"""
Tests for L{clock.clients.reading.urls.proxy.selection}.
"""

from __future__ import annotations

from hyperlink import URL
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.urls.proxy.selection import Proxy, chooseProxy

#: What is set in most tests, and the proxy that it means.
OPTION, PROXY = "http://p:3128", Proxy("http://p:3128", "p", 3128)


class ChooseProxyTests(SynchronousTestCase):
    """
    The proxy of a URL.
    """

    def choose(
        self, url: str = "http://x/", option: str | None = None, **environ: str
    ) -> Proxy | None:
        """
        Choose the proxy for a URL.
        """
        return chooseProxy(URL.from_text(url), option, environ)

    def assertInvalid(
        self, message: str, option: str | None = None, **environ: str
    ) -> None:
        """
        Assert that a setting is not valid, and the whole message.
        """
        with self.assertRaises(ValueError) as caught:
            self.choose("http://x/", option, **environ)
        self.assertEqual(str(caught.exception), message)

    def test_none(self) -> None:
        """
        Without an option and variables, the connection is direct.
        """
        self.assertIsNone(self.choose())

    def test_option(self) -> None:
        """
        The option is preferred to the environment. An empty one means no proxy.
        """
        self.assertEqual(self.choose(option=OPTION, http_proxy="e"), PROXY)
        self.assertIsNone(self.choose(option="", http_proxy="e"))

    def test_variables(self) -> None:
        """
        Each scheme has its variables; others, and empty ones, are ignored.
        """
        http, https = ("http", "ws"), ("https", "wss")
        everything = {*http, *https}
        for name, schemes in {
            "http_proxy": {*http},
            "HTTP_PROXY": set(),
            "https_proxy": {*https},
            "HTTPS_PROXY": {*https},
            "all_proxy": everything,
            "ALL_PROXY": everything,
            "ws_proxy": set(),
        }.items():
            for scheme in everything:
                found = self.choose(f"{scheme}://x/", **{name: OPTION})
                expected = PROXY if scheme in schemes else None
                self.assertEqual(found, expected, (name, scheme))
                self.assertIsNone(self.choose(f"{scheme}://x/", **{name: ""}))

    def test_precedence(self) -> None:
        """
        Lower case is preferred, and a scheme's own variable.
        """
        names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        while names:
            environ = {name: "worse" for name in names} | {names[0]: OPTION}
            self.assertEqual(self.choose("https://x/", **environ), PROXY)
            del names[0]
        environ = {"http_proxy": OPTION, "all_proxy": "worse"}
        self.assertEqual(self.choose(**environ), PROXY)

    def test_urls(self) -> None:
        """
        A proxy's URL may lack the scheme and the port. Names and passwords are decoded,
        and are not in the text for people.
        """
        secret = "Basic dTpAOi8="
        for text, proxy in {
            "p": Proxy("http://p:1080", "p", 1080),
            "p:3128": PROXY,
            "HTTP://p:3128/": PROXY,
            "https://p": Proxy("https://p:443", "p", 443, True),
            "https://p:8443": Proxy("https://p:8443", "p", 8443, True),
            "[::1]:1": Proxy("http://[::1]:1", "::1", 1),
            "http://u:%40%3a%2F@p:3128": PROXY._replace(authorization=secret),
            "u:@:%2F@p:3128": PROXY._replace(authorization=secret),
            "u@p:3128": PROXY._replace(authorization="Basic dTo="),
            "socks:3128": Proxy("http://socks:3128", "socks", 3128),
        }.items():
            self.assertEqual(self.choose(option=text), proxy, text)

    def test_invalid(self) -> None:
        """
        What is not the URL of an http or https proxy is an error, which names the
        option or the variable, but shows no password.
        """
        socks = "a SOCKS proxy is not supported: only http and https proxies are"
        self.assertInvalid(f"--proxy: {socks}", "socks5h://localhost/socket")
        self.assertInvalid(f"ALL_PROXY: {socks}", ALL_PROXY="SOCKS5://p:1")
        invalid = "not the URL of a proxy: try http://localhost:3128"
        self.assertInvalid(f"http_proxy: {invalid}", http_proxy="ftp://u:secret@p")
        for text in ("http://", ":3128", "p/path", "a b", "p:x", "::1", "p\n"):
            self.assertInvalid(f"--proxy: {invalid}", text)
        for text in ("p:0", "p:65536"):
            self.assertInvalid(
                "--proxy: a port is a whole number from 1 to 65535", text
            )

    def assertDirect(self, url: str, matching: list[str], others: list[str]) -> None:
        """
        Assert which values of C{no_proxy} have an effect on a URL.
        """
        for exceptions in matching:
            for name in ("no_proxy", "NO_PROXY"):
                found = self.choose(url, OPTION, **{name: exceptions})
                self.assertIsNone(found, exceptions)
        for exceptions in others:
            found = self.choose(url, OPTION, no_proxy=exceptions)
            self.assertEqual(found, PROXY, exceptions)

    def test_exceptions(self) -> None:
        """
        A name in C{no_proxy} is a host or a domain that contains it.
        """
        self.assertDirect(
            "http://www.Local.com:80/",
            ["*", "www.local.com", "LOCAL.com", ".local.com", "local.com.", "com"],
            ["", ",", ".", "a,*", "*.local.com", "cal.com", "local.com:80", "local"],
        )
        lists = ["a,local.com", "a, local.com", "local.com b"]
        self.assertDirect("http://local.com/", lists, ["a,b"])
        self.assertDirect("http://local.com./", ["local.com"], ["www.local.com"])

    def test_addresses(self) -> None:
        """
        An address in C{no_proxy} is that of a host or of a network.
        """
        self.assertDirect(
            "http://127.0.0.2/",
            ["127.0.0.2", "127.0.0.0/8", "127.0.0.1/8", "::1,127.0.0.2", "*"],
            ["127.0.0.1", "0.0.2", ".0.0.2", "127.0.0.0/33", "127.0.0.0/31", "::/0"],
        )
        self.assertDirect(
            "http://[::1]/", ["::1", "0:0::1", "::/127"], ["[::1]", "::2", "1"]
        )

    def test_upperCaseExceptions(self) -> None:
        """
        C{NO_PROXY} counts only if C{no_proxy} is empty.
        """
        direct = {"NO_PROXY": "x"}
        self.assertEqual(self.choose(option=OPTION, no_proxy="y", **direct), PROXY)
        self.assertIsNone(self.choose(option=OPTION, no_proxy="", **direct))

    def test_unusedIsNotRead(self) -> None:
        """
        A proxy that is not used may be invalid.
        """
        self.assertIsNone(self.choose(all_proxy="socks5://p", no_proxy="x"))
