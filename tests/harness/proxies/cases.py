"""
Programs, and what C{clock-check} says of the streams that come from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from tests.harness.requirements import need_module

#: The port for TLS.
TLS = "8443"

#: The ports of configurations on which a program listens.
PORTS = "8081", "8082", "8083", TLS


class Said(NamedTuple):
    """
    What C{clock-check} says about a stream.

    @ivar code: the code of its diagnosis, or C{whole}.
    @ivar others: the codes that it may have instead.
    @ivar median: the median lateness, in seconds; C{None} if lines do not keep coming.
    @ivar most: the greatest lateness, in seconds.
    """

    code: str
    others: frozenset[str] = frozenset()
    median: float | None = None
    most: float = 0


WHOLE = Said("whole", median=0)
#: The first lines arrive together. No gap is too long, and the others are in time.
TOGETHER = Said("whole", median=0, most=1)
#: On a busy machine, the delay may vary too much. If the first line comes at the start
#: of an interval, it does not show whether the lines are delayed or the clocks differ.
DELAYED = Said("delayed", frozenset({"whole"}), median=0.2, most=0.2)
#: A first line that is sent just before the next one is not delayed, so it does not
#: show this either.
BEHIND = Said("one-behind", frozenset({"whole"}), median=1, most=1)
HELD = Said("held-back")
#: A timeout after the first line may be for idle connections or for all.
CUT_AFTER_ONE = Said(
    "cut-every", frozenset({"cut-within-response", "closed", "http2-error"})
)
EMPTY = Said("silent")
NOTHING = Said("headers-held-back")
REFUSED = Said("not-reached")
#: The program ends a response in good order when its timeout has passed.
ENDED = Said("ended")
#: Connections may last equally long by chance. On a busy machine, too few of them may
#: have ended after the same time. If a line comes less than 0.3 s after another, nginx
#: does not restart its timeout (C{NGX_TIMER_LAZY_DELAY} in its sources).
CUT = Said(
    "cut-every-idle",
    frozenset({"cut-every", "cut-every-total", "cut-within-response", "closed"}),
)


class Proxy(NamedTuple):
    """
    How to run a program, which listens on ports of C{PORTS}.

    @ivar command: the command that runs it in the foreground, in a folder with its
        files. C{{folder}} stands for the path of this folder.
    @ivar files: these files, or folders, in C{docs/proxies}.
    @ivar is_package: whether it is a package of PyPI or npm. The folder then has a link
        to C{node_modules}.
    @ivar older: a package of PyPI that it uses instead of the installed version.
    """

    command: Sequence[str]
    files: Sequence[str]
    is_package: bool = False
    older: str | None = None


class Case(NamedTuple):
    """
    A stream, and what the check says of it.

    @ivar program: the name of the program.
    @ivar address: the port, as in the configuration, and the path: C{8081/path};
        C{tcp:8081} for a stream without HTTP.
    @ivar said: what the check says.
    @ivar options: options of C{clock-check}, besides those of all streams, which they
        override.
    @ivar setting: the name of the setting in the documentation, if it is neither the
        path nor the port.
    """

    program: str
    address: str
    said: Said
    options: tuple[str, ...] = ()
    setting: str | None = None

    def __str__(self) -> str:
        return f"{self.program}-{self.address}"

    def modules(self) -> Iterator[str]:
        """
        List the modules that are needed for the stream.
        """
        if "/socket" in self.address:
            yield "wsproto"
        if self.address.startswith(TLS):
            yield "OpenSSL"

    def need(self) -> None:
        """
        Skip if a module that is needed for the stream is not installed.
        """
        for module in self.modules():
            need_module(module)

    def is_possible(self) -> bool:
        """
        Return whether the modules that are needed for the stream are installed.
        """
        return all(map(find_spec, self.modules()))


def cases(
    settings: Iterable[tuple[str, str, Said | None, Said | None, Said | None]],
) -> Iterator[Case]:
    """
    List the streams of the clock that are read through proxies.

    @param settings: for each setting: the proxy, the port and the path, and what the
        check says of a stream with the headers of the clock, of one without them, and
        of a WebSocket. C{None} is for what is not read.
    """
    for proxy, where, own, bare, websocket in settings:
        for stream in ("lines", "events"):
            if own:
                yield Case(proxy, f"{where}/{stream}", own)
            if bare:
                yield Case(proxy, f"{where}/{stream}?bare=1", bare)
        if websocket:
            yield Case(proxy, f"{where}/socket", websocket)


def timeouts(streams: Iterable[tuple[str, str]]) -> Iterator[Case]:
    """
    List streams of a single line, on which an idle timeout of 3 s works.

    @param streams: for each: the proxy, and the port and the path.
    """
    options = "--max-gap", "86400", "--for", "14"
    for proxy, address in streams:
        yield Case(proxy, f"{address}?every=86400", CUT_AFTER_ONE, options, "timeout")
