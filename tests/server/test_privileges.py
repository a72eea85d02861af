"""
A server that has dropped its privileges, and may not read the files of its modules.
"""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path

from tests.harness.clients import Client
from tests.harness.processes import Server
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE
from tests.harness.web import WebSocket, head, need_websockets

#: C{twistd}, which prints each module that it imports after it has dropped privileges.
SCRIPT = """
import sys
from twisted.scripts import _twistd_unix, twistd

class Watch:
    def find_spec(self, name, path=None, target=None):
        print("imported late:", name, file=sys.__stderr__, flush=True)

drop = _twistd_unix.UnixApplicationRunner.shedPrivileges

def dropAndWatch(*arguments):
    drop(*arguments)
    sys.meta_path.insert(0, Watch())

_twistd_unix.UnixApplicationRunner.shedPrivileges = dropAndWatch
del sys.argv[0]
twistd.run()
"""

PATHS = (
    *("/", "/page.js", "/lines", "/events?number=1&zone=Asia/Tokyo", "/lines?zone=x"),
    *("/socket", "/status", "/status/events", "/healthz", "/metrics", "/x", "/x/%ff"),
)

#: Requests that get an error.
BAD = (
    b"not an HTTP request\r\n\r\n",
    head("/", "POST"),
    head("/", extra="Content-Length: 1\r\n") + b"x",
    head("/", extra=f"X: {'x' * 20_000}\r\n"),
    head("/socket", extra="Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n"),
)

HEADER = b"PROXY TCP6 \x1b[31m ::1 4711 80\r\n"


def test_nothing_is_imported_late(certificate: Path) -> None:
    """
    Whatever clients request, and until its end, the server imports no module after it
    has dropped its privileges.
    """
    need_websockets()
    need_module("prometheus_client")
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    secure = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    options = ["--verbose", "--tz", "UTC", "--zone", "Asia/Tokyo=0", "--format", "json"]
    listen = [
        *("--listen", "haproxy:tcp:0:interface=127.0.0.1"),
        *("--web", "0", "--web", secure),
    ]
    script = (sys.executable, "-c", SCRIPT)
    with Server(*options, listen=listen, prefix=script) as server:
        with server.connect() as client:
            client.socket.sendall(HEADER + b"x")
            client.line()
        server.connect(server.port_of("Asia/Tokyo")).line()
        ports = server.find(r"over HTTP on http://.*:(\d+)/, https://.*:(\d+)/$")
        for number, port in enumerate(map(int, ports.groups())):
            for request in (*map(head, PATHS), *BAD, head("/", "HEAD")):
                plain = socket.create_connection(("127.0.0.1", port), DEADLINE)
                with Client(context.wrap_socket(plain) if number else plain) as client:
                    client.socket.sendall(request)
                    assert client.line().text.startswith(b"HTTP/1.1 ")
        address = ("127.0.0.1", int(ports[1]))
        with WebSocket(socket.create_connection(address, DEADLINE)) as reader:
            from wsproto.events import CloseConnection, Ping, TextMessage

            for event in (Ping(b"x"), TextMessage("x")):
                reader.send(event)
            reader.line()
            reader.send(CloseConnection(1000))
            while reader.event() is not None:
                pass
        server.interrupt()
        assert server.errors() == ""
