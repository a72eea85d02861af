"""
Two hosts and a link between them that can be cut, in network namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar

import pytest
from world import Program, Server, command, need, skip

if TYPE_CHECKING:
    from typing_extensions import Self


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Set something up.
    """
    return subprocess.run([need("ip"), *arguments], capture_output=True, text=True)


class Link:
    """
    A host for a server, one for its clients, and a link between the two.
    """

    addresses: ClassVar[dict[str, str]] = {"server": "10.99.0.1", "client": "10.99.0.2"}

    def __init__(self) -> None:
        self._hosts = {host: f"clock-{os.getpid()}-{host}" for host in self.addresses}

    def __enter__(self) -> Self:
        for host in self._hosts.values():
            made = ip("netns", "add", host)
            if made.returncode:
                self._remove()
                skip(f"no network namespaces here: {made.stderr.strip()}")
        peer = ["type", "veth", "peer", "eth", "netns", self._hosts["client"]]
        self._ip("server", "link", "add", "eth", *peer)
        for host, address in self.addresses.items():
            self._ip(host, "addr", "add", f"{address}/24", "dev", "eth")
            self._ip(host, "link", "set", "lo", "up")
            self._ip(host, "link", "set", "eth", "up")
        return self

    def __exit__(self, *exception: object) -> None:
        self._remove()

    def _remove(self) -> None:
        for host in self._hosts.values():
            ip("netns", "del", host)

    def _ip(self, host: str, *arguments: str) -> None:
        done = ip("-n", self._hosts[host], *arguments)
        assert done.returncode == 0, done.stderr

    def _on(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", self._hosts[host]]

    def server(self, *options: str) -> Server:
        """
        Run a server on its host.
        """
        listen = ["--port", "0", "--interface", "0.0.0.0"]
        return Server(*options, listen=listen, prefix=self._on("server"))

    def client(self, port: int, host: str = "client") -> Program:
        """
        Run a client on one of the hosts.
        """
        address = f"{self.addresses['server']}:{port}"
        return Program([*self._on(host), command("clock-netcat"), address])

    def cut(self) -> None:
        """
        Let the client's host vanish.
        """
        self._ip("client", "link", "set", "eth", "down")

    def heal(self) -> None:
        """
        Let it come back.
        """
        self._ip("client", "link", "set", "eth", "up")


def run_as_root(item: pytest.Item) -> None:
    """
    Run a test once more in namespaces in which this user is root.
    """
    again = [sys.executable, "-m", "pytest", "-q", item.nodeid]
    script = 'mount -t tmpfs none /run && exec "$@"'
    namespaces = [need("unshare"), "-rnm", "sh", "-c", script, "sh"]
    if subprocess.run([*namespaces, "true"], capture_output=True).returncode:
        skip("neither root nor user namespaces here")
    done = subprocess.run(
        [*namespaces, *again], cwd=item.config.rootpath, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    if " skipped" in done.stdout:
        skip(f"no network namespaces even there: {done.stdout}")
