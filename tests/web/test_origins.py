"""
Pages of other sites that read the clock.
"""

from __future__ import annotations

from tests.harness.web import (
    HANDSHAKE,
    line,
    need_websockets,
    request,
    web_server,
)


def test_origins() -> None:
    """
    Pages of other sites can read a stream, or open a WebSocket, if they are allowed.
    """
    need_websockets()
    with web_server("--allow-origin", "https://example.org") as server:
        port = server.web_port
        for origin, code in [
            ("https://example.org", 101),
            (f"http://127.0.0.1:{port}", 101),
            ("https://example.com", 403),
        ]:
            with request(port, "/socket", Origin=origin, **HANDSHAKE) as response:
                assert response.status == code
        for origin, allowed in [
            ("https://example.org", "https://example.org"),
            ("https://example.com", None),
        ]:
            with request(port, "/lines", Origin=origin) as response:
                assert response.getheader("Access-Control-Allow-Origin") == allowed
                line(response)
        origin = "https://example.org"
        with request(port, "/events", "OPTIONS", Origin=origin) as response:
            assert response.status == 204
            methods = response.getheader("Access-Control-Allow-Methods")
            assert methods == "GET, HEAD, POST"
