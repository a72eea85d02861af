"""
Tests for L{clock.clients.reading.urls.decoders}.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any
from unittest import SkipTest, mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from clock.clients.reading.ends import EndError, How
from clock.clients.reading.urls import decoders
from clock.clients.reading.urls.decoders import (
    ACCEPTED,
    BURST,
    MAX_AT_ONCE,
    MEMBER_COST,
    MODULES,
    RATE,
    BodyDecoder,
    bodyDecoder,
)

#: What grows too much.
TOO_MUCH = "the body grows too much when it is decoded"

#: A body that is too short to have a pattern, and has every byte.
TEXT = b"19:03:13\n19:03:14\n" + bytes(range(256))


class _Zlib:
    """
    An encoder with C{zlib}, which can flush.
    """

    def __init__(self, wbits: int) -> None:
        self._encoder = zlib.compressobj(wbits=wbits)

    def __call__(self, data: bytes) -> bytes:
        return self._encoder.compress(data) + self._encoder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._encoder.flush()


class _Brotli:
    """
    An encoder of brotli.
    """

    def __init__(self) -> None:
        self._encoder = import_module("brotli").Compressor()

    def __call__(self, data: bytes) -> bytes:
        encoded: bytes = self._encoder.process(data) + self._encoder.flush()
        return encoded

    def finish(self) -> bytes:
        end: bytes = self._encoder.finish()
        return end


class _Zstandard:
    """
    An encoder of zstd.
    """

    def __init__(self) -> None:
        module = import_module("zstandard")
        self._encoder = module.ZstdCompressor().compressobj()
        self._flush = module.COMPRESSOBJ_FLUSH_BLOCK

    def __call__(self, data: bytes) -> bytes:
        encoded: bytes = self._encoder.compress(data) + self._encoder.flush(self._flush)
        return encoded

    def finish(self) -> bytes:
        end: bytes = self._encoder.flush()
        return end


ENCODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: _Zlib(31),
    "x-gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "Deflate": lambda: _Zlib(-15),
    "br": _Brotli,
    "zstd": _Zstandard,
}


def encode(encoding: str, text: bytes) -> bytes:
    """
    Encode a whole body.
    """
    encoder = ENCODERS[encoding]()
    return bytes(encoder(text) + encoder.finish())


def decoder(*values: str, seconds: Callable[[], float] = lambda: 0.0) -> BodyDecoder:
    """
    Return a decoder for some values of C{Content-Encoding}.
    """
    return bodyDecoder(Headers({"Content-Encoding": list(values)}), seconds)


@cache
def member(size: int) -> bytes:
    """
    Return a member of gzip that grows to a size.
    """
    return gzip.compress(bytes(size), 1)


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    """
    Cut bytes into chunks.
    """
    return (data[start : start + size] for start in range(0, len(data), size))


class DecoderTestCase(SynchronousTestCase):
    """
    A test of a decoder.
    """

    def assertMalformed(
        self, reason: str, call: Callable[[Any], object], argument: object
    ) -> None:
        """
        The call fails with a reason.
        """
        end = self.assertRaises(EndError, call, argument).end
        self.assertEqual((end.how, end.text), (How.MALFORMED, reason))


class EncodingTests(DecoderTestCase):
    """
    Decoding each encoding.
    """

    def setUp(self) -> None:
        """
        Require brotli and zstandard.
        """
        for name in ("brotli", "zstandard"):
            if find_spec(name) is None:
                hint = f"{name} is not installed: pip install 'txclock[encodings]'"
                raise SkipTest(hint)

    def test_accepted(self) -> None:
        """
        All encodings can be asked for, with the modules that they need.
        """
        self.assertEqual(ACCEPTED, "gzip, deflate, br, zstd")

    def test_splits(self) -> None:
        """
        A body is decoded wherever it is split, and its end is known.
        """
        for encoding in ENCODERS:
            body = encode(encoding, TEXT)
            for split in range(1, len(body)):
                decode = decoder(encoding)
                self.assertFalse(decode.isWithin)
                text = decode(body[:split])
                self.assertTrue(decode.isWithin, encoding)
                self.assertEqual(text + decode(body[split:]), TEXT)
                self.assertFalse(decode.isWithin, encoding)
            self.assertEqual(b"".join(map(decoder(encoding), chunks(body, 1))), TEXT)

    def test_flush(self) -> None:
        """
        What is flushed is decoded at once, also if much of it is.
        """
        for encoding in ENCODERS:
            encoder, decode = ENCODERS[encoding](), decoder(encoding)
            for text in (b"a\n", b"b\n", b" " * 750_000, b"c\n"):
                self.assertEqual(decode(encoder(text)), text)
                self.assertEqual(decode(b""), b"")
                self.assertTrue(decode.isWithin)
            self.assertEqual(decode(encoder.finish()), b"")
            self.assertFalse(decode.isWithin)

    def test_members(self) -> None:
        """
        Another member of gzip may follow an end, and so may another frame of zstd.
        """
        for encoding in ("gzip", "zstd"):
            body = encode(encoding, b"a\n") + encode(encoding, b"b\n")
            for split in range(len(body)):
                decode = decoder(encoding)
                text = decode(body[:split])
                self.assertEqual(text + decode(body[split:]), b"a\nb\n")
                self.assertFalse(decode.isWithin)
            self.assertEqual(decode(body[:5]), b"")
            self.assertTrue(decode.isWithin)

    def test_trailingData(self) -> None:
        """
        What follows the end is an error if it is not a member, however it arrives.
        """
        for encoding in ("gzip", "deflate", "br", "zstd"):
            reason = f"the body is not {encoding}, as its header says"
            body = encode(encoding, TEXT)
            self.assertMalformed(reason, decoder(encoding), body + b"\n" * 20)
            decode = decoder(encoding)
            self.assertEqual(decode(body), TEXT)
            self.assertMalformed(reason, decode, b"\n" * 20)

    def test_otherData(self) -> None:
        """
        A body that is not encoded as its header says is an error.
        """
        for encoding in ("gzip", "deflate", "br", "zstd"):
            reason = f"the body is not {encoding}, as its header says"
            self.assertMalformed(reason, decoder(encoding), b"19:03:13\n" * 100)

    def test_sequence(self) -> None:
        """
        The last of several encodings is decoded first. The end of any may be missing.
        """
        outer = ENCODERS["br"]()
        decode = decoder("gzip, deflate", "Identity,,BR")
        inner = encode("deflate", encode("gzip", TEXT))
        self.assertEqual(decode(outer(inner)), TEXT)
        self.assertTrue(decode.isWithin)
        self.assertEqual(decode(outer.finish()), b"")
        self.assertFalse(decode.isWithin)
        decode = decoder("gzip", "br")
        decode(encode("br", encode("gzip", TEXT)[:-1]))
        self.assertTrue(decode.isWithin)

    def test_oldBrotli(self) -> None:
        """
        A brotli that has no limit is fed in small pieces.
        """
        new, sizes = import_module("brotli").Decompressor, []

        class Decompressor:
            def __init__(self) -> None:
                self._new = new()
                self.is_finished = self._new.is_finished

            def process(self, data: bytes) -> bytes:
                sizes.append(len(data))
                text: bytes = self._new.process(data)
                return text + b"".join(iter(lambda: self._new.process(b""), b""))

        text = TEXT * 10 + b" " * 750_000
        with mock.patch("brotli.Decompressor", Decompressor):
            self.assertEqual(decoder("br")(encode("br", text)), text)
        self.assertEqual(max(sizes), 16)

    def test_ownZstandard(self) -> None:
        """
        Python's own library for zstd is used like the other, with the same window.
        """
        zstandard = import_module("zstandard")

        def decompressor(options: dict[str, int]) -> Any:
            size = 1 << options["windowLogMax"]
            return zstandard.ZstdDecompressor(max_window_size=size).decompressobj()

        parameter = SimpleNamespace(window_log_max="windowLogMax")
        own = SimpleNamespace(
            ZstdDecompressor=decompressor,
            DecompressionParameter=parameter,
            ZstdError=zstandard.ZstdError,
        )
        parameters = zstandard.ZstdCompressionParameters(window_log=24)
        tooWide = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        reason = "the body is not zstd, as its header says"
        wide = tooWide.compress(TEXT) + tooWide.flush()
        self.assertMalformed(reason, decoder("zstd"), wide)
        with mock.patch.object(decoders, "import_module", lambda _: own):
            self.assertEqual(decoder("zstd")(encode("zstd", TEXT)), TEXT)
            self.assertMalformed(reason, decoder("zstd"), wide)

    def test_bomb(self) -> None:
        """
        A body that grows too much is an error, in chunks of any size, and with any
        encoding.
        """
        for encoding in ("gzip", "deflate", "br", "zstd"):
            bomb = encode(encoding, bytes(BURST + MAX_AT_ONCE))
            for size in (64, 4096, len(bomb)):
                decode = decoder(encoding)
                decoded = map(decode, chunks(bomb, size))
                self.assertMalformed(TOO_MUCH, list, decoded)
        twice = encode("zstd", encode("br", bytes(BURST)))
        self.assertMalformed(TOO_MUCH, decoder("br, zstd"), twice)


class BudgetTests(DecoderTestCase):
    """
    How much a body may grow.
    """

    def setUp(self) -> None:
        """
        Begin a body.
        """
        self.clock = Clock()
        self.decode = decoder("gzip", seconds=self.clock.seconds)

    def receive(self, size: int) -> None:
        """
        Decode a member that costs as much as so much text.
        """
        text = size - MEMBER_COST
        self.assertEqual(len(self.decode(member(text))), text)

    def test_atOnce(self) -> None:
        """
        One chunk may grow to a limit.
        """
        self.receive(MAX_AT_ONCE)
        self.assertMalformed(TOO_MUCH, self.receive, MAX_AT_ONCE + 1)

    def test_burst(self) -> None:
        """
        A body may grow by so much at once, and then by so much in each second.
        """
        for _ in range(BURST // MAX_AT_ONCE):
            self.receive(MAX_AT_ONCE)
        for seconds in (1, 0.5):
            self.clock.advance(seconds)
            self.receive(round(RATE * seconds))
        self.assertMalformed(TOO_MUCH, self.receive, MEMBER_COST + 1)

    def test_rest(self) -> None:
        """
        However long a body was quiet, it may not grow by more than at the start.
        """
        self.clock.advance(3600)
        self.test_burst()

    def test_members(self) -> None:
        """
        Members that are small add up, also if they are empty.
        """
        size = MAX_AT_ONCE // MEMBER_COST
        for each, count in ((member(MEMBER_COST), size // 2), (member(0), size)):
            self.assertEqual(self.decode(each * count).strip(b"\0"), b"")
            self.assertMalformed(TOO_MUCH, self.decode, each * (count + 1))

    def test_honest(self) -> None:
        """
        A snapshot of 5 MB that shrinks a hundredfold is read, and then 100 KB a second
        that shrink twentyfold.
        """
        self.receive(5_000_000)
        for _ in range(60):
            self.receive(2_000_000)
            self.clock.advance(1)


class HeaderTests(DecoderTestCase):
    """
    Which encodings are read.
    """

    def test_identity(self) -> None:
        """
        A body without an encoding is never within one. It may be of any size.
        """
        for values in ([], [""], ["identity"], ["Identity, identity"]):
            decode = decoder(*values)
            for size in (10, BURST + 1):
                self.assertEqual(len(decode(bytes(size))), size)
            self.assertFalse(decode.isWithin)

    def test_steadyTime(self) -> None:
        """
        Without a time, the time of this process is used.
        """
        decode = bodyDecoder(Headers({"Content-Encoding": ["gzip"]}))
        self.assertEqual(decode(gzip.compress(TEXT)), TEXT)

    def test_unknown(self) -> None:
        """
        An encoding that is not known is named, with those that are.
        """
        for value, shown in [("Compress", "compress"), ("gzip, é\x1b", "é\\x1b")]:
            reason = f"the encoding {shown} is not supported: this client reads "
            headers = Headers({b"Content-Encoding": [value.encode("latin-1")]})
            self.assertMalformed(reason + ACCEPTED, bodyDecoder, headers)

    def test_tooMany(self) -> None:
        """
        At most three encodings are decoded.
        """
        self.assertEqual(decoder("gzip", "identity", "gzip", "gzip")(b""), b"")
        reason = "more than 3 encodings are not supported"
        self.assertMalformed(reason, decoder, "gzip, gzip, gzip, gzip")

    def test_missing(self) -> None:
        """
        An encoding that needs a package says which, if it is missing. The modules are
        looked for without an import.
        """
        with mock.patch.dict(MODULES, {"br": None, "zstd": None}):
            for encoding, package in [("br", "brotli"), ("zstd", "zstandard")]:
                reason = f"{encoding} needs {package}: pip install 'txclock[encodings]'"
                self.assertMalformed(reason, decoder, encoding)
        self.assertEqual(decoders._installed("no_such.module", "no_such"), None)
        self.assertEqual(decoders._installed("no_such.module", "zlib"), "zlib")
