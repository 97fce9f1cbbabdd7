"""Rules that a value has to keep; each says in its text what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from fieldfare.definition import AttributeValue

__all__ = ["Character", "Choice", "Range"]


@frozen
class Choice:
    """One of a few words, in any case.

    Attributes:
        words: in upper case.
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, words: str) -> Choice:
        """Build a choice from words with spaces between them."""
        return cls(tuple(words.split()))

    def accepts(self, value: AttributeValue) -> bool:
        """Whether a value keeps the rule."""
        return str(value).upper() in self.words

    def __str__(self) -> str:
        """Say what is asked for."""
        return f"one of {', '.join(self.words)}"


@frozen
class Range:
    """A number within bounds, both included; no upper bound if ``high`` is None."""

    low: float
    high: float | None = None

    def accepts(self, value: AttributeValue) -> bool:
        """Whether a value keeps the rule."""
        if isinstance(value, str):
            return False
        return self.low <= value and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        """Say what is asked for."""
        return f"at least {self.low:g}" if self.high is None else f"between {self.low:g} and {self.high:g}"


@frozen
class Character:
    """Text of one byte."""

    def accepts(self, value: AttributeValue) -> bool:
        """Whether a value keeps the rule."""
        return len(str(value).encode("utf-8", "surrogateescape")) == 1

    def __str__(self) -> str:
        """Say what is asked for."""
        return "a single one-byte character"
