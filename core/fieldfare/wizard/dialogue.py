"""Asking until an answer can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Dialogue", "Terminal"]

T = TypeVar("T")


class Terminal(Protocol):
    """Where questions go and answers come from."""

    def read(self, prompt: str) -> str:
        """Return one line that was typed, without its end.

        Raises:
            EOFError: there are no more.
        """
        ...

    def write(self, line: str) -> None:
        """Show a line."""
        ...


class Dialogue:
    """A conversation with somebody at a terminal, or with a file of answers.

    Args:
        terminal: where it takes place.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def tell(self, *lines: str) -> None:
        """Show some lines."""
        for line in lines:
            self._terminal.write(line)

    def ask(self, prompt: str, read: Callable[[str], T], *, exact: bool = False) -> T | None:
        """Ask until an answer can be read.

        Args:
            prompt: the question.
            read: makes a result of an answer; its ``ValueError`` is shown, and the question asked again.
            exact: whether blanks around an answer belong to it.

        Returns:
            What was read, or None for a blank answer.

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
                self.tell(str(error))

    def choose(self, title: str, items: Sequence[tuple[str, str]], prompt: str, read: Callable[[str], T]) -> T | None:
        """Show a numbered list and ask for one of its items.

        Args:
            title: the line above the list.
            items: name, what is shown.
            prompt: the question.
            read: makes a result of the chosen name; its ``ValueError`` is shown, and the question asked again.

        Returns:
            What was read, or None for a blank answer.
        """
        self.tell(title, *(f"{number}. {shown}" for number, (_, shown) in enumerate(items, 1)))
        names = [name for name, _ in items]
        return self.ask(prompt, lambda answer: read(_chosen(answer, names)))


def _chosen(answer: str, names: Sequence[str]) -> str:
    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(names):
        return names[int(answer) - 1]
    if answer in names:
        return answer
    raise ValueError(f"Please enter a number from 1 to {len(names)}, or a name from the list.")
