"""
A TCP server that tells each client the time, one line a second.

L{ClockFactory} makes a L{ClockProtocol} for each client, and decides whose
turn it is; a L{Ticker} says when the lines are due, and a L{Face} what they look
like. Serve them on any endpoint, or run C{twistd clock}.
"""

from clock.face import Face
from clock.protocol import ClockFactory, ClockProtocol
from clock.ticker import Ticker

__version__ = "0.1.0"

__all__ = ["ClockFactory", "ClockProtocol", "Face", "Ticker"]
