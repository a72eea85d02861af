"""
A TCP server that sends each client the time, one line a second.

The public classes:

  - L{ClockFactory} builds a L{ClockProtocol} for each client, and decides when its turn
    begins, in concurrent or sequential mode.
  - L{Ticker} decides when lines are sent, and L{TimeFormat} renders them.
  - L{ImmediateEndpoint} is a listening endpoint whose connections send at once.
  - L{ClientLimit} limits the clients of any number of factories.

The plugin, C{twistd clock}, is made of these.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from clock.factory import ClockFactory
    from clock.limits import ClientLimit
    from clock.protocol import ClockProtocol
    from clock.ticker import Ticker
    from clock.timeformat import TimeFormat
    from clock.transport.endpoint import ImmediateEndpoint

__version__ = "1.0.0rc1"

__all__ = [
    "ClientLimit",
    "ClockFactory",
    "ClockProtocol",
    "ImmediateEndpoint",
    "Ticker",
    "TimeFormat",
]

_MODULES = {
    "ClientLimit": "clock.limits",
    "ClockFactory": "clock.factory",
    "ClockProtocol": "clock.protocol",
    "ImmediateEndpoint": "clock.transport.endpoint",
    "Ticker": "clock.ticker",
    "TimeFormat": "clock.timeformat",
}


def __getattr__(name: str) -> object:
    """
    Import a public name when it is first used. The commands import this package too,
    and handle Ctrl-C before they import Twisted.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
