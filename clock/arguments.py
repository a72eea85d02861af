"""
What the commands have in common in reading their command lines.

A mistake of the user's ends the program with one line on standard error and
exit status 1.
"""

from __future__ import annotations

import getopt
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, cast

from twisted.copyright import version as twistedVersion
from twisted.internet.interfaces import IReactorCore
from twisted.python import usage

import clock
from clock.output import write
from clock.wording import oneLine


def whole(option: str, least: int, most: int) -> Callable[[str], int]:
    """
    Make what reads a whole number from the command line.

    @param option: what the number is for, as an error is to name it.
    @param least: the smallest that will do.
    @param most: the largest.

    @return: takes the text, and raises C{UsageError} where it will not do.
    """

    def coerce(value: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise usage.UsageError(
                f"{option} {value!r} is not a whole number from {least} to {most}"
            )
        return int(value)

    return coerce


def seconds(option: str, least: float, never: str = "") -> Callable[[str], float]:
    """
    Make what reads a time from the command line: a day at most, or 0 if that is
    said to mean never.

    @param option: what the time is for, as an error is to name it.
    @param least: the shortest that will do, in seconds.
    @param never: how an error is to say that 0 will do, too.

    @return: takes the text, and raises C{UsageError} where it will not do.
    """

    def coerce(value: str) -> float:
        try:
            # float() takes 1_0 for 10.
            result = math.nan if "_" in value else float(value)
        except ValueError:
            result = math.nan
        if not (least <= result <= 86_400 or (never and result == 0)):
            raise usage.UsageError(
                f"{option} {value!r} is not a number of seconds from {least:g} to "
                f"86400{never}"
            )
        return result

    return coerce


class CommandOptions(usage.Options):
    """
    Options whose errors are one line on standard error, and whose help has examples.

    @cvar examples: the arguments of each, and what they do.
    """

    examples: Sequence[tuple[str, str]] = ()

    def __init__(self, reactor: IReactorCore | None = None) -> None:
        """
        @param reactor: what the endpoints are for; by default the global one.
        """
        super().__init__()
        self._reactor = reactor

    @property
    def reactor(self) -> IReactorCore:
        """
        The reactor, imported as late as this so that C{--reactor} can choose.
        """
        if self._reactor is None:
            from twisted.internet import reactor

            # Else whoever sets the system's clock back freezes every timer:
            # https://github.com/twisted/twisted/issues/2424
            reactor.seconds = time.monotonic  # type: ignore[method-assign]
            self._reactor = cast(IReactorCore, reactor)
        return self._reactor

    def commandName(self) -> str:
        """
        Name the command, as errors are to begin.

        @return: as the user has typed it.
        """
        return os.path.basename(sys.argv[0])

    def exampleName(self) -> str:
        """
        Name the command, as an example is to begin.

        @return: as the user can type it.
        """
        return self.commandName()

    def getUsage(self, width: int | None = None) -> str:
        """
        Add the examples, which C{longdesc} would run into one paragraph.
        """
        name = self.exampleName()
        column = max(len(arguments) for arguments, _ in self.examples) + 2
        lines = [
            f"  {name} {arguments:{column}}# {says}\n"
            for arguments, says in self.examples
        ]
        return super().getUsage(width) + "\nExamples:\n" + "".join(lines)

    def opt_help(self) -> NoReturn:
        """
        Display this help and exit.
        """
        self._exitWith(str(self))

    opt_h = opt_help

    def opt_version(self) -> NoReturn:
        """
        Display the versions of the clock and of Twisted, and exit.
        """
        self._exitWith(f"clock {clock.__version__}, Twisted {twistedVersion}")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line. Options may follow arguments.

        @raise SystemExit: with one line for standard error, if it is wrong.
            (C{twistd} would print all of the help, to standard output.)
        """
        words = sys.argv[1:] if options is None else [*options]
        try:
            super().parseOptions(self._optionsFirst(words))
        except usage.UsageError as error:
            raise SystemExit(f"{self.commandName()}: {oneLine(error)}") from None

    def _exitWith(self, text: str) -> NoReturn:
        write(f"{text}\n", self.commandName())
        sys.exit(0)

    def _optionsFirst(self, words: list[str]) -> list[str]:
        """
        Put the options before the arguments, where the base class looks for them.
        """
        if words[-2:-1] == ["--_shell-completion"]:
            return words
        try:
            found, arguments = getopt.gnu_getopt(words, self.shortOpt, self.longOpt)
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        options = []
        for name, value in found:
            options.append(name)
            if f"{name[2:]}=" in self.longOpt or f"{name[1:]}:" in self.shortOpt:
                options.append(value)
        return [*options, "--", *arguments]
