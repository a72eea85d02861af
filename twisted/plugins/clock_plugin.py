"""
Make C{twistd clock} and C{twist clock} known to Twisted.
"""

from twisted.application.service import ServiceMaker

clock = ServiceMaker(
    "Clock",
    "clock.plugin.tap",
    "A clock server: sends each client the time, one line a second",
    "clock",
)
