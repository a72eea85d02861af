"""
A server whose streams arrive, and some whose streams do not: the examples of
C{docs/arriving.rst}. It listens on port 8000, or on the given one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    """
    A request. Each path is a method that writes its stream.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """
        Serve the stream of the path.
        """
        name = self.path.strip("/").replace("-", "_")
        stream = None if name.startswith("_") else getattr(self, f"get_{name}", None)
        if name == "chat" and self.command != "POST":
            self.send_error(405)
        elif stream is None:
            self.send_error(404)
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.close_connection = True
            stream()

    do_POST = do_GET

    def get_events(self) -> None:
        """
        An event each second. All clients get the same ones.
        """
        self.begin()
        while True:
            time.sleep(1 - time.time() % 1)
            self.write(event(update()))

    def get_private(self) -> None:
        """
        The same events, for users with a session. Others get a page to log in.
        """
        if "session=" in self.headers.get("Cookie", ""):
            self.get_events()
        page = b"<!doctype html><title>Log in</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def get_chat(self) -> None:
        """
        A token each 20th of a second, as a language model's server sends them.
        """
        self.begin()
        for number in range(120):
            choice = {"index": 0, "delta": {"content": f" word{number}"}}
            chunk = {"object": "chat.completion.chunk", "model": "m" * 160}
            self.write(event({**chunk, "choices": [choice]}))
            time.sleep(0.05)
        self.write(b"data: [DONE]\n\n")
        self.end()

    def get_rare(self) -> None:
        """
        An event each 90 seconds, and the first one at once.
        """
        self.begin()
        while True:
            self.write(event(update()))
            time.sleep(90)

    def get_compressed(self) -> None:
        """
        The same events. A compressor is not flushed, if the client accepts gzip.
        """
        if "gzip" not in self.headers.get("Accept-Encoding", ""):
            self.get_events()
        self.begin(("Content-Encoding", "gzip"))
        compressor = zlib.compressobj(wbits=31)
        while True:
            time.sleep(1 - time.time() % 1)
            self.write(compressor.compress(event(update())))

    def get_unfinished(self) -> None:
        """
        Data each second, without the empty line that ends an event.
        """
        self.begin()
        while True:
            self.write(b"data: update\n")
            time.sleep(1)

    def get_mcp(self) -> None:
        """
        One event, and a comment each second, as a server of MCP that is idle. A POST
        gets one event, and the end.
        """
        accept = self.headers.get("Accept", "")
        if self.command == "POST":
            if "json" not in accept or "event-stream" not in accept:
                self.send_error(406)
                return
            self.begin()
            result = {"protocolVersion": "2025-06-18", "capabilities": {}}
            self.write(event({"jsonrpc": "2.0", "id": 1, "result": result}))
            self.end()
            return
        self.begin()
        self.write(b"event: endpoint\ndata: /messages?session=1\n\n")
        while True:
            time.sleep(1)
            self.write(b": ping\n\n")

    def get_socket(self) -> None:
        """
        A WebSocket that is closed, because the client sent no token.
        """
        if self.headers.get("Upgrade") != "websocket":
            self.send_error(426)
            return
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        key = f"{self.headers['Sec-WebSocket-Key']}{guid}".encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        text, reason = b"hello", b"token expired"
        self.wfile.write(bytes([0x81, len(text)]) + text)
        time.sleep(1)
        self.wfile.write(bytes([0x88, len(reason) + 2]) + b"\x03\xf0" + reason)

    def begin(self, *headers: tuple[str, str]) -> None:
        """
        Write the headers of a stream: in chunks, unless the client has HTTP/1.0.
        """
        self.chunked = self.request_version != "HTTP/1.0"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        for name, value in headers:
            self.send_header(name, value)
        if self.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def write(self, data: bytes) -> None:
        """
        Write a part of the stream.
        """
        if data:
            chunk = b"%x\r\n%b\r\n" % (len(data), data)
            self.wfile.write(chunk if self.chunked else data)

    def end(self) -> None:
        """
        Write the last chunk.
        """
        self.wfile.write(b"0\r\n\r\n" * self.chunked)

    def version_string(self) -> str:
        """
        Return the value of the header C{Server}.
        """
        return "app"

    def log_message(self, *_: object) -> None:
        """
        Log nothing.
        """


class Server(ThreadingHTTPServer):
    """
    The server.
    """

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """
        Say nothing when a client disconnects.
        """


def update() -> dict[str, object]:
    """
    Return the current update, which is the same for all clients.
    """
    return {"update": int(time.time()) % 86_400}


def event(fields: dict[str, object]) -> bytes:
    """
    Return an event whose data is JSON.
    """
    return f"data: {json.dumps(fields)}\n\n".encode()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    Server(("127.0.0.1", port), App).serve_forever()
