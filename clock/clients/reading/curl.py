"""
The options of curl that need nothing here.
"""

from __future__ import annotations

from clock.console.options import CommandOptions


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
