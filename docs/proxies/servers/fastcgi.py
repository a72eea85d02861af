#!/usr/bin/env python3
"""
A FastCGI program that sends an event each second, for one request at a time: records as
in the FastCGI specification, on the listening socket that it gets as standard input.
"""

import socket
import struct
import time
from contextlib import suppress
from datetime import datetime

STDIN, STDOUT = 5, 6


def read(stream) -> tuple[int, int]:
    """
    Read a record, and return its type and the number of bytes in it.
    """
    _, kind, _, size, padding, _ = struct.unpack("!BBHHBB", stream.read(8))
    stream.read(size + padding)
    return kind, size


def write(connection: socket.socket, text: str) -> None:
    """
    Write to the standard output of the first request.
    """
    header = struct.pack("!BBHHBB", 1, STDOUT, 1, len(text), 0, 0)
    connection.sendall(header + text.encode())


listening = socket.socket(fileno=0)
while True:
    connection, _ = listening.accept()
    with (
        connection,
        connection.makefile("rb") as stream,
        suppress(OSError, struct.error),
    ):
        while read(stream) != (STDIN, 0):
            pass
        write(connection, "Content-Type: text/event-stream\r\n\r\n")
        while True:
            write(connection, f"data: {datetime.now().astimezone().isoformat()}\n\n")
            time.sleep(1)
