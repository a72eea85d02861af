"""
What a command of curl has that needs nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from clock.console.options import CommandOptions

#: A bracket that curl would otherwise expand, as C{[1-9]} to each of these numbers.
_ESCAPED = re.compile(r"\\([][{}])")


def withoutCurl(words: Sequence[str]) -> Sequence[str]:
    """
    Return the URLs of a command of curl, without the backslashes before their brackets.

    @param words: the words of the command without its options. If C{curl} is not one of
        them, they are returned.
    """
    if "curl" not in words:
        return words
    return [_ESCAPED.sub(r"\1", each) for each in words if each != "curl"]


class CurlOptions(CommandOptions):
    """
    Options that a command of curl may have, as a browser or a tutorial writes it. What
    they turn on in curl is always on here.
    """

    def opt_compressed(self) -> None:
        """
        Accepted as by curl: bodies are always decoded.
        """

    def opt_globoff(self) -> None:
        """
        Accepted as by curl: brackets in a URL are sent as they are.
        """

    def opt_http2(self) -> None:
        """
        Accepted as by curl: HTTP/2 is used if the server offers it.
        """

    def opt_location(self) -> None:
        """
        Accepted as by curl: redirects are always followed.
        """

    def opt_no_buffer(self) -> None:
        """
        Accepted as by curl: nothing is held back.
        """

    opt_L = opt_location
    opt_N = opt_no_buffer
