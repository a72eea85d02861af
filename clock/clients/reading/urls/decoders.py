"""
Decode the body of a response, as C{Content-Encoding} says (RFC 9110).

A hostile server can send a body that grows a thousandfold, or more, when it is decoded.
Padding against buffers grows as much, but it is short. So the ratio is not limited, but
how much a body may grow in a time.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from twisted.web.http_headers import Headers

from clock.clients.reading.ends import EndError, How
from clock.console.text import oneLine

#: The most bytes that a body may grow to at once, and by how many bytes a second this
#: grows again when they are used.
BURST, RATE = 64_000_000, 8_000_000

#: The most bytes that one chunk may grow to. Decoding them takes about 20 ms.
MAX_AT_ONCE = 8_000_000

#: What the beginning of a member costs, as if it were text. A decoder may take as long
#: to begin as for so many bytes.
MEMBER_COST = 4096

#: The most encodings of one body.
MAX_ENCODINGS = 3

#: About the most bytes to decode before they are counted.
PIECE = 262_144

#: The most bytes of zstd to decode at once. Its decoder has no limit for what they grow
#: to: 128 KiB for each four of them.
ZSTD_INPUT = 64

#: The same for a brotli before 1.2: about 16 MiB.
BROTLI_INPUT = 16

#: The window size for C{zlib} that means a gzip header.
GZIP = 16 + zlib.MAX_WBITS

#: The largest window of zstd, in powers of two, as RFC 9659 has it: 8 MiB.
ZSTD_WINDOW = 23


def _installed(*names: str) -> str | None:
    """
    Return the first of some modules that is installed.
    """
    for name in names:
        # The package of the module may be missing, too.
        with suppress(ModuleNotFoundError):
            if find_spec(name):
                return name
    return None


#: The modules for the encodings that need one.
MODULES = {
    "br": _installed("brotli"),
    "zstd": _installed("compression.zstd", "zstandard"),
}

#: What can be decoded: the value of C{Accept-Encoding}.
ACCEPTED = ", ".join(["gzip", "deflate", *(each for each in MODULES if MODULES[each])])


class _Brotli:
    """
    A decoder of brotli, with the interface of C{zlib}.
    """

    unused_data = unconsumed_tail = b""

    def __init__(self, decompressor: Any) -> None:
        self._decompressor = decompressor
        self._isLimited = hasattr(decompressor, "can_accept_more_data")

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.is_finished())

    def decompress(self, data: bytes, limit: int) -> bytes:
        if self._isLimited:
            return bytes(self._decompressor.process(data, output_buffer_limit=limit))
        self.unconsumed_tail = data[BROTLI_INPUT:]
        return bytes(self._decompressor.process(data[:BROTLI_INPUT]))


class _Zstandard:
    """
    A decoder of one frame of zstd, with the interface of C{zlib}.
    """

    unused_data = unconsumed_tail = b""

    def __init__(self, decompressor: Any) -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.eof)

    def decompress(self, data: bytes, limit: int) -> bytes:
        text: bytes = self._decompressor.decompress(data[:ZSTD_INPUT])
        self.unconsumed_tail = data[ZSTD_INPUT:]
        if self.eof:
            self.unused_data = self._decompressor.unused_data + self.unconsumed_tail
        return text


def _deflate(data: bytes) -> Any:
    """
    Return a decoder of deflate. RFC 9110 has it with a header. Some servers send it
    without, and browsers accept both. No encoder begins raw deflate with these bits.
    """
    isRaw = data[0] & 15 != zlib.DEFLATED
    return zlib.decompressobj(-zlib.MAX_WBITS if isRaw else zlib.MAX_WBITS)


class _Encoding:
    """
    One encoding of a body.

    @ivar isWithin: whether the end of the encoding is missing.
    """

    isWithin = False
    _stream: Any = None

    def __init__(
        self,
        name: str,
        begin: Callable[[bytes], Any],
        error: type[Exception] = zlib.error,
        hasMembers: bool = False,
    ) -> None:
        """
        @param name: the name.
        @param begin: makes a decoder for what begins with these bytes.
        @param error: what a decoder raises for bytes that it cannot decode.
        @param hasMembers: whether another beginning may follow an end.
        """
        self._name = name
        self._begin = begin
        self._error = error
        self._hasMembers = hasMembers

    def decode(
        self, pieces: Iterable[bytes], spend: Callable[[int], None]
    ) -> Iterator[bytes]:
        """
        Decode the next bytes.

        @param pieces: the bytes.
        @param spend: called with the size of each piece of text, before it is returned.

        @return: all the text that can be decoded so far, in pieces.

        @raise EndError: if the bytes are not in this encoding.
        """
        for data in pieces:
            while data:
                if self._stream is None or (self._stream.eof and self._hasMembers):
                    self._stream = self._begin(data)
                    spend(MEMBER_COST)
                try:
                    if self._stream.eof:
                        raise self._error
                    yield from self._decodeMember(data, spend)
                except self._error:
                    text = f"the body is not {self._name}, as its header says"
                    raise EndError(How.MALFORMED, text) from None
                self.isWithin = not self._stream.eof
                data = self._stream.unused_data

    def _decodeMember(
        self, data: bytes, spend: Callable[[int], None]
    ) -> Iterator[bytes]:
        text = b""
        # A decoder may hold text back after it has taken all of its input.
        while (data or text) and not self._stream.eof:
            text = self._stream.decompress(data, PIECE)
            data = self._stream.unconsumed_tail
            spend(len(text))
            yield text


class BodyDecoder:
    """
    Decode what arrives of a body.
    """

    def __init__(
        self, encodings: Sequence[_Encoding], seconds: Callable[[], float]
    ) -> None:
        """
        @param encodings: the encodings, in the order in which to decode them.
        @param seconds: the steady time, in seconds.
        """
        self._encodings = encodings
        self._seconds = seconds
        self._since = seconds()
        self._left = self._least = float(BURST)

    @property
    def isWithin(self) -> bool:
        """
        Whether the end of an encoding is missing.
        """
        return any(each.isWithin for each in self._encodings)

    def __call__(self, data: bytes) -> bytes:
        """
        Decode the next chunk.

        @param data: the bytes that have arrived.

        @return: all the text that can be decoded so far.

        @raise EndError: if the body cannot be decoded, or grows too much.
        """
        now = self._seconds()
        self._left = min(BURST, self._left + RATE * (now - self._since))
        self._since = now
        self._least = max(0, self._left - MAX_AT_ONCE)
        pieces: Iterable[bytes] = [data]
        for encoding in self._encodings:
            pieces = encoding.decode(pieces, self._spend)
        return b"".join(pieces)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < self._least:
            text = "the body grows too much when it is decoded"
            raise EndError(How.MALFORMED, text)


def bodyDecoder(
    headers: Headers, seconds: Callable[[], float] = time.monotonic
) -> BodyDecoder:
    """
    Return a decoder for the body of a response.

    @param headers: the headers of the response.
    @param seconds: the steady time, in seconds.

    @return: the decoder. It returns a body without an encoding as it is.

    @raise EndError: if the encoding is not supported.
    """
    # As bytes, because they need not be UTF-8.
    value = b",".join(headers.getRawHeaders(b"Content-Encoding", []))
    names = [each.strip() for each in oneLine(value.decode("latin-1")).split(",")]
    applied = [name.lower() for name in names if name.lower() not in ("", "identity")]
    if len(applied) > MAX_ENCODINGS:
        text = f"more than {MAX_ENCODINGS} encodings are not supported"
        raise EndError(How.MALFORMED, text)
    return BodyDecoder([_encoding(name) for name in reversed(applied)], seconds)


def _encoding(name: str) -> _Encoding:
    if name in ("gzip", "x-gzip"):
        return _Encoding("gzip", lambda _: zlib.decompressobj(GZIP), hasMembers=True)
    if name == "deflate":
        return _Encoding(name, _deflate)
    if name not in MODULES:
        text = f"the encoding {name} is not supported: this client reads {ACCEPTED}"
        raise EndError(How.MALFORMED, text)
    module = MODULES[name]
    if module is None:
        package = "brotli" if name == "br" else "zstandard"
        text = f"{name} needs {package}: pip install 'txclock[encodings]'"
        raise EndError(How.MALFORMED, text)
    library = import_module(module)
    if name == "br":
        return _Encoding(name, lambda _: _Brotli(library.Decompressor()), library.error)
    begin = _zstandard(library)
    return _Encoding(name, lambda _: _Zstandard(begin()), library.ZstdError, True)


def _zstandard(library: Any) -> Callable[[], Any]:
    """
    Return a function that makes decoders of zstd, with Python's own library or with
    C{zstandard}.
    """
    if hasattr(library, "DecompressionParameter"):
        limits = {library.DecompressionParameter.window_log_max: ZSTD_WINDOW}
        return lambda: library.ZstdDecompressor(options=limits)
    decompressor = library.ZstdDecompressor(max_window_size=1 << ZSTD_WINDOW)
    return lambda: decompressor.decompressobj()
