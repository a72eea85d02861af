"""
Proxies, and servers of other makers, as C{docs/proxies} configures them, and what
C{clock-check} says of the streams that come from them.
"""
