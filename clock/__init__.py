"""
A TCP server that tells each client the time, one line a second.

L{ClockFactory} makes a L{ClockProtocol} for each client, and decides whose
turn it is; a L{Ticker} says when the lines are due, and a L{Face} what they look
like. Serve them on any endpoint, or run C{twistd clock}. The connections of a
L{PromptEndpoint} send at once, and a L{ClientLimit} says how many clients there may be.
"""

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
