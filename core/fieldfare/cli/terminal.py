"""Questions and answers, typed or piped."""

from __future__ import annotations

import io
import sys
from typing import TextIO

from attrs import frozen

from fieldfare.cli.layout import width_of
from fieldfare.support.escape import escape_text
from fieldfare.support.text_layout import wrap_text

__all__ = ["Console"]


@frozen
class Console:
    """Writes questions to a stream, and reads answers from standard input.

    Attributes:
        stream: the stream for questions.
        interactive: whether answers are typed at a terminal, and can be edited.
    """

    stream: TextIO
    interactive: bool

    @classmethod
    def open(cls, *, json: bool) -> Console:
        """Return the console of this process; questions go to stderr if stdout is for the result."""
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")  # names in Redis are bytes
        hidden = sys.stdin.isatty() and not sys.stdout.isatty()
        stream = sys.stderr if json or hidden else sys.stdout
        interactive = sys.stdin.isatty() and stream is sys.stdout
        if interactive:
            import readline  # noqa: F401, PLC0415 - input() uses it if it is imported
        return cls(stream, interactive)

    def read(self, prompt: str) -> str:
        """Return one answer; a piped one is shown, so that the output reads as a session.

        Raises:
            EOFError: there are no more answers.
        """
        if self.interactive:
            return input(escape_text(prompt))
        self.stream.write(escape_text(prompt))
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
        self.stream.write(wrap_text(escape_text(line), width_of(self.stream)) + "\n")
        self.stream.flush()
