"""
Two hosts in network namespaces, and a link between them that can be cut.

The namespaces have no name, so nothing is mounted. A process keeps each namespace. It
ends with the program that started it, however that program ends, so no namespace is
left.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from tests.harness.connects import Connects
from tests.harness.processes import Program, Server, command
from tests.harness.requirements import need, skip

if TYPE_CHECKING:
    from typing_extensions import Self


class Link:
    """
    A host for a server, one for its clients, and a link between the two.
    """

    addresses: ClassVar[dict[str, str]] = {"server": "10.99.0.1", "client": "10.99.0.2"}

    def __init__(self) -> None:
        # In a new user namespace, any user is root.
        self._user = bool(os.geteuid())
        self._pids: dict[str, int] = {}
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        unshare = [need("unshare"), "--net"]
        first = [*unshare, "--map-root-user"] if self._user else unshare
        possible = subprocess.run(
            [*first, "true"], capture_output=True, encoding="utf-8"
        )
        if possible.returncode:
            skip(f"no network namespaces here: {possible.stderr.strip()}")
        with ExitStack() as undo:
            self._hold(undo, "server", first)
            # Both belong to one user namespace; otherwise no link could connect them.
            self._hold(undo, "client", [*self.on("server"), *unshare])
            peer = ["type", "veth", "peer", "eth", "netns", str(self._pids["client"])]
            self._ip("server", "link", "add", "eth", *peer)
            for host, address in self.addresses.items():
                self._ip(host, "addr", "add", f"{address}/24", "dev", "eth")
                self._ip(host, "link", "set", "lo", "up")
                self._ip(host, "link", "set", "eth", "up")
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._undo.close()

    def _hold(self, undo: ExitStack, host: str, new: list[str]) -> None:
        """
        Start the process that keeps a host. It ends when its standard input is closed.
        """
        script = ["sh", "-c", "echo && exec cat"]
        holder = Program([*new, *script], stdin=subprocess.PIPE)
        undo.enter_context(holder).line()
        self._pids[host] = holder.process.pid

    def on(self, host: str) -> list[str]:
        """
        Return the start of a command line that runs on a host. The command is killed
        when this process ends.
        """
        enter = [need("nsenter"), "--target", str(self._pids[host]), "--net"]
        if self._user:
            enter += ["--user", "--preserve-credentials"]
        return [*enter, need("setpriv"), "--pdeathsig", "KILL"]

    def _ip(self, host: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self.on(host), need("ip"), *arguments],
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr

    def set(self, name: str, value: int) -> None:
        """
        Set a parameter of the server's kernel, such as C{net.ipv4.tcp_migrate_req}, or
        skip.
        """
        path = f"/proc/sys/{name.replace('.', '/')}"
        write = ["sh", "-c", f"echo {value} >{path}"]
        done = subprocess.run(
            [*self.on("server"), *write], capture_output=True, encoding="utf-8"
        )
        if done.returncode:
            skip(f"no {name} here: {done.stderr.strip()}")

    def server(self, *options: str, port: int = 0) -> Server:
        """
        Run a server on its host.
        """
        listen = ["--port", str(port), "--interface", "0.0.0.0"]
        return Server(*options, listen=listen, prefix=self.on("server"))

    def connects(self, port: int) -> Connects:
        """
        Connect clients to the server continuously.
        """
        return Connects(self.addresses["server"], port, prefix=self.on("client"))

    def client(self, port: int, host: str = "client") -> Program:
        """
        Run a client on one of the hosts.
        """
        address = f"{self.addresses['server']}:{port}"
        return Program([*self.on(host), command("clock-netcat"), address])

    def cut(self) -> None:
        """
        Cut the link of the client's host.
        """
        self._ip("client", "link", "set", "eth", "down")

    def heal(self) -> None:
        """
        Restore the link.
        """
        self._ip("client", "link", "set", "eth", "up")
