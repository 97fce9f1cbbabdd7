"""Questions to the user, repeated until an answer is valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Dialogue", "Terminal"]

T = TypeVar("T")


class Terminal(Protocol):
    """Where questions go and answers come from."""

    def read(self, prompt: str) -> str:
        """Return one typed line, without its line break.

        Raises:
            EOFError: there are no more lines.
        """
        ...

    def write(self, line: str) -> None:
        """Show a line."""
        ...


class Dialogue:
    """A dialogue with a user at a terminal, or with a file of answers.

    Args:
        terminal: the terminal.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def show(self, *lines: str) -> None:
        """Show some lines."""
        for line in lines:
            self._terminal.write(line)

    def ask(self, prompt: str, read: Callable[[str], T], *, exact: bool = False) -> T | None:
        """Ask until an answer is valid.

        Args:
            prompt: the question.
            read: converts an answer; its ``ValueError`` is shown, and the question asked again.
            exact: whether blanks around an answer belong to it.

        Returns:
            The converted answer, or None for a blank one.

        Raises:
            EOFError: there are no more answers.
        """
        while True:
            line = self._terminal.read(prompt)
            answer = line if exact else line.strip()
            if not answer:
                return None
            try:
                return read(answer)
            except ValueError as error:
                self.show(str(error))

    def choose(self, title: str, items: Sequence[tuple[str, str]], prompt: str, read: Callable[[str], T]) -> T | None:
        """Show a numbered list and ask for one of its items.

        Args:
            title: the line above the list.
            items: name and text of each item.
            prompt: the question.
            read: converts the chosen name; its ``ValueError`` is shown, and the question asked again.

        Returns:
            The converted name, or None for a blank answer.
        """
        self.show(title, *(f"{number}. {shown}" for number, (_, shown) in enumerate(items, 1)))
        names = [name for name, _ in items]
        return self.ask(prompt, lambda answer: read(_chosen(answer, names)))


def _chosen(answer: str, names: Sequence[str]) -> str:
    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(names):
        return names[int(answer) - 1]
    if answer in names:
        return answer
    raise ValueError(f"Please enter a number from 1 to {len(names)}, or a name from the list.")
