"""Questions and answers, typed or piped."""

from __future__ import annotations

import io
import sys
from typing import TextIO

from attrs import frozen

from fieldfare.cli.printable import printable

__all__ = ["Console"]


@frozen
class Console:
    """Asks on a stream, and takes answers from standard input.

    Attributes:
        stream: where questions go.
        typed: whether somebody sits at a terminal, where answers can be edited as they are typed.
    """

    stream: TextIO
    typed: bool

    @classmethod
    def open(cls, *, json: bool) -> Console:
        """Return the console of this process; questions keep clear of a standard output that is the result."""
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")  # names in Redis are bytes
        hidden = sys.stdin.isatty() and not sys.stdout.isatty()
        stream = sys.stderr if json or hidden else sys.stdout
        typed = sys.stdin.isatty() and stream is sys.stdout
        if typed:
            import readline  # noqa: F401, PLC0415 - input() uses it once it is there
        return cls(stream, typed)

    def read(self, prompt: str) -> str:
        """Return one answer; a piped one is shown, so that the output reads as a session.

        Raises:
            EOFError: there are no more.
        """
        if self.typed:
            return input(printable(prompt))
        self.stream.write(printable(prompt))
        self.stream.flush()
        line = sys.stdin.readline()
        if not line:
            self.stream.write("\n")
            raise EOFError
        if not sys.stdin.isatty():
            self.write(line.rstrip("\r\n"))
        return line.rstrip("\r\n")

    def write(self, line: str) -> None:
        """Show a line."""
        self.stream.write(printable(line) + "\n")
        self.stream.flush()
