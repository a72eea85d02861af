"""
The clocks over HTTP: streams of lines, their status, and a page.

L{ClockSite} serves the same factories over HTTP that are served over TCP. For each
client that reads a stream, there is a L{ClockProtocol<clock.ClockProtocol>} with the
response as its transport. So turns, limit, ticks and format are the same for all
clients. Outside this package, only the plugin uses HTTP.
"""

from clock.web.site import ClockSite

__all__ = ["ClockSite"]
