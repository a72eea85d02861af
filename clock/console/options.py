"""
The command lines of all commands: options, their values, and their errors.

An error in the command line ends the process with one line on standard error and exit
status 1. Parsing changes nothing in the process and needs no reactor.
"""

from __future__ import annotations

import getopt
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from twisted.copyright import version as twistedVersion
from twisted.python import usage

import clock
from clock.console.output import write
from clock.console.text import oneLine


def whole(option: str, minimum: int, maximum: int) -> Callable[[str], int]:
    """
    Make a parser of whole numbers for an option.

    @param option: the option. An error begins with it.
    @param minimum: the smallest number allowed.
    @param maximum: the largest number allowed.

    @return: a function that takes the text and returns the number, or raises
        C{UsageError}.
    """

    def coerce(value: str) -> int:
        if (
            not re.fullmatch("[0-9]{1,9}", value)
            or not minimum <= int(value) <= maximum
        ):
            raise usage.UsageError(
                f"{option} {value!r} is not a whole number from {minimum} to {maximum}"
            )
        return int(value)

    return coerce


def seconds(option: str, minimum: float, never: str = "") -> Callable[[str], float]:
    """
    Make a parser of times for an option. The longest time allowed is a day.

    @param option: the option. An error begins with it.
    @param minimum: the shortest time allowed, in seconds.
    @param never: if 0 is allowed too and means never, the end of the error, such as
        C{", or 0 for never"}.

    @return: a function that takes the text and returns seconds, or raises
        C{UsageError}.
    """

    def coerce(value: str) -> float:
        try:
            # float("1_0") is 10.
            result = math.nan if "_" in value else float(value)
        except ValueError:
            result = math.nan
        if not (minimum <= result <= 86_400 or (never and result == 0)):
            raise usage.UsageError(
                f"{option} {value!r} is not a number of seconds from {minimum:g} to "
                f"86400{never}"
            )
        return result

    return coerce


class CommandOptions(usage.Options):
    """
    Options whose errors are one line on standard error, and whose help has examples.

    @cvar examples: the arguments of each example, and what it does.
    @cvar unusedNames: the names of further options, which take no value and change
        nothing. The help does not list them.
    @cvar unusedLetters: the letters of such options.
    """

    examples: Sequence[tuple[str, str]] = ()
    unusedNames: Sequence[str] = ()
    unusedLetters = ""

    def commandName(self) -> str:
        """
        Return the name of the command, as the user typed it. Errors begin with it.
        """
        return os.path.basename(sys.argv[0])

    def exampleName(self) -> str:
        """
        Return the command with which examples begin.
        """
        return self.commandName()

    def getUsage(self, width: int | None = None) -> str:
        """
        Add the examples. C{longdesc} would join them into one paragraph.
        """
        name = self.exampleName()
        column = max(len(arguments) for arguments, _ in self.examples) + 2
        lines = [
            f"  {name} {arguments:{column}}# {effect}\n"
            for arguments, effect in self.examples
        ]
        return super().getUsage(width) + "\nExamples:\n" + "".join(lines)

    def opt_help(self) -> NoReturn:
        """
        Display this help and exit.
        """
        self._printAndExit(str(self))

    opt_h = opt_help

    def opt_version(self) -> NoReturn:
        """
        Display the versions of the clock and of Twisted, and exit.
        """
        self._printAndExit(f"clock {clock.__version__}, Twisted {twistedVersion}")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line. Options may follow arguments.

        @raise SystemExit: with one line for standard error, if the command line is
            wrong. (C{twistd} would print the whole help to standard output.)
        """
        words = sys.argv[1:] if options is None else [*options]
        try:
            super().parseOptions(self._optionsFirst(words))
        except usage.UsageError as error:
            raise SystemExit(f"{self.commandName()}: {oneLine(error)}") from None

    def _printAndExit(self, text: str) -> NoReturn:
        write(f"{text}\n", self.commandName())
        sys.exit(0)

    def _optionsFirst(self, words: list[str]) -> list[str]:
        """
        Move the options before the arguments: C{usage.Options} stops at the first
        argument. Leave out those that change nothing.
        """
        if words[-2:-1] == ["--_shell-completion"]:
            return words
        try:
            found, arguments = getopt.gnu_getopt(
                words,
                self.shortOpt + self.unusedLetters,
                [*self.longOpt, *self.unusedNames],
            )
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        options = []
        for name, value in found:
            if name[1:] in self.unusedLetters or name[2:] in self.unusedNames:
                continue
            options.append(name)
            if f"{name[2:]}=" in self.longOpt or f"{name[1:]}:" in self.shortOpt:
                options.append(value)
        return [*options, "--", *arguments]
