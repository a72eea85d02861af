"""
A TCP server that tells each client the time, one line a second.

L{ClockFactory} makes a L{ClockProtocol} for each client, and decides whose
turn it is; a L{Ticker} says when the lines are due, and a L{Face} what they look
like. Serve them on any endpoint, or run C{twistd clock}. The connections of a
L{PromptEndpoint} send at once, and a L{ClientLimit} says how many clients there may be.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from clock.face import Face
    from clock.limits import ClientLimit
    from clock.protocol import ClockFactory, ClockProtocol
    from clock.ticker import Ticker
    from clock.transport import PromptEndpoint

__version__ = "0.1.0"

__all__ = [
    "ClientLimit",
    "ClockFactory",
    "ClockProtocol",
    "Face",
    "PromptEndpoint",
    "Ticker",
]

_MODULES = {
    "ClientLimit": "clock.limits",
    "ClockFactory": "clock.protocol",
    "ClockProtocol": "clock.protocol",
    "Face": "clock.face",
    "PromptEndpoint": "clock.transport",
    "Ticker": "clock.ticker",
}


def __getattr__(name: str) -> object:
    """
    Import a public name when it is first used. The commands, which begin in this
    package, too, can therefore handle Ctrl-C before Twisted is imported.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
