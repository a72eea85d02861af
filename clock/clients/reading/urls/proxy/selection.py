"""
Proxies on this client's side: which one is used for a URL, as curl(1) chooses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from hyperlink import URL

from clock.clients.reading.urls.settings import basicAuthorization

#: The variables of the environment for each scheme, the first one that is set. A CGI
#: program has the header C{Proxy} of its client in C{HTTP_PROXY}: curl ignores it.
_VARIABLES = {
    "http": ("http_proxy", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}

#: The ports of proxies whose URL has none (curl(1)).
_PORTS = {"http": 1080, "https": 443}

_PROXY = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?:(?P<userinfo>[^/?#]*)@)?"
    r"(?P<host>[\w.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII | re.IGNORECASE,
)


class Proxy(NamedTuple):
    """
    A proxy.

    @ivar url: its URL for people, without a user's name and password.
    @ivar host: its name or address, without brackets.
    @ivar port: its port.
    @ivar isTLS: whether the connection to it is secured.
    @ivar authorization: the value of C{Proxy-Authorization}, if its URL has a user.
    """

    url: str
    host: str
    port: int
    isTLS: bool = False
    authorization: str | None = None


def chooseProxy(
    url: URL, option: str | None, environ: Mapping[str, str]
) -> Proxy | None:
    """
    Choose the proxy for a URL, as curl(1) does.

    @param url: the URL, in ASCII.
    @param option: the URL of the proxy that the user has chosen; empty for none;
        C{None} if the environment decides. C{no_proxy} applies to both.
    @param environ: the environment.

    @return: the proxy; C{None} for a direct connection.

    @raise ValueError: if the proxy's URL is not valid. The message names the option or
        the variable.
    """
    source, text = _setting(url.scheme, option, environ)
    exceptions = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not text or _isDirect(url.host, exceptions):
        return None
    try:
        return _parseProxy(text)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _setting(
    scheme: str, option: str | None, environ: Mapping[str, str]
) -> tuple[str, str]:
    """
    Return where the proxy's URL comes from, and the URL, or empty texts.
    """
    if option is not None:
        return "--proxy", option
    for name in _VARIABLES["https" if scheme in ("https", "wss") else "http"]:
        if environ.get(name):
            return name, environ[name]
    return "", ""


def _isDirect(host: str, exceptions: str) -> bool:
    """
    Return whether a host is one of the exceptions in C{no_proxy}.
    """
    if exceptions == "*":
        return True
    names = [each for each in re.split(r"[,\s]+", exceptions.lower()) if each]
    try:
        address = ip_address(host)
    except ValueError:
        # urllib.request.proxy_bypass_environment also compares the ends of addresses,
        # and knows neither networks nor blanks between the names.
        domain = f".{host.lower().rstrip('.')}"
        return any(domain.endswith(f".{each.strip('.')}") for each in names)
    return any(_contains(each, address) for each in names)


def _contains(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False


def _parseProxy(text: str) -> Proxy:
    if text.lower().startswith("socks") and "://" in text:
        raise ValueError(
            "a SOCKS proxy is not supported: only http and https proxies are"
        )
    found = _PROXY.fullmatch(text)
    scheme = (found["scheme"] or "http").lower() if found else ""
    # The text is not shown: it may contain a password.
    if found is None or scheme not in _PORTS:
        raise ValueError("not the URL of a proxy: try http://localhost:3128")
    host, userinfo = found["host"], found["userinfo"]
    port = int(found["port"] or _PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ValueError("a port is a whole number from 1 to 65535")
    authorization = None
    if userinfo is not None:
        user, _, password = map(unquote_to_bytes, userinfo.partition(":"))
        authorization = basicAuthorization(user + b":" + password)
    url = f"{scheme}://{host}:{port}"
    return Proxy(url, host.strip("[]"), port, scheme == "https", authorization)
