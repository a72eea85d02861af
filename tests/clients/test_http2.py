"""
The clients over HTTP/2: servers of Node, directly and through nginx.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import Program, command, free_ports, make_certificate
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, wait_until

#: Streams of three lines, which end as their names say, and other responses. The second
#: server speaks HTTP/1.1, for nginx.
NODE = """
const fs = require("fs"), http = require("http"), http2 = require("http2");
const {NO_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM} = Object.fromEntries(
  Object.entries(http2.constants).map(([k, v]) => [k.replace("NGHTTP2_", ""), v]));
const sockets = [], secured = [];
const lines = (stream, end) => {
  let number = 0;
  const timer = setInterval(() => {
    if (number < 3) return stream.write(`${++number}\\n`);
    clearInterval(timer);
    end();
  }, 100);
};
const paths = {
  complete: (s) => lines(s, () => s.end()),
  trailers: (s) => lines(s, () => s.end()),
  internal: (s) => lines(s, () => s.destroy(new Error())),
  calm: (s) => lines(s, () => s.session.goaway(ENHANCE_YOUR_CALM, s.id,
    Buffer.from("too_many_pings"))),
  graceful: (s) => { s.session.goaway(NO_ERROR, 2 ** 31 - 1); paths.complete(s); },
  closing: (s) => { s.session.close(); paths.complete(s); },
  cut: (s) => lines(s, () => secured.at(-1).end()),
  reset: (s) => lines(s, () => sockets.at(-1).resetAndDestroy()),
  ping: (s) => s.session.ping(() => paths.complete(s)),
  endless: (s) => {
    const write = () => { while (s.write("x".repeat(999) + "\\n")); };
    s.on("drain", write);
    write();
  },
};
const other = {
  refused: (s) => s.close(REFUSED_STREAM),
  moved: (s) => { s.respond({":status": 302, location: "/complete"}); s.end("a\\n"); },
  missing: (s) => { s.respond({":status": 404}); s.end("a\\n"); },
  post: (s, headers) => {
    const length = headers["content-length"];
    let size = 0;
    s.on("data", (data) => { size += data.length; });
    s.on("end", () => { s.respond(); s.end(`${length} ${size}\\n`); });
  },
};
const pem = fs.readFileSync(process.argv[1]);
const server = http2.createSecureServer({key: pem, cert: pem});
server.on("connection", (socket) => sockets.push(socket));
server.on("secureConnection", (socket) => secured.push(socket));
server.on("stream", (stream, headers) => {
  const path = headers[":path"].slice(1);
  stream.on("error", () => {});
  if (path in other) return other[path](stream, headers);
  const hasTrailers = path === "trailers";
  stream.on("wantTrailers", () => stream.sendTrailers({"grpc-status": "0"}));
  stream.additionalHeaders({":status": 103, link: "</x>"});
  stream.respond({":status": 200}, {waitForTrailers: hasTrailers});
  paths[path](stream);
});
server.on("sessionError", () => {});
const plain = http.createServer((request, response) => {
  const cut = () => response.socket.destroy();
  lines(response, request.url === "/cut" ? cut : () => response.end());
});
server.listen(0, "127.0.0.1", () => plain.listen(0, "127.0.0.1", () =>
  console.log(server.address().port, plain.address().port)));
"""

#: nginx before the second server.
NGINX = """
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path .;
  proxy_temp_path .;
  fastcgi_temp_path .;
  uwsgi_temp_path .;
  scgi_temp_path .;
  server {
    listen 127.0.0.1:%(port)s ssl http2;
    ssl_certificate server.pem;
    ssl_certificate_key server.pem;
    proxy_buffering off;
    proxy_http_version 1.1;
    location / { proxy_pass http://127.0.0.1:%(origin)s; }
    location /large { root .; }
  }
}
"""

#: The lines of each stream.
LINES = [b"1\n", b"2\n", b"3\n"]


def answers(port: int) -> bool:
    """
    Return whether a server accepts connections.
    """
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Make a certificate, with its key.
    """
    need_module("h2")
    need_module("OpenSSL")
    pem = tmp_path_factory.mktemp("http2") / "server.pem"
    make_certificate(pem)
    return pem


@pytest.fixture(scope="module")
def ports(certificate: Path) -> Iterator[tuple[int, int]]:
    """
    Start both servers of Node.
    """
    arguments = [need("node"), "--eval", NODE, str(certificate)]
    with Program(arguments) as program:
        one, two = program.line().text.split()
        yield int(one), int(two)


@pytest.fixture(scope="module")
def nginx(certificate: Path, ports: tuple[int, int]) -> Iterator[int]:
    """
    Start nginx. It also serves a large file.
    """
    folder = certificate.parent
    (port,) = free_ports(1)
    config = NGINX % {"port": port, "origin": ports[1]}
    if os.getuid() == 0:
        config = "user root;\n" + config
    (folder / "nginx.conf").write_text(config)
    (folder / "large").write_bytes((b"x" * 99 + b"\n") * 50_000)
    with Program(
        [need("nginx"), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    ) as program:
        wait_until(lambda: answers(port))
        yield port
        # Its worker would remain if it was killed.
        program.interrupt()
        program.end()


def read(url: str, *options: str) -> tuple[list[bytes], str]:
    """
    Read a URL to its end.

    @return: the lines, and the error; it is empty if there is none.
    """
    netcat = command("clock-netcat"), "--insecure", *options, url
    with Program(netcat, environment={"NO_PROXY": "*"}) as program:
        lines = [*program.rest()]
        program.end()
        errors = [
            each.partition(f"{url}: ")[2]
            for each in program.errors().splitlines()
            if f"{url}: " in each
        ]
    return lines, "".join(errors)


#: How the streams end.
ENDS = {
    "complete": "",
    "trailers": "",
    "graceful": "",
    "closing": "",
    "ping": "",
    "internal": "the server ended the stream with INTERNAL_ERROR",
    "calm": "the server closed the connection with ENHANCE_YOUR_CALM: too_many_pings",
    "cut": "cut within a response",
    "reset": "reset by the server",
}


@pytest.mark.parametrize("path", ENDS)
def test_ends(path: str, ports: tuple[int, int]) -> None:
    """
    All lines are read, and the end is told. A server that is shut down may end its
    streams first.
    """
    assert read(f"https://localhost:{ports[0]}/{path}") == (LINES, ENDS[path])


def test_responses(ports: tuple[int, int]) -> None:
    """
    Redirects are followed. A status and the error of a stream are reported.
    """
    url = f"https://localhost:{ports[0]}"
    assert read(f"{url}/moved")[0] == LINES
    assert read(f"{url}/missing") == ([], "404 Not Found")
    error = "the server ended the stream with REFUSED_STREAM"
    assert read(f"{url}/refused") == ([], error)


def test_post(ports: tuple[int, int], tmp_path: Path) -> None:
    """
    A body that is larger than the server's window is sent.
    """
    (tmp_path / "body").write_bytes(b"x" * 3_000_000)
    data = "--data", f"@{tmp_path / 'body'}"
    url = f"https://localhost:{ports[0]}/post"
    assert read(url, *data) == ([b"3000000 3000000\n"], "")


def test_endless(ports: tuple[int, int]) -> None:
    """
    The window never closes.
    """
    url = f"https://localhost:{ports[0]}/endless"
    netcat = command("clock-netcat"), "--insecure", url
    with Program(netcat, environment={"NO_PROXY": "*"}) as program:
        lines = program.lines(4_000)
    assert {*lines} == {b"x" * 999 + b"\n"}


def test_nginx(nginx: int) -> None:
    """
    nginx brings the lines, and a large file. It resets a stream that is cut behind it.
    With C{--http1.1} the end is another one.
    """
    url = f"https://localhost:{nginx}"
    assert read(f"{url}/lines") == (LINES, "")
    assert len(read(f"{url}/large")[0]) == 50_000
    error = "the server ended the stream with INTERNAL_ERROR"
    assert read(f"{url}/cut") == (LINES, error)
    assert read(f"{url}/cut", "--http1.1") == (LINES, "cut within a response")
