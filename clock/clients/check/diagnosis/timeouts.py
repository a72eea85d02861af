"""
The default timeouts of well-known proxies, load balancers and platforms, in seconds.

C{docs/diagnoses.rst} has the source of each.
"""

from __future__ import annotations

#: By seconds: whose default it is.
Defaults = dict[int, tuple[str, ...]]

#: Timeouts of a connection on which nothing is sent.
IDLE: Defaults = {
    30: ("CloudFront", "Traffic Server", "h2o"),
    55: ("Heroku",),
    60: ("nginx", "Apache", "Varnish", "nghttpx", "AWS's ALB"),
    100: ("Cloudflare until 2025",),
    120: ("Cloudflare", "Node before version 13"),
    240: ("Azure's load balancer",),
    300: ("Envoy's streams", "Apache in Debian"),
    350: ("AWS's NLB",),
    600: ("Google Cloud's VPC", "WebSockets of CloudFront", "nginx's TCP proxy"),
    900: ("squid",),
    3600: ("Envoy's TCP proxy",),
}

#: Limits of a whole response.
TOTAL: Defaults = {
    15: ("Envoy's routes",),
    29: ("AWS's API Gateway",),
    30: ("Google Cloud's load balancer", "gunicorn's sync worker"),
}

#: By how much later than the timeout a program may close a connection, in seconds. A
#: worker of gunicorn says once a second that it is alive, and its parent looks at this
#: once a second. So does Traffic Server.
LATER = {"gunicorn's sync worker": 1.0, "Traffic Server": 1.0}


def defaultText(defaults: Defaults, seconds: float) -> str:
    """
    Say whose default a timeout is.

    @param defaults: L{IDLE} or L{TOTAL}.
    @param seconds: the timeout.

    @return: C{60 s is the default of nginx and Apache}; empty if it is nobody's.
    """
    for default, programs in defaults.items():
        tolerance, later = max(0.15, default / 100), seconds - default
        names = [
            each
            for each in programs
            if -tolerance <= later <= tolerance + LATER.get(each, 0)
        ]
        if names:
            *others, last = names
            named = f"{', '.join(others)} and {last}" if others else last
            return f"{default} s is the default of {named}"
    return ""
