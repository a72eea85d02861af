"""
Make C{twistd stepclock} known to Twisted.
"""

from twisted.application.service import ServiceMaker

stepclock = ServiceMaker(
    "Step clock",
    "stepclock.tap",
    "A clock server: sends every client the time, one line a second",
    "stepclock",
)
